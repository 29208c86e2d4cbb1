"""From data, or given neighbors, to the index that affinities are computed from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from tsnekit._backends.named import check_metric, function_of_metric
from tsnekit._backends.resolve import Backend, check_name, resolve_backend
from tsnekit._util.metrics import canonical_metric, check_metric_params, plain_metric
from tsnekit._util.process import show_logs
from tsnekit._util.random_states import as_random_state
from tsnekit._util.threads import resolve_n_jobs
from tsnekit._util.validation import check_data, column_names, short_repr
from tsnekit.affinity._index import NeighborIndex
from tsnekit.interfaces import Metric, NeighborGraph, SearchProblem

__all__ = ["build_kernel", "check_neighbors", "find_index", "resolve_search"]


def check_neighbors(method: Any) -> None:
    """Check that `method` names a neighbor search or is an instance of one.

    Raises
    ------
    TypeError, ValueError
        If `method` is neither, or is a `NeighborIndex`, which already holds a search.
    """
    if isinstance(method, NeighborIndex):
        raise TypeError(
            f"neighbors must be the name of a neighbor search or an instance of one, got "
            f"{type(method).__name__}; give known neighbors as knn_index to a class of "
            "tsnekit.affinity"
        )
    check_name("neighbors", method)


def resolve_search(
    method: Any,
    X: Any,
    *,
    metric: Metric = "euclidean",
    metric_params: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    n_jobs: int = 1,
    seed: int = 0,
    verbose: bool = False,
    feature_names: tuple[str, ...] | None = None,
) -> tuple[Backend, SearchProblem]:
    """Choose and build the neighbor search for a data set; nothing is searched yet.

    Parameters
    ----------
    method : str or NeighborSearch
    X : array or CSR matrix of shape (n, p)
        Validated data.
    metric, metric_params, params, n_jobs, seed, verbose, feature_names
        See `tsnekit.interfaces.SearchProblem`; `params` are the options of the search.

    Returns
    -------
    (Backend, SearchProblem)
    """
    check_neighbors(method)
    if isinstance(method, str) or not isinstance(metric, str):
        check_metric(metric)
    check_metric_params(canonical_metric(metric), metric_params, X.shape[1])
    metric, metric_params = plain_metric(metric, metric_params)
    metric = function_of_metric(metric, metric_params, method)
    if metric == "precomputed" and isinstance(method, str) and method == "exact":
        method = "precomputed"  # reading off distances is an exact search
    problem = SearchProblem(
        n_samples=X.shape[0],
        n_features=X.shape[1],
        metric=metric,
        metric_params=metric_params,
        sparse=hasattr(X, "indptr"),
        n_jobs=n_jobs,
        seed=seed,
        verbose=verbose,
        feature_names=feature_names,
    )
    asked = problem
    by_name = isinstance(method, str) and method == "precomputed"
    if by_name and params and params.get("graph") is not None:
        # Neighbors that are known take the place of distances, whatever these are.
        asked = dataclasses.replace(problem, metric="precomputed", metric_params=None)
    return resolve_backend("neighbors", method, asked, params=params), problem


def build_kernel(name: str, **options: Any) -> Any:
    """Return the affinity kernel that is registered by a name."""
    return resolve_backend("affinity", name, params=options).instance


def find_index(
    data: Any,
    knn_index: NeighborIndex | NeighborGraph | None,
    *,
    method: Any,
    metric: Any,
    metric_params: Mapping[str, Any] | None,
    n_jobs: int | None,
    random_state: Any,
    verbose: bool,
    knn_kwargs: Mapping[str, Any] | None,
) -> NeighborIndex:
    """Return the given index, or a new index of the data, which is searched at its first use."""
    if (data is None) == (knn_index is None):
        given = "neither" if data is None else "both"
        raise ValueError(f"give either data or knn_index, got {given}")
    if isinstance(knn_index, NeighborIndex):
        return knn_index
    if isinstance(knn_index, NeighborGraph):
        return NeighborIndex.from_graph(knn_index)
    if knn_index is not None:
        raise TypeError(
            f"knn_index must be a NeighborIndex or a NeighborGraph, got {short_repr(knn_index)}"
        )
    n_jobs = resolve_n_jobs(n_jobs)
    rng = as_random_state(random_state)
    X = check_data(data, name="data", keep_zeros=canonical_metric(metric) == "precomputed")
    with show_logs(verbose):
        backend, problem = resolve_search(
            method,
            X,
            metric=metric,
            metric_params=metric_params,
            params=knn_kwargs,
            n_jobs=n_jobs,
            seed=int(rng.randint(np.iinfo(np.int32).max)),
            verbose=verbose,
            feature_names=column_names(data),
        )
    return NeighborIndex(X.shape[0], search=backend.instance, problem=problem, data=X)
