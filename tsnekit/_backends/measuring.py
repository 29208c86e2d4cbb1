"""Some distances of a neighbor graph, measured again in float64."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._backends.contracts import described, refuse
from tsnekit._util.distances import distances_of
from tsnekit._util.metrics import metric_name
from tsnekit.interfaces import NeighborGraph, NeighborSearch, SearchProblem

__all__ = ["check_distances"]

logger = logging.getLogger(__name__)

N_ROWS, N_OF_ROW = 25, 4
"""How many rows are measured, and how many neighbors of each."""

RELATIVE, ABSOLUTE = 1e-2, 5e-3
"""Largest error of a distance: a share of itself, and a share of the median of those measured.

The error of an honest search is that of float32 arithmetic, far below both.
"""

LEAST, FARTHEST = 1e-37, 2.0**40
"""Distances that are not compared: less than float32 holds, and more than so many medians.

A search in float32 may move rows that are farther than this.
"""

_OF_ALL_ROWS = frozenset({"seuclidean", "mahalanobis"})
"""Metrics that depend on all rows."""


def check_distances(
    graph: NeighborGraph, search: NeighborSearch, problem: SearchProblem, queries: Any, X: Any
) -> None:
    """Compare some distances that a search returned with those by the definition of the metric.

    Where nobody but the search defines the metric, or where the search was given its distances, the
    comparison is left out, and the log says so.

    Parameters
    ----------
    graph : NeighborGraph
        Checked by `tsnekit._backends.contracts.check_graph`.
    search : NeighborSearch
    problem : SearchProblem
    queries : array or CSR matrix of shape (m, p)
        The rows whose neighbors were searched.
    X : array or CSR matrix of shape (n, p)
        The rows that are neighbors.

    Raises
    ------
    ContractError
        If a distance is not that of the metric.
    """
    rows = _spread(graph.indices.shape[0], N_ROWS)
    places = _spread(graph.indices.shape[1], N_OF_ROW)
    indices = graph.indices[np.ix_(rows, places)]
    found = graph.distances[np.ix_(rows, places)].astype(np.float64)
    try:
        true = _measured(search, problem, queries, X, rows, indices)
    except ValueError as error:
        logger.info("the distances of this search are not measured again: %s", error)
        return
    typical = float(np.median(true[np.isfinite(true)])) if np.isfinite(true).any() else 0.0
    known = (true == 0) | ((true >= LEAST) & (true <= FARTHEST * max(typical, LEAST)))
    with np.errstate(invalid="ignore"):
        wrong = known & (np.abs(found - true) > RELATIVE * true + ABSOLUTE * typical)
    if not wrong.any():
        return
    row, place = np.argwhere(wrong)[0]
    squared = np.abs(found - true**2) <= RELATIVE * true**2 + 1e-30
    hint = "; they are squared" if squared[wrong].all() else ""
    refuse(
        described("neighbors", search),
        f"returned distances that are not those of metric {metric_name(problem.metric)}: "
        f"{found[row, place]:.6g} from row {rows[row]} to row {indices[row, place]}, and it is "
        f"{true[row, place]:.6g} ({wrong.sum()} of {known.sum()} are wrong{hint})",
    )


def _spread(n: int, wanted: int) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, n - 1, min(n, wanted)).astype(np.intp))


def _measured(
    search: NeighborSearch,
    problem: SearchProblem,
    queries: Any,
    X: Any,
    rows: NDArray[np.intp],
    indices: NDArray[np.int32],
) -> NDArray[np.float64]:
    """Return the distances of some rows to some neighbors of each.

    Raises
    ------
    ValueError
        If they cannot be measured; the message says why.
    """
    if getattr(search, "has_given_distances", False):
        raise ValueError("it was given the distances")
    if problem.metric == "precomputed":
        picked = queries[np.repeat(rows, indices.shape[1]), indices.ravel()]
        return np.asarray(picked, dtype=np.float64).reshape(indices.shape)
    params = problem.metric_params
    if problem.metric in _OF_ALL_ROWS and not params:
        if queries is not X:
            raise ValueError(f"metric {problem.metric!r} depends on all rows")
        return _between(distances_of(X, problem.metric), rows, indices)
    # Only the rows that are compared: neither the time nor the memory depends on the data.
    neighbors, at = np.unique(indices, return_inverse=True)
    own, others = queries[rows], X[neighbors]
    if hasattr(X, "indptr"):
        from scipy.sparse import vstack

        some = vstack([own, others], format="csr")
    else:
        some = np.concatenate([own, others])
    places = at.reshape(indices.shape) + len(rows)
    return _between(distances_of(some, problem.metric, params), np.arange(len(rows)), places)


def _between(distances: Any, rows: Any, indices: Any) -> NDArray[np.float64]:
    own = [distances.between(int(row), each) for row, each in zip(rows, indices, strict=True)]
    return np.ldexp(distances.measured(np.array(own)), distances.exponent)
