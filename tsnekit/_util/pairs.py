"""Distances of given pairs of rows, in float64 and in threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._util.blocks import for_blocks
from tsnekit._util.distances import function_of, normalized, without_mean
from tsnekit._util.metrics import check_metric_params, metric_name, pairwise_of, plain_metric
from tsnekit._util.rows import Floats, dense, exponent_of, row_squares, times_two_to
from tsnekit._util.validation import check_integer, short_repr
from tsnekit.interfaces import Metric

__all__ = ["measure"]

BLOCK_BYTES = 512 * 1024
"""Memory of one block of pairs in each thread, which the second cache of a core holds."""

SAFE = 2.0**-500, 2.0**500
"""Sizes of numbers whose squares are far from the ends of the range of float64."""

_DIFFERENCES = ("euclidean", "sqeuclidean", "manhattan", "chebyshev")
_UNIT = ("cosine", "correlation")
_OF_ALL_ROWS = {"seuclidean": "V", "mahalanobis": "VI"}


def measure(
    X: Any,
    candidates: Any,
    metric: Metric = "euclidean",
    *,
    metric_params: Mapping[str, Any] | None = None,
    queries: Any = None,
    n_jobs: int = 1,
) -> NDArray[np.float64]:
    """Return the distances of given pairs of rows, by the definition of the metric.

    For searches that find candidates by another library, or by rounded or compressed rows. All is
    computed from differences of rows in float64, in threads and in little memory.

    Parameters
    ----------
    X : float array or CSR matrix of shape (n, p)
        The data, as a search gets it; distances (n, n), or (m, n) of the queries, where `metric` is
        "precomputed".
    candidates : array-like of shape (m, c), int
        Rows of `X`, or -1 for none.
    metric : str or callable, default="euclidean"
        As in a `tsnekit.interfaces.SearchProblem`: a name, or a function of two rows.
    metric_params : mapping, optional
        Keyword arguments of the metric.
    queries : float array or CSR matrix of shape (m, p), optional
        The rows whose candidates are given. By default, the rows of `X`.
    n_jobs : int, default=1
        Number of threads. A function as metric gains nothing from them.

    Returns
    -------
    ndarray of shape (m, c), float64
        True distances, not squared. Infinite for -1, and where the metric has no value. A row of
        zeros is at the cosine distance 1 from all others, and at 0 from other rows of zeros.

    Raises
    ------
    TypeError, ValueError
        If the arrays do not fit together, a candidate is not a row, or the metric is not known.

    Examples
    --------
    >>> import numpy as np
    >>> from tsnekit.toolkit import measure
    >>> X = np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
    >>> measure(X, [[1, 2], [0, 2], [1, -1]])
    array([[ 5., 10.],
           [ 5.,  5.],
           [ 5., inf]])
    """
    own = X if queries is None else queries
    found = _checked_candidates(candidates, own.shape[0], X.shape[0])
    n_jobs = check_integer("n_jobs", n_jobs, at_least=1)
    if metric != "precomputed" and own.shape[1] != X.shape[1]:
        raise ValueError(f"queries must have {X.shape[1]} columns, got {own.shape[1]}")
    if hasattr(own, "indptr") != hasattr(X, "indptr"):
        raise TypeError("X and queries must be of the same kind, arrays or CSR matrices")
    check_metric_params(metric, metric_params, X.shape[1])
    metric, plain = plain_metric(metric, metric_params)
    params = dict(plain or {})
    distances = np.empty(found.shape)
    size = max(1, BLOCK_BYTES // (8 * max(1, found.shape[1]) * max(1, X.shape[1])))

    def work(block: slice) -> None:
        distances[block] = between(block, found[block])

    if metric == "precomputed":
        between = _from_table(own)
    elif not params and metric in (*_DIFFERENCES, *_UNIT):
        between = _by_differences(X, own, str(metric), same=queries is None)
    else:
        between = _by_function(X, own, metric, params)
        n_jobs = 1 if callable(metric) and pairwise_of(metric) is None else n_jobs
    if distances.size:
        for_blocks(work, len(found), size=size, n_jobs=n_jobs)
    distances[(found < 0) | np.isnan(distances)] = np.inf
    return distances


def _checked_candidates(candidates: Any, m: int, n: int) -> NDArray[Any]:
    found = np.asarray(candidates)
    if found.dtype.kind not in "iu":
        raise TypeError(f"candidates must be integers, got {short_repr(candidates)}")
    if found.ndim != 2 or len(found) != m:
        raise ValueError(
            f"candidates must have a row for each of the {m} queries, got shape {found.shape}"
        )
    if found.size and not (found.min() >= -1 and found.max() < n):
        raise ValueError(
            f"candidates must be from 0 to {n - 1}, or -1 for none, "
            f"got {found.min()} to {found.max()}"
        )
    return found


Between = Callable[[slice, NDArray[Any]], Floats]


def _from_table(table: Any) -> Between:
    def between(block: slice, others: NDArray[Any]) -> Floats:
        rows = np.repeat(np.arange(block.start, block.stop), others.shape[1])
        picked = table[rows, others.ravel()]
        return np.asarray(picked, dtype=np.float64).reshape(others.shape)

    return between


def _by_differences(X: Any, own: Any, metric: str, *, same: bool) -> Between:
    """Return a function that subtracts rows: as they are, scaled, or of unit length."""
    exponent = 0
    if metric in _UNIT:
        rows = _unit_rows(X, metric)
        queries = rows if same else _unit_rows(own, metric)
    elif X.dtype == np.float32 and own.dtype == np.float32 and not hasattr(X, "indptr"):
        rows, queries = X, own  # squares of float32 are far from the ends of float64
    else:
        largest = max((float(abs(each).max()) for each in (X, own) if min(each.shape)), default=0.0)
        if largest and not SAFE[0] <= largest <= SAFE[1]:
            exponent = exponent_of(X)
        rows = times_two_to(X, -exponent)
        queries = rows if same else times_two_to(own, -exponent)

    def between(block: slice, others: NDArray[Any]) -> Floats:
        m, c = others.shape
        if hasattr(rows, "indptr"):
            chosen = np.repeat(np.arange(block.start, block.stop), c)
            found = _norms(rows[others.ravel()] - queries[chosen], metric).reshape(m, c)
        else:
            offsets = rows.take(others.ravel(), axis=0).astype(np.float64, copy=False)
            offsets = offsets.reshape(m, c, -1)
            with np.errstate(invalid="ignore", over="ignore"):
                offsets -= queries[block][:, None, :]
                found = _norms(offsets, metric)
        if metric in _UNIT:
            found /= 2
        elif metric == "euclidean":
            np.sqrt(found, out=found)
        if exponent:
            found = np.ldexp(found, exponent * (2 if metric == "sqeuclidean" else 1))
        return found

    return between


def _norms(offsets: Any, metric: str) -> Floats:
    """Return sums of squares of rows, or their Manhattan or Chebyshev lengths; uses them up."""
    if metric not in ("manhattan", "chebyshev"):
        if hasattr(offsets, "indptr"):
            return row_squares(offsets)
        return np.asarray(np.einsum("ijk,ijk->ij", offsets, offsets))
    sizes = abs(offsets) if hasattr(offsets, "indptr") else np.abs(offsets, out=offsets)
    lengths = sizes.sum(axis=-1) if metric == "manhattan" else sizes.max(axis=-1)
    if hasattr(offsets, "indptr"):
        return np.asarray(dense(lengths), dtype=np.float64).ravel()
    return np.asarray(lengths)


def _unit_rows(X: Any, metric: str) -> Any:
    """Return rows of length 1, (n, p + 1), in float64; the last column marks rows of zeros."""
    if metric == "cosine":
        return normalized(X, None)
    return normalized(without_mean(dense(X), None), None)


def _by_function(X: Any, own: Any, metric: Metric, params: dict[str, Any]) -> Between:
    """Return a function that asks SciPy, scikit-learn or a function of two rows."""
    if isinstance(metric, str) and metric in _OF_ALL_ROWS and _OF_ALL_ROWS[metric] not in params:
        raise ValueError(
            f"metric {metric!r} depends on all rows; give {_OF_ALL_ROWS[metric]!r} in metric_params"
        )
    function = function_of(metric, params)
    try:
        function(dense(X[:1]), dense(X[:1]))
    except (TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"the metric {metric_name(metric)} cannot be computed for X: {reason}"
        ) from error

    def between(block: slice, others: NDArray[Any]) -> Floats:
        found = np.empty(others.shape)
        for i, row in enumerate(range(block.start, block.stop)):
            found[i] = function(dense(own[[row]]), dense(X[others[i]]))[0]
        return found

    return between
