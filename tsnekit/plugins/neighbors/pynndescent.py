"""Approximate search by nearest neighbor descent, with PyNNDescent."""

from __future__ import annotations

import functools
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tsnekit.interfaces import NeighborGraph, SearchProblem
from tsnekit.metrics import metric_name
from tsnekit.plugins.neighbors import exact
from tsnekit.plugins.neighbors._base import check_k
from tsnekit.plugins.neighbors._lists import Lists, drop_self, rank, scan
from tsnekit.plugins.neighbors._pairwise import PairwiseSearch, is_boolean, reference_distances
from tsnekit.plugins.neighbors._spaces import VectorSpace
from tsnekit.plugins.neighbors.cost import MIN_ROWS
from tsnekit.quiet import without_warnings
from tsnekit.validation import check_integer

__all__ = ["PyNNDescentSearch", "can_compile", "has_metric"]

logger = logging.getLogger(__name__)

_KERNEL_NAMES = {"sqeuclidean": "euclidean"}


@functools.cache
def has_metric(name: str, sparse: bool = False) -> bool:
    """Whether PyNNDescent has a metric of this name, and means by it what SciPy does."""
    from pynndescent.distances import named_distances
    from pynndescent.sparse import sparse_named_distances

    if not sparse and name in VectorSpace.METRICS:
        return VectorSpace(name).kernel in named_distances
    known = sparse_named_distances if sparse else named_distances
    return name in known and _agrees(name, named_distances[name])


def _agrees(name: str, function: Any) -> bool:
    """Whether a function gives SciPy's distances, or scikit-learn's, between a few rows."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(6, 2 if name == "haversine" else 5)).astype(np.float32)
    if is_boolean(name):
        rows = (rows > 0).astype(np.float32)
    pairs = np.triu_indices(len(rows))  # a row and itself too: it is no metric if they differ
    # The Python code of the function, since to compile it takes seconds.
    function = getattr(function, "py_func", function)
    try:
        with without_warnings(), np.errstate(all="ignore"):
            expected = reference_distances(rows, rows, name)[pairs]
            found = [function(rows[i], rows[j]) for i, j in zip(*pairs, strict=True)]
    except (ArithmeticError, IndexError, TypeError, ValueError):
        return False
    return bool(np.allclose(found, expected, rtol=1e-4, atol=1e-6))


@functools.lru_cache(maxsize=32)
def can_compile(metric: Callable[..., float]) -> bool:
    """Whether Numba can compile a function of two rows."""
    import numba

    row = numba.float32[::1]
    compiled = metric if isinstance(metric, numba.core.dispatcher.Dispatcher) else None
    try:
        (compiled or numba.njit(metric)).compile((row, row))
    except Exception:
        # Numba raises whatever its passes stumble over; any of it means no.
        return False
    return True


class PyNNDescentSearch:
    """Approximate nearest neighbors by descent on a graph of neighbors, for most metrics.

    PyNNDescent compiles itself when it is first used, which takes many seconds, so that few rows
    are searched exhaustively instead. Its threads share the work as chance has it: with more than
    one of them the few neighbors that are missed may differ from run to run.

    Ctrl-C is not seen by its compiled code: it ends the search when the step that runs has ended,
    and the whole descent is one step, of seconds or, for millions of rows, minutes. Searches in
    several threads run one after another. Where Numba's threads are those of GNU OpenMP, as mostly
    on Linux, a process that is forked once they run cannot use them: it searches exhaustively, and
    logs a warning. Processes started by "spawn" or "forkserver" can, and so can all with
    ``NUMBA_THREADING_LAYER=forksafe`` in the environment.

    Parameters
    ----------
    n_trees : int, optional
        Number of random projection trees to start from; by default PyNNDescent's choice.
    n_iters : int, optional
        Most rounds of descent; by default PyNNDescent's choice.
    min_rows : int, default=4096
        Fewest rows for which PyNNDescent is used.

    References
    ----------
    W. Dong, C. Moses, K. Li. "Efficient k-nearest neighbor graph construction for generic
    similarity measures". WWW 2011.
    """

    MAX_PAIRS = 100_000_000
    """Most pairs of rows that are measured rather than to compile what queries need."""

    def __init__(
        self, *, n_trees: int | None = None, n_iters: int | None = None, min_rows: int = MIN_ROWS
    ) -> None:
        self.n_trees = None if n_trees is None else check_integer("n_trees", n_trees, at_least=1)
        self.n_iters = None if n_iters is None else check_integer("n_iters", n_iters, at_least=1)
        self.min_rows = check_integer("min_rows", min_rows, at_least=0)

    def fit(self, X: Any, problem: SearchProblem) -> PyNNDescentSearch:
        """Take the data, an (n, p) array or CSR matrix, and the problem to solve on it."""
        self._problem = problem
        self._index: Any = None
        self._exact: exact.ExactSearch | None = None
        if X.shape[0] < max(self.min_rows, 3):
            logger.info("too few rows to compile PyNNDescent for; searching exhaustively")
            self._exact = exact.ExactSearch().fit(X, problem)
            return self
        self._space = None
        self._X = X
        self._metric: Any = problem.metric
        if callable(problem.metric):
            self._metric = _compiled(problem.metric)
        elif not problem.sparse and problem.metric in VectorSpace.METRICS:
            self._space = VectorSpace(problem.metric)
            self._X = self._space.fit_rows(X)
            self._metric = _KERNEL_NAMES.get(self._space.kernel, self._space.kernel)
        self._X = self._typed(self._X)
        return self

    def neighbors(self, k: int) -> NeighborGraph:
        """Return the `k` nearest other rows of each row, 1 <= k < n."""
        if self._exact is not None:
            return self._exact.neighbors(k)
        n = self._X.shape[0]
        k = check_k(k, n - 1)
        if self._needs_building(k + 1) and _is_cut_off():
            return NeighborGraph(*drop_self(*self._true_neighbors(self._X, k + 1), np.arange(n)))
        indices, distances = self._built_index(k + 1).neighbor_graph
        if indices.shape[1] > k + 1:
            indices, distances = indices[:, : k + 1], distances[:, : k + 1]
        return self._graph(indices, distances, self._X, k, first=0)

    def query(self, X: Any, k: int) -> NeighborGraph:
        """Return, for each new row, the `k` nearest rows of the fitted data."""
        if self._exact is not None:
            return self._exact.query(X, k)
        k = check_k(k, self._X.shape[0])
        queries = self._typed(X if self._space is None else self._space.rows(X))
        few = self._space is not None or queries.shape[0] * self._X.shape[0] < self.MAX_PAIRS
        if few or _is_cut_off():
            # To measure few pairs takes less time than to compile PyNNDescent's queries.
            return NeighborGraph(*self._true_neighbors(queries, k))
        index = self._index or self._built_index(min(self._X.shape[0], max(k, 30)))
        with _quietly(self._problem.n_jobs):
            indices, distances = index.query(queries, k, epsilon=0.2)
        return self._graph(indices, distances, queries, k, first=-1)

    def _graph(
        self, indices: Any, distances: Any, queries: Any, k: int, *, first: int
    ) -> NeighborGraph:
        """Return k true neighbors of each query from what PyNNDescent found."""
        indices = np.ascontiguousarray(indices, dtype=np.int32)
        n_jobs = self._problem.n_jobs
        rows = np.arange(len(indices))
        if self._space is not None:
            lists = rank(queries, self._X, self._space.kernel, indices, k, n_jobs, first=first)
            self._space.restore(lists[1])
        else:
            order = np.argsort(distances, axis=1, kind="stable")
            lists = (
                np.take_along_axis(indices, order, axis=1),
                np.take_along_axis(distances, order, axis=1).astype(np.float32, copy=False),
            )
            if first >= 0:
                lists = drop_self(*lists, rows)
        short = np.flatnonzero((lists[0] < 0).any(axis=1))
        if len(short):
            # Descent that never came by enough rows says -1; the truth is found for these rows.
            found = self._true_neighbors(queries[short], k if first < 0 else k + 1)
            lists[0][short], lists[1][short] = (
                found if first < 0 else drop_self(*found, rows[short])
            )
        return NeighborGraph(*lists)

    def _true_neighbors(self, queries: Any, k: int) -> Lists:
        """Return the nearest rows of each query, the row itself included, by exact search."""
        if self._space is not None:
            lists = scan(queries, self._X, self._space.kernel, k, self._problem.n_jobs)
            self._space.restore(lists[1])
            return lists
        found = PairwiseSearch(tree=False).fit(self._X, self._problem).query(queries, k)
        return found.indices, found.distances

    def _needs_building(self, n_neighbors: int) -> bool:
        return self._index is None or self._index.n_neighbors < n_neighbors

    def _built_index(self, n_neighbors: int) -> Any:
        """Return an index with that many neighbors of each row, itself included."""
        if self._needs_building(n_neighbors):
            logger.info(
                "PyNNDescent searches with metric %s; at its first use in a process it compiles, "
                "for many seconds",
                metric_name(self._problem.metric),
            )
            with _quietly(self._problem.n_jobs) as n_jobs:
                from pynndescent import NNDescent

                self._index = NNDescent(
                    self._X,
                    metric=self._metric,
                    n_neighbors=n_neighbors,
                    n_trees=self.n_trees,
                    n_iters=self.n_iters,
                    random_state=self._problem.seed % 2**32,
                    n_jobs=n_jobs,
                )
        return self._index

    def _typed(self, X: Any) -> Any:
        """Return rows of float32; indices are sorted here, or PyNNDescent would do so in place."""
        X = X.astype(np.float32, copy=False)
        if self._problem.sparse and not X.has_sorted_indices:
            X = X.sorted_indices()
        return X

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the index, whose pickling compiles more than building it again does."""
        return self.__dict__ | {"_index": None}


def _compiled(metric: Callable[..., float]) -> Any:
    import numba

    if isinstance(metric, numba.core.dispatcher.Dispatcher):
        return metric
    return numba.njit(metric)


# Numba's simplest threads, "workqueue", end the process if two searches use them at once.
_lock = threading.RLock()


@contextmanager
def _quietly(n_jobs: int) -> Iterator[int]:
    """Let Numba use so many threads, and PyNNDescent not warn of what is mended."""
    import numba

    with _lock, without_warnings():
        before = numba.get_num_threads()
        n_jobs = min(n_jobs, numba.config.NUMBA_NUM_THREADS)
        numba.set_num_threads(n_jobs)
        try:
            yield int(n_jobs)
        except SystemError as error:
            if _comes_of_ctrl_c(error):
                raise KeyboardInterrupt from error
            raise
        finally:
            numba.set_num_threads(before)


def _comes_of_ctrl_c(error: BaseException | None) -> bool:
    """Whether an error is what compiled code made of a Ctrl-C when it called into Python."""
    if error is None or isinstance(error, KeyboardInterrupt):
        return error is not None
    return _comes_of_ctrl_c(error.__cause__)


# -- Forked processes --------------------------------------------------------------------------

_threads_stayed_behind = False


def _after_fork() -> None:
    """Renew the lock, which a thread of the parent may hold; note whether Numba is cut off."""
    global _lock, _threads_stayed_behind
    _lock = threading.RLock()
    _threads_stayed_behind = _threads_stayed_behind or _uses_gnu_openmp()


def _uses_gnu_openmp() -> bool:
    """Whether Numba has started threads of GNU OpenMP: it ends a forked process that needs them."""
    numba = sys.modules.get("numba")
    try:
        return numba is not None and sys.platform == "linux" and numba.threading_layer() == "omp"
    except (AttributeError, ValueError):  # it is being imported; it has started none
        return False


def _is_cut_off() -> bool:
    """Whether this process has lost Numba's threads by a fork; if so, it is logged."""
    if _threads_stayed_behind:
        logger.warning(
            "PyNNDescent cannot run in a process that was forked after Numba started its threads; "
            "searching exhaustively, which takes long for many rows. It runs in processes that "
            "are started by 'spawn' or 'forkserver'"
        )
    return _threads_stayed_behind


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
