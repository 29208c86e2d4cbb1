"""Searches by PyNNDescent: over rows of float32, and in any metric that it has."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import NeighborGraph, SearchProblem
from tsnekit.plugins.neighbors._cost import exact_seconds
from tsnekit.plugins.neighbors._numba import is_cut_off, quiet_numba
from tsnekit.plugins.neighbors._rows.approximate import (
    BLIND,
    ApproximateSearch,
    can_scan_precisely,
    warn_of_blur,
    warn_of_shortfall,
)
from tsnekit.plugins.neighbors._rows.base import check_finite_lists, check_k
from tsnekit.plugins.neighbors._rows.lists import Lists, drop_self, scan
from tsnekit.plugins.neighbors._rows.pairwise import CandidateDistances
from tsnekit.plugins.neighbors._rows.precision import order_lists
from tsnekit.plugins.neighbors._rows.sample import Sample, spread_rows
from tsnekit.plugins.neighbors._rows.spaces import VectorSpace
from tsnekit.plugins.neighbors.exact import ExactSearch
from tsnekit.toolkit import metric_name

__all__ = ["Descent", "DescentInAnyMetric", "DescentOfRows"]

logger = logging.getLogger(__name__)

MIN_RECALL = 0.95

MOST_SECONDS = 30.0
"""Longest exact search, on one thread, of what descent does not find; in seconds."""

SAMPLED_PAIRS = 4_000_000
"""Pairs of rows that are measured to estimate the share of neighbors that descent finds."""

_KERNEL_NAMES = {"sqeuclidean": "euclidean"}

# Metrics that a shift of all rows does not change, and that a factor of all rows multiplies.
_HOMOGENEOUS = frozenset({"euclidean", "sqeuclidean", "manhattan", "chebyshev", "minkowski"})


class Descent:
    """The index of PyNNDescent, built when it is first needed.

    Parameters
    ----------
    rows : float32 array or CSR matrix of shape (n, p)
    metric : str or callable
        PyNNDescent's name of the metric, or a compiled function.
    problem : SearchProblem
    n_trees, n_iters : int, optional
        See `PyNNDescentSearch`.
    """

    def __init__(
        self,
        rows: Any,
        metric: Any,
        problem: SearchProblem,
        n_trees: int | None,
        n_iters: int | None,
    ) -> None:
        self._rows = rows
        self._metric = metric
        self._problem = problem
        self._n_trees = n_trees
        self._n_iters = n_iters
        self.index: Any = None

    def can_answer(self, n_neighbors: int) -> bool:
        """Return whether this process can find so many neighbors, which a fork may prevent."""
        return not (self._needs_building(n_neighbors) and is_cut_off())

    def graph(self, n_neighbors: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the nearest rows of each row, mostly itself first, and their distances."""
        indices, distances = self._built(n_neighbors).neighbor_graph
        return indices[:, :n_neighbors], distances[:, :n_neighbors]

    def query(self, queries: Any, k: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the nearest rows of each query, and their distances."""
        index = self.index or self._built(min(self._rows.shape[0], max(k, 30)))
        with quiet_numba(self._problem.n_jobs):
            indices, distances = index.query(queries, k, epsilon=0.2)
        return indices, distances

    def _needs_building(self, n_neighbors: int) -> bool:
        return self.index is None or self.index.n_neighbors < n_neighbors

    def _built(self, n_neighbors: int) -> Any:
        """Return an index with that many neighbors of each row, itself included."""
        if self._needs_building(n_neighbors):
            logger.info(
                "PyNNDescent searches with metric %s; the first search in a process takes many "
                "seconds to compile its code",
                metric_name(self._problem.metric),
            )
            with quiet_numba(self._problem.n_jobs) as n_jobs:
                from pynndescent import NNDescent

                self.index = NNDescent(
                    self._rows,
                    metric=self._metric,
                    n_neighbors=n_neighbors,
                    n_trees=self._n_trees,
                    n_iters=self._n_iters,
                    random_state=self._problem.seed % 2**32,
                    n_jobs=n_jobs,
                )
        return self.index

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the index: pickling it compiles more code than building it again."""
        return self.__dict__ | {"index": None}


class DescentOfRows(ApproximateSearch):
    """Descent in a metric of `VectorSpace`, over dense rows."""

    MIN_RECALL = MIN_RECALL

    def __init__(self, n_trees: int | None, n_iters: int | None) -> None:
        self._options = n_trees, n_iters

    def _prepare_rows(self) -> None:
        metric = _KERNEL_NAMES.get(self._space.kernel, self._space.kernel)
        self.descent = Descent(self._rows, metric, self._problem, *self._options)

    def _search_rows(self, k: int, truth: Sample) -> Lists:
        if not self.descent.can_answer(k + 1):
            n_jobs = self._problem.n_jobs
            return scan(self._rows, self._rows, self._space.kernel, k, n_jobs, first=0)
        indices, _ = self.descent.graph(k + 1)
        candidates = np.ascontiguousarray(indices, dtype=np.int32)
        lists = self._rank(self._rows, candidates, k, first=0)
        short = np.flatnonzero(lists[0][:, -1] < 0)
        if len(short):  # before the share of neighbors is estimated
            n_jobs = self._problem.n_jobs
            found = scan(self._rows[short], self._rows, self._space.kernel, k + 1, n_jobs)
            lists[0][short], lists[1][short] = drop_self(*found, short)
        return lists

    def _search_rows_for(self, queries: NDArray[np.float32], k: int) -> Lists:
        # Measuring every pair takes less time than compiling the code for queries.
        return scan(queries, self._rows, self._space.kernel, k, self._problem.n_jobs)


class DescentInAnyMetric:
    """Descent in any metric that PyNNDescent has or can compile, over dense or sparse rows.

    Attributes
    ----------
    estimated_recall : float or None
        The share of true neighbors that the last call of `neighbors` found in a sample of rows.
    """

    MAX_PAIRS = 100_000_000
    """Up to this many pairs of rows, measuring is faster than compiling the code for queries."""

    def __init__(self, n_trees: int | None, n_iters: int | None) -> None:
        self._options = n_trees, n_iters

    def fit(self, X: Any, problem: SearchProblem) -> DescentInAnyMetric:
        """Take the data, an (n, p) array or CSR matrix, and the problem to solve on it."""
        self._problem = problem
        self.estimated_recall: float | None = None
        self._X = X
        self._exact = ExactSearch(algorithm="brute").fit(X, problem)
        self._candidates = CandidateDistances(X, problem)
        self._space = VectorSpace("euclidean") if problem.metric in _HOMOGENEOUS else None
        metric = _compiled(problem.metric) if callable(problem.metric) else problem.metric
        if problem.sparse and metric == "cosine":
            # Of unit length, rows neither overflow in float32 nor lack a direction.
            self._space, metric = VectorSpace("cosine"), "euclidean"
        self.descent = Descent(self._fit_rows(X), metric, problem, *self._options)
        return self

    def neighbors(self, k: int) -> NeighborGraph:
        """Return the `k` nearest other rows of each row, 1 <= k < n."""
        n = self._X.shape[0]
        k = check_k(k, n - 1)
        rows = np.arange(n)
        if not self.descent.can_answer(k + 1):
            return self._exact.neighbors(k)
        indices, distances = self._measured(self._X, *self.descent.graph(k + 1))
        lists = self._completed(self._X, drop_self(indices, distances, rows), k, rows)
        size = min(max(SAMPLED_PAIRS // n, 64), 512)
        sample = spread_rows(n, size, self._problem.seed)
        _, true = self._true_neighbors(self._X, sample, k, rows)
        self.estimated_recall = float(np.mean(lists[1][sample] <= true[:, -1:] * (1 + 1e-6)))
        if self.estimated_recall < MIN_RECALL:
            if exact_seconds(replace(self._problem, n_jobs=1), k) <= MOST_SECONDS:
                self.estimated_recall = 1.0
                return self._exact.neighbors(k)
            warn_of_shortfall("PyNNDescentSearch", self.estimated_recall, MIN_RECALL, k)
        return NeighborGraph(*lists)

    def query(self, X: Any, k: int) -> NeighborGraph:
        """Return, for each new row, the `k` nearest rows of the fitted data."""
        k = check_k(k, self._X.shape[0])
        few = X.shape[0] * self._X.shape[0] < self.MAX_PAIRS
        if few or not self.descent.can_answer(k):
            # Measuring few pairs takes less time than compiling the code for queries.
            return self._exact.query(X, k)
        found = self.descent.query(self._float32_rows(X), k)
        return NeighborGraph(*self._completed(X, self._measured(X, *found), k, None))

    def _fit_rows(self, X: Any) -> Any:
        """Return the data in float32, shifted to the origin if this does not change the metric."""
        if self._space is None:
            return self._float32_rows(X)
        if self._problem.sparse:
            return _float32_csr(self._space.fit_sparse_rows(X))
        return self._space.fit_rows(X).values

    def _float32_rows(self, X: Any) -> Any:
        if self._space is not None:
            X = self._space.shifted(X) if self._problem.sparse else self._space.rows(X).values
        return _float32_csr(X) if self._problem.sparse else X.astype(np.float32, copy=False)

    def _measured(self, X: Any, indices: Any, distances: Any) -> Lists:
        """Return lists by true distances, with gaps for rows that float32 cannot tell apart."""
        indices = np.ascontiguousarray(indices, dtype=np.int32)
        if self._candidates.are_boolean:
            return indices, distances.astype(np.float32)
        true = self._candidates.measure(X, indices)
        if true is None:
            return indices, distances.astype(np.float32)
        if self._space is not None:
            distances = self._space.unscaled(distances, str(self._problem.metric))
            if self._space.metric == "cosine":
                distances = distances**2 / 2
        kth = true.max(axis=1, where=np.isfinite(true), initial=0.0)
        with np.errstate(invalid="ignore"):  # of two infinite distances
            gap = np.nan_to_num(np.abs(true - distances), posinf=np.inf)
        gap = gap.max(axis=1, where=indices >= 0, initial=0.0)
        blind = ~(gap <= BLIND * kth)
        if self._problem.metric == "correlation":
            blind |= _are_constant(X)
        if blind.any() and can_scan_precisely(self._X, int(blind.sum())):
            indices[blind] = -1
        elif blind.any():
            warn_of_blur(int(blind.sum()))
        true[indices < 0] = np.inf
        indices, true = order_lists(indices, true)
        with np.errstate(over="ignore", under="ignore"):
            return indices, true.astype(np.float32)

    def _completed(self, X: Any, lists: Lists, k: int, own: NDArray[Any] | None) -> Lists:
        """Return the lists, with true neighbors for rows that have too few."""
        short = np.flatnonzero((lists[0] < 0).any(axis=1))
        if len(short):
            # Descent gives -1 where it found too few rows.
            lists[0][short], lists[1][short] = self._true_neighbors(X, short, k, own)
        check_finite_lists(lists[1], self._problem.metric)
        return lists

    def _true_neighbors(
        self, X: Any, rows: NDArray[Any], k: int, own: NDArray[Any] | None
    ) -> Lists:
        """Return the nearest rows of the data for some rows of `X`; `own` excludes a row itself."""
        found = self._exact.query(X[rows], k if own is None else k + 1)
        if own is None:
            return found.indices, found.distances
        return drop_self(found.indices, found.distances, own[rows])


def _are_constant(X: Any) -> NDArray[np.bool_]:
    """Return which rows of a CSR matrix have equal values: they are alike, which descent misses."""
    low, high = (bound(axis=1).toarray().ravel() for bound in (X.min, X.max))
    return np.asarray(low == high)


def _float32_csr(X: Any) -> Any:
    """Return a CSR matrix of float32 with sorted indices, which PyNNDescent would sort in place."""
    X = X.astype(np.float32, copy=False)
    return X if X.has_sorted_indices else X.sorted_indices()


def _compiled(metric: Callable[..., float]) -> Any:
    import numba

    if isinstance(metric, numba.core.dispatcher.Dispatcher):
        return metric
    return numba.njit(metric)
