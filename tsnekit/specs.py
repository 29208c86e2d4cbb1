"""What a backend says about itself: one frozen dataclass for each extension point.

A spec names its factory by a dotted path, so that listing the backends imports none of them. By
default, it claims as few capabilities as possible. Its fields are checked when it is created. Only
`Spec.unmet` decides whether a backend can serve a problem, both for ``auto`` and for a backend that
the user named.
"""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass
from typing import Any

from tsnekit._spec import Spec
from tsnekit._util.fields import (
    check_dimensions,
    check_names,
    check_path,
    check_schedule,
    check_text,
    check_wants,
    refused_dimensions,
)
from tsnekit._util.metrics import metric_name
from tsnekit._util.validation import check_integer, check_real
from tsnekit.forces import ForceProblem
from tsnekit.interfaces import InitSource, RepulsionProblem, SearchProblem

__all__ = [
    "NAMED",
    "POINTS",
    "AffinitySpec",
    "CallbackSpec",
    "ForceSpec",
    "GradientSpec",
    "InitializerSpec",
    "MetricSpec",
    "NeighborSpec",
    "OptimizerSpec",
    "Spec",
]


KL_DIVERGENCE = "KL divergence"
"""The objective of t-SNE."""


@dataclass(frozen=True, kw_only=True)
class NeighborSpec(Spec):
    """A neighbor search.

    Parameters
    ----------
    metrics : frozenset of str or str, default=frozenset({"euclidean"})
        The names of its metrics, or the dotted path of a predicate ``(name, sparse) -> bool`` that
        asks the backend itself.
    callable_metrics : str or bool, default=False
        Whether the metric may be a function of two rows, or the dotted path of a predicate
        ``(metric) -> bool``.
    metric_params : bool, default=False
        Whether `metric_params` are passed on to the metric.
    sparse : bool, default=False
        Whether the data may be a CSR matrix.
    query : bool, default=False
        Whether it finds neighbors of new rows (`tsnekit.interfaces.SupportsQuery`).
    exact : bool, default=False
        Whether it always finds the true nearest neighbors.
    deterministic : bool, default=False
        Whether the same seed gives the same graph for any number of threads.
    recall : float, default=0.9
        The share of true neighbors that it finds by default on 1,000 rows or more of real data.
    cost : str, optional
        Dotted path of a function ``(problem, k) -> float`` that estimates the seconds of a search.
    """

    kind = "neighbor search"
    hook = "tsnekit_neighbor_searches"

    metrics: frozenset[str] | str = frozenset({"euclidean"})
    callable_metrics: bool | str = False
    metric_params: bool = False
    sparse: bool = False
    query: bool = False
    exact: bool = False
    deterministic: bool = False
    recall: float = 0.9
    cost: str | None = None

    def _checked(self) -> dict[str, Any]:
        checked = super()._checked()
        if isinstance(self.metrics, str):
            checked["metrics"] = check_path(self._field("metrics"), self.metrics)
        else:
            checked["metrics"] = frozenset(check_names(self._field("metrics"), self.metrics))
        if isinstance(self.callable_metrics, str):
            check_path(self._field("callable_metrics"), self.callable_metrics)
        else:
            checked |= self._checked_flags("callable_metrics")
        if self.cost is not None:
            checked["cost"] = check_path(self._field("cost"), self.cost)
        recall = check_real(self._field("recall"), self.recall, at_least=0)
        if recall > 1:
            raise ValueError(f"{self._field('recall')} must be at most 1, got {self.recall!r}")
        flags = self._checked_flags("metric_params", "sparse", "query", "exact", "deterministic")
        return checked | flags | {"recall": recall}

    def has_metric(self, metric: str, *, sparse: bool = False) -> bool:
        """Whether the backend has a metric of this name."""
        if isinstance(self.metrics, str):
            return bool(pkgutil.resolve_name(self.metrics)(metric, sparse))
        return metric in self.metrics

    def _refusals(self, problem: SearchProblem) -> list[str]:
        reasons = []
        metric = problem.metric
        if problem.sparse and not self.sparse:
            reasons.append("sparse data is not supported")
        if isinstance(metric, str):
            if not self.has_metric(metric, sparse=problem.sparse):
                what = " for sparse data" if problem.sparse else ""
                reasons.append(f"metric {metric!r} is not among its metrics{what}")
        elif problem.sparse:
            reasons.append("a function as metric needs dense data")
        elif isinstance(self.callable_metrics, str):
            if not pkgutil.resolve_name(self.callable_metrics)(metric):
                reasons.append(f"the metric function {metric_name(metric)} cannot be compiled")
        elif not self.callable_metrics:
            reasons.append("a function as metric is not supported")
        if problem.metric_params and not self.metric_params:
            reasons.append("metric_params are not supported")
        if problem.needs_query and not self.query:
            reasons.append("neighbors of new rows are not supported")
        return reasons


@dataclass(frozen=True, kw_only=True)
class AffinitySpec(Spec):
    """An affinity kernel."""

    kind = "affinity kernel"
    hook = "tsnekit_affinity_kernels"


@dataclass(frozen=True, kw_only=True)
class InitializerSpec(Spec):
    """An initializer.

    Parameters
    ----------
    needs_data : bool, default=False
        Whether it starts from the data matrix.
    needs_affinities : bool, default=False
        Whether it starts from the affinities.
    sparse : bool, default=False
        Whether the data may be a CSR matrix.
    needs_labels : bool, default=False
        Whether it needs a label of each row. Labels that the user gave are there in any case.
    """

    kind = "initializer"
    hook = "tsnekit_initializers"

    needs_data: bool = False
    needs_affinities: bool = False
    sparse: bool = False
    needs_labels: bool = False

    def _checked(self) -> dict[str, Any]:
        flags = self._checked_flags("needs_data", "needs_affinities", "sparse", "needs_labels")
        return super()._checked() | flags

    def _refusals(self, problem: InitSource) -> list[str]:
        reasons = []
        if self.needs_data and problem.data is None:
            reasons.append("needs the data matrix X")
        if self.needs_affinities and problem.affinities is None:
            reasons.append("needs affinities")
        if self.needs_labels and problem.labels is None:
            reasons.append("needs labels")
        if self.needs_data and not self.sparse and hasattr(problem.data, "indptr"):
            reasons.append("sparse data is not supported")
        return reasons


@dataclass(frozen=True, kw_only=True)
class GradientSpec(Spec):
    """A gradient method.

    Parameters
    ----------
    n_components : tuple of int or None, default=(2,)
        Embedding dimensions that it supports; None for any.
    any_dof : bool, default=False
        Whether `dof` may differ from 1.
    reference : bool, default=False
        Whether it computes the forces of a fixed reference on other points.
    exact : bool, default=False
        Whether the forces are exact up to rounding.
    max_samples : int, optional
        The most points that it accepts.
    whole_gradient : bool, default=False
        Whether its plan is a `tsnekit.interfaces.WholeGradient`.
    separable : bool, default=False
        Whether its plan without a reference is a `tsnekit.interfaces.SeparableRepulsion`.
    objective : str, default="KL divergence"
        The name of what it makes small. With another one, its plan is a
        `tsnekit.interfaces.SupportsLoss`.
    wants : collection of {"neighbors", "seed", "phase"}, default=frozenset()
        What it wants to know of the map: the neighbors in the data and a seed, as parts of the
        `tsnekit.interfaces.RepulsionProblem`, and the phase that is in force, by a plan without a
        reference that is one of `tsnekit.interfaces.FollowsPhases`.
    descends : str, optional
        Name of the optimizer whose iterations its plan without a reference takes by itself, as one
        of `tsnekit.interfaces.Descends`. Needs `whole_gradient`.
    """

    kind = "gradient method"
    hook = "tsnekit_gradient_methods"

    n_components: tuple[int, ...] | None = (2,)
    any_dof: bool = False
    reference: bool = False
    exact: bool = False
    max_samples: int | None = None
    whole_gradient: bool = False
    separable: bool = False
    objective: str = KL_DIVERGENCE
    wants: frozenset[str] = frozenset()
    descends: str | None = None

    def _checked(self) -> dict[str, Any]:
        checked = super()._checked()
        checked["n_components"] = check_dimensions(self._field("n_components"), self.n_components)
        if self.descends is not None:
            check_text(self._field("descends"), self.descends)
            if not self.whole_gradient:
                raise ValueError(f"{self._field('descends')} needs whole_gradient=True")
        if self.max_samples is not None:
            field = self._field("max_samples")
            checked["max_samples"] = check_integer(field, self.max_samples, at_least=1)
        checked["objective"] = check_text(self._field("objective"), self.objective)
        flags = self._checked_flags("any_dof", "reference", "exact", "whole_gradient", "separable")
        wants = check_wants(self._field("wants"), self.wants, ("neighbors", "seed", "phase"))
        if self.objective != KL_DIVERGENCE and not self.whole_gradient:
            raise ValueError(f"{self._field('objective')} needs whole_gradient=True")
        return checked | flags | {"wants": wants}

    def _refusals(self, problem: RepulsionProblem) -> list[str]:
        reasons = refused_dimensions(self.n_components, problem.n_components)
        if problem.dof != 1 and not self.any_dof:
            reasons.append(f"dof={problem.dof:g} is not supported, only 1")
        if problem.reference is not None and not self.reference:
            reasons.append(
                "adding points to a fixed embedding is not supported; move them by another method, "
                "as in prepare_partial(X).optimize(250, negative_gradient_method='auto')"
            )
        if self.max_samples is not None and problem.n_samples > self.max_samples:
            reasons.append(f"n_samples={problem.n_samples} is more than {self.max_samples}")
        # Before there are affinities, nobody knows whether they will know the neighbors.
        computed = problem.affinities is not None and problem.reference is None
        if "neighbors" in self.wants and computed and problem.neighbors is None:
            reasons.append("needs neighbors, which these affinities do not know")
        return reasons


@dataclass(frozen=True, kw_only=True)
class OptimizerSpec(Spec):
    """An optimizer.

    Parameters
    ----------
    wants : collection of {"rows"}, default=frozenset()
        What it wants to know of the map: the rows that it moves and those that are held, as one of
        `tsnekit.interfaces.FollowsRows`.
    """

    kind = "optimizer"
    hook = "tsnekit_optimizers"

    wants: frozenset[str] = frozenset()

    def _checked(self) -> dict[str, Any]:
        wants = check_wants(self._field("wants"), self.wants, ("rows",))
        return super()._checked() | {"wants": wants}


@dataclass(frozen=True, kw_only=True)
class ForceSpec(Spec):
    """A force term.

    Its weight and schedule are what users get who give none.

    Parameters
    ----------
    n_components : tuple of int or None, default=(2,)
        Dimensions of maps that it supports; None for any.
    new_points : bool, default=False
        Whether it acts on points that are added to a finished map.
    needs_neighbors : bool, default=False
        Whether it needs the neighbors in the data and their distances.
    weight : float, default=1.0
        Factor of its loss.
    start, stop : float, default=0.0 and 1.0
        The part of the iterations of a phase in which it acts, as shares of them.
    phases : tuple of str or None, default=None
        Names of the phases in which it acts, such as "optimization"; None for all of them.
    """

    kind = "force term"
    hook = "tsnekit_forces"

    n_components: tuple[int, ...] | None = (2,)
    new_points: bool = False
    needs_neighbors: bool = False
    weight: float = 1.0
    start: float = 0.0
    stop: float = 1.0
    phases: tuple[str, ...] | None = None

    def _checked(self) -> dict[str, Any]:
        checked = super()._checked()
        checked["n_components"] = check_dimensions(self._field("n_components"), self.n_components)
        checked |= check_schedule(self._field(""), self.schedule)
        return checked | self._checked_flags("new_points", "needs_neighbors")

    @property
    def schedule(self) -> dict[str, Any]:
        """The weight and the schedule, by name."""
        return {name: getattr(self, name) for name in ("weight", "start", "stop", "phases")}

    def _refusals(self, problem: ForceProblem) -> list[str]:
        reasons = refused_dimensions(self.n_components, problem.n_components)
        if problem.reference is not None and not self.new_points:
            reasons.append(
                "points that are added to a finished map are not supported; forces=None leaves "
                "the term out"
            )
        if problem.reference is None and self.needs_neighbors and problem.neighbors is None:
            reasons.append("needs neighbors and their distances, but has affinities alone")
        return reasons


@dataclass(frozen=True, kw_only=True)
class MetricSpec(Spec):
    """A metric, for all neighbor searches that take a function as metric.

    Its factory is the function itself, of two rows, and the keyword-only parameters of the function
    are the `metric_params`. Names that SciPy or scikit-learn give to a metric are taken.

    Parameters
    ----------
    pairwise : str, optional
        Dotted path of a function ``(A, B, **metric_params) -> distances`` of rows (m, p) and (n, p)
        that returns the same distances (m, n), faster. Exact search uses it.
    """

    kind = "metric"
    hook = "tsnekit_metrics"

    pairwise: str | None = None

    def _checked(self) -> dict[str, Any]:
        checked = super()._checked()
        if self.pairwise is not None:
            checked["pairwise"] = check_path(self._field("pairwise"), self.pairwise)
        return checked


@dataclass(frozen=True, kw_only=True)
class CallbackSpec(Spec):
    """A callback, such as a rule that ends the optimization; see `tsnekit.callbacks`.

    All parameters of its factory are its options, also those that have no default.
    """

    kind = "callback"
    hook = "tsnekit_callbacks"


POINTS: dict[str, type[Spec]] = {
    "neighbors": NeighborSpec,
    "affinity": AffinitySpec,
    "initialization": InitializerSpec,
    "negative_gradient_method": GradientSpec,
    "optimizer": OptimizerSpec,
    "forces": ForceSpec,
}
"""Spec class of each extension point, by the parameter that names a backend."""

NAMED: dict[str, type[Spec]] = {
    "metric": MetricSpec,
    "callbacks": CallbackSpec,
}
"""Spec class of what has a name and is no backend, by the parameter that takes the name."""
