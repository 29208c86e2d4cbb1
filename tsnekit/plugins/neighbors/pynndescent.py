"""Approximate search by nearest neighbor descent, with PyNNDescent."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from tsnekit.interfaces import NeighborGraph, SearchProblem
from tsnekit.plugins.neighbors._cost import MIN_ROWS
from tsnekit.plugins.neighbors._descent import DescentInAnyMetric, DescentOfRows
from tsnekit.plugins.neighbors._rows.pairwise import (
    is_boolean,
    reference_distances,
    scipy_has,
    sklearn_has,
    try_metric_params,
)
from tsnekit.plugins.neighbors._rows.spaces import VectorSpace
from tsnekit.plugins.neighbors.exact import ExactSearch
from tsnekit.toolkit import check_integer, without_warnings

__all__ = ["PyNNDescentSearch", "can_compile", "has_metric"]

logger = logging.getLogger(__name__)


@functools.cache
def has_metric(name: str, sparse: bool = False) -> bool:
    """Whether PyNNDescent has a metric of this name, with the meaning that SciPy gives it."""
    if not scipy_has(name) and not sklearn_has(name, sparse):
        return False  # nothing says what it means, and importing PyNNDescent takes seconds
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
    pairs = np.triu_indices(len(rows))  # with the diagonal: a row is at distance 0 from itself
    # Compiling the function would take seconds; its Python code is enough for a few rows.
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
        # Numba raises errors of many types for what it cannot compile.
        return False
    return True


class PyNNDescentSearch:
    """Approximate nearest neighbors by descent on a graph of neighbors, for most metrics.

    PyNNDescent compiles itself when it is first used, which takes many seconds. Few rows are
    therefore searched exhaustively. With more than one thread, the few neighbors that are missed
    may differ from run to run.

    PyNNDescent works on float32. The distances to the neighbors that it finds are measured again
    in float64. Rows whose neighbors float32 cannot tell apart are searched exhaustively where that
    takes seconds; otherwise a warning says how many they are.

    Compiled code does not see Ctrl-C: the search ends after its current step. The whole descent is
    one step, which takes seconds or, for millions of rows, minutes. Searches in several threads run
    one after another. On Linux, Numba's threads mostly come from GNU OpenMP. A process that is
    forked after they have started cannot use them: it searches exhaustively, and logs a warning.
    Processes started by "spawn" or "forkserver" can use them, and so can all processes with
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

    def __init__(
        self, *, n_trees: int | None = None, n_iters: int | None = None, min_rows: int = MIN_ROWS
    ) -> None:
        self.n_trees = None if n_trees is None else check_integer("n_trees", n_trees, at_least=1)
        self.n_iters = None if n_iters is None else check_integer("n_iters", n_iters, at_least=1)
        self.min_rows = check_integer("min_rows", min_rows, at_least=0)

    def fit(self, X: Any, problem: SearchProblem) -> PyNNDescentSearch:
        """Take the data, an (n, p) array or CSR matrix, and the problem to solve on it."""
        try_metric_params(X, problem)
        self._search: ExactSearch | DescentOfRows | DescentInAnyMetric
        if X.shape[0] < max(self.min_rows, 3):
            logger.info("too few rows to compile PyNNDescent for; searching exhaustively")
            self._search = ExactSearch().fit(X, problem)
        elif not problem.sparse and problem.metric in VectorSpace.METRICS:
            self._search = DescentOfRows(self.n_trees, self.n_iters).fit(X, problem)
        else:
            self._search = DescentInAnyMetric(self.n_trees, self.n_iters).fit(X, problem)
        return self

    @property
    def estimated_recall(self) -> float | None:
        """The share of true neighbors that the last call of `neighbors` found in a sample."""
        return getattr(self._search, "estimated_recall", None)

    def neighbors(self, k: int) -> NeighborGraph:
        """Return the `k` nearest other rows of each row, 1 <= k < n."""
        return self._search.neighbors(k)

    def query(self, X: Any, k: int) -> NeighborGraph:
        """Return, for each new row, the `k` nearest rows of the fitted data."""
        return self._search.query(X, k)
