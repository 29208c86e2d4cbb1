"""What a backend says about itself: one frozen dataclass for each extension point.

A spec names its factory by a dotted path, so that listing the backends imports none of them. By
default, it claims as few capabilities as possible. Its fields are checked when it is created. Only
`Spec.unmet` decides whether a backend can serve a problem, both for ``auto`` and for a backend that
the user named.
"""

from __future__ import annotations

import importlib.util
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from tsnekit._util.failures import FAILURES, describe
from tsnekit._util.fields import (
    check_bool,
    check_dimensions,
    check_names,
    check_path,
    check_requirements,
    check_schedule,
    check_text,
    refused_dimensions,
)
from tsnekit._util.metrics import metric_name
from tsnekit._util.validation import check_integer, check_real
from tsnekit.forces import ForceProblem
from tsnekit.interfaces import InitSource, RepulsionProblem, SearchProblem

__all__ = [
    "POINTS",
    "AffinitySpec",
    "ForceSpec",
    "GradientSpec",
    "InitializerSpec",
    "NeighborSpec",
    "OptimizerSpec",
    "Spec",
]


KL_DIVERGENCE = "KL divergence"
"""The objective of t-SNE."""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What all backends have in common.

    Parameters
    ----------
    name : str
        The name that users write.
    factory : str
        Dotted path ``"package.module:Class"`` of a callable whose keyword-only parameters are the
        backend's options.
    aliases : tuple of str, default=()
        Other names for the same backend.
    summary : str, default=""
        One line for listings.
    requires : tuple of str, default=()
        Modules that must be importable, as ``"module"`` or, if the distribution has another name,
        as ``"module:distribution"``.

    Raises
    ------
    TypeError, ValueError
        If a field is not as described here; the message names the field.
    """

    kind: ClassVar[str]
    hook: ClassVar[str]

    name: str
    factory: str
    aliases: tuple[str, ...] = ()
    summary: str = ""
    requires: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the fields."""
        for field, checked in self._checked().items():
            object.__setattr__(self, field, checked)

    def _checked(self) -> dict[str, Any]:
        """Return the checked value of each field by its name."""
        aliases = check_names(self._field("aliases"), self.aliases)
        if self.name in aliases:
            raise ValueError(f"{self._field('aliases')} must differ from name, got {self.name!r}")
        return {
            "name": check_text(f"{type(self).__name__}.name", self.name),
            "factory": check_path(self._field("factory"), self.factory),
            "aliases": aliases,
            "summary": check_text(self._field("summary"), self.summary, empty=True),
            "requires": check_requirements(self._field("requires"), self.requires),
        }

    def _checked_flags(self, *fields: str) -> dict[str, bool]:
        return {field: check_bool(self._field(field), getattr(self, field)) for field in fields}

    def _field(self, field: str) -> str:
        """Return the name of a field for messages."""
        return f"{type(self).__name__}({self.name!r}).{field}"

    @property
    def names(self) -> tuple[str, ...]:
        """The name and its aliases."""
        return (self.name, *self.aliases)

    def load(self) -> Callable[..., Any]:
        """Import and return the factory."""
        factory: Callable[..., Any] = pkgutil.resolve_name(self.factory)
        return factory

    def missing(self) -> tuple[str, ...]:
        """Return a reason for each requirement that is not installed."""
        reasons = []
        for requirement in self.requires:
            module, _, distribution = requirement.partition(":")
            if not _is_installed(module):
                reasons.append(f"needs {module}: pip install {distribution or module}")
        return tuple(reasons)

    def unmet(self, problem: Any) -> tuple[str, ...]:
        """Return the reasons why the backend cannot serve `problem`; empty where it can."""
        missing = self.missing()
        if missing:
            return missing
        try:
            return tuple(self._refusals(problem))
        except FAILURES as error:
            # All specs are asked, and one that fails must not stop the others.
            return (f"its spec does not answer: {describe(error)}",)

    def _refusals(self, problem: Any) -> list[str]:
        return []


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except FAILURES:  # from the import of the package that the module is in
        return False


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
    """

    kind = "initializer"
    hook = "tsnekit_initializers"

    needs_data: bool = False
    needs_affinities: bool = False
    sparse: bool = False

    def _checked(self) -> dict[str, Any]:
        flags = self._checked_flags("needs_data", "needs_affinities", "sparse")
        return super()._checked() | flags

    def _refusals(self, problem: InitSource) -> list[str]:
        reasons = []
        if self.needs_data and problem.data is None:
            reasons.append("needs the data matrix X")
        if self.needs_affinities and problem.affinities is None:
            reasons.append("needs affinities")
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

    def _checked(self) -> dict[str, Any]:
        checked = super()._checked()
        checked["n_components"] = check_dimensions(self._field("n_components"), self.n_components)
        if self.max_samples is not None:
            field = self._field("max_samples")
            checked["max_samples"] = check_integer(field, self.max_samples, at_least=1)
        checked["objective"] = check_text(self._field("objective"), self.objective)
        flags = self._checked_flags("any_dof", "reference", "exact", "whole_gradient", "separable")
        if self.objective != KL_DIVERGENCE and not self.whole_gradient:
            raise ValueError(f"{self._field('objective')} needs whole_gradient=True")
        return checked | flags

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
        return reasons


@dataclass(frozen=True, kw_only=True)
class OptimizerSpec(Spec):
    """An optimizer."""

    kind = "optimizer"
    hook = "tsnekit_optimizers"


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


POINTS: dict[str, type[Spec]] = {
    "neighbors": NeighborSpec,
    "affinity": AffinitySpec,
    "initialization": InitializerSpec,
    "negative_gradient_method": GradientSpec,
    "optimizer": OptimizerSpec,
    "forces": ForceSpec,
}
"""Spec class of each extension point, by the parameter that names a backend."""
