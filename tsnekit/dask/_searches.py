"""Neighbor searches as recipes, which tasks build and fit where the rows are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tsnekit._backends.resolve import Choice, find_registered
from tsnekit._util.metrics import plain_metric
from tsnekit.affinity._search import resolve_search
from tsnekit.errors import BackendUnavailableError
from tsnekit.interfaces import Metric
from tsnekit.specs import NeighborSpec

__all__ = ["Recipe", "exact_recipe", "resolve_recipe"]

OF_THE_DATA = {
    "seuclidean": ("V", "the variance of each column"),
    "mahalanobis": ("VI", "the inverse of the columns' covariance"),
}
"""Metrics with a parameter that a search otherwise computes from the rows that it has."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to build a neighbor search; the task that has the rows builds it.

    Parameters
    ----------
    method : str or NeighborSearch
        An instance is copied at each use.
    params : mapping, optional
        Options of the search.
    metric, metric_params, n_jobs, verbose, feature_names
        See `tsnekit.interfaces.SearchProblem`.
    """

    method: Any
    params: Mapping[str, Any] | None = None
    metric: Metric = "euclidean"
    metric_params: Mapping[str, Any] | None = None
    n_jobs: int = 1
    verbose: bool = False
    feature_names: tuple[str, ...] | None = None

    def resolve(self, X: Any, seed: int = 0) -> tuple[Any, Any]:
        """Return the search that suits these rows, with the choice of it, and its problem."""
        return resolve_search(
            self.method,
            X,
            metric=self.metric,
            metric_params=self.metric_params,
            params=self.params,
            n_jobs=self.n_jobs,
            seed=seed,
            verbose=self.verbose,
            feature_names=self.feature_names,
        )

    def of_all_rows(self, shape: tuple[int, int], sparse: bool, seed: int = 0) -> tuple[Any, Any]:
        """Return the same for rows that are in no one place."""
        return self.resolve((_Sparse if sparse else _Dense)(shape), seed)

    def fit(self, X: Any, seed: int = 0) -> Any:
        """Return the search that suits these rows, fitted to them."""
        backend, problem = self.resolve(X, seed)
        return backend.instance.fit(X, problem)


@dataclass(frozen=True)
class _Dense:
    """What the resolution of a search looks at, in place of rows."""

    shape: tuple[int, int]


@dataclass(frozen=True)
class _Sparse(_Dense):
    indptr: None = None


def resolve_recipe(recipe: Recipe, shape: tuple[int, int], sparse: bool) -> tuple[Choice, bool]:
    """Return which search serves rows of this shape, and whether it is exact, before any work.

    Raises
    ------
    TypeError, ValueError
        If the search, its options or the metric are not valid, or need all rows in one place.
    BackendUnavailableError
        If the search cannot serve the rows.
    """
    metric, params = plain_metric(recipe.metric, recipe.metric_params)
    if metric == "precomputed" or recipe.method == "precomputed":
        raise ValueError(
            "neighbors cannot be precomputed on a cluster: no worker has the distances to all "
            "rows; give the rows themselves"
        )
    if isinstance(metric, str) and metric in OF_THE_DATA:
        name, what = OF_THE_DATA[metric]
        if name not in (params or {}):
            raise ValueError(
                f"metric {metric!r} needs {name} in metric_params on a cluster: {what}, which a "
                "worker cannot compute from its part of the rows"
            )
    backend, _ = recipe.of_all_rows(shape, sparse)
    found = find_registered("neighbors", backend.instance)
    spec = None if found is None else found.spec
    return backend.choice, isinstance(spec, NeighborSpec) and spec.exact and spec.query


def exact_recipe(recipe: Recipe, shape: tuple[int, int], sparse: bool) -> tuple[Recipe, bool]:
    """Return a search in the same metric that measures centers and samples, and if it is exact.

    Exact search has nearly all metrics. In the others, the approximate search that the rules
    choose is exact enough for centers, but not to tell a recall.
    """
    ruler = replace(recipe, method="exact", params=None)
    try:
        ruler.of_all_rows(shape, sparse)
    except BackendUnavailableError:
        return replace(ruler, method="approx"), False
    return ruler, True
