"""Starting positions by principal components, from the cheapest solver that is good enough."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._util.process import one_blas_thread, show_logs
from tsnekit._util.random_states import as_random_state
from tsnekit._util.threads import resolve_n_jobs
from tsnekit._util.validation import check_data, check_integer
from tsnekit.initialization._placement import finish

__all__ = ["BLOCK_ROWS", "MAX_COVARIANCE", "fix_signs", "pca", "principal_components"]

logger = logging.getLogger(__name__)

MAX_COVARIANCE = 2_000
"""Columns up to which the covariance matrix is formed."""

BLOCK_ROWS = 4_096
"""Rows whose part of the covariance matrix is computed at a time."""


def pca(
    X: Any,
    n_components: int = 2,
    svd_solver: str = "auto",
    random_state: Any = None,
    verbose: bool = False,
    add_jitter: bool = True,
    *,
    n_jobs: int | None = 1,
) -> NDArray[np.float64]:
    """Place points by their first principal components.

    Components in which the data does not vary get a little noise. The largest loading of each
    component is positive.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n, p)
        The data.
    n_components : int, default=2
        Dimensions of the embedding.
    svd_solver : str, default="auto"
        "auto" uses the covariance matrix if it is small, else the solver that
        `sklearn.decomposition.PCA` chooses. Other values are passed on to that class.
    random_state : int, RandomState, Generator or None, default=None
        Seed; None draws from ``numpy.random``.
    verbose : bool, default=False
        Whether to show what is done.
    add_jitter : bool, default=True
        Whether to move apart points that lie exactly on one another; see `jitter`.
    n_jobs : int, default=1
        Number of threads; -1 for all processors. The result is the same for any.

    Returns
    -------
    ndarray of shape (n, n_components), float64
        The first coordinate has a standard deviation of 1e-4.

    Raises
    ------
    TypeError, ValueError
        If the data or a parameter is not valid.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from tsnekit.initialization import pca
    >>> pca(load_iris().data, random_state=0).shape
    (150, 2)
    """
    n_components = check_integer("n_components", n_components, at_least=1)
    n_jobs = resolve_n_jobs(n_jobs)
    X = check_data(X)
    rng = as_random_state(random_state)
    with show_logs(verbose):
        found = principal_components(X, n_components, svd_solver=svd_solver, rng=rng, n_jobs=n_jobs)
    return finish(found, n_components, rng, add_jitter=add_jitter)


def principal_components(
    X: Any,
    n_components: int,
    *,
    svd_solver: str = "auto",
    rng: np.random.RandomState,
    n_jobs: int = 1,
) -> NDArray[np.float64]:
    """Project data on its first principal components.

    Parameters
    ----------
    X : float array or CSR matrix of shape (n, p)
    n_components : int
    svd_solver, n_jobs
        See `pca`.
    rng : RandomState
        For solvers that are random.

    Returns
    -------
    ndarray of shape (n, min(n_components, n, p)), float64
        Not scaled. The largest loading of each component is positive.
    """
    n, p = X.shape
    n_components = min(n_components, n, p)
    sparse = hasattr(X, "indptr")
    # Threads inside BLAS may change the last bits, so BLAS has one.
    with one_blas_thread():
        if svd_solver == "auto" and not sparse and p <= min(n, MAX_COVARIANCE):
            logger.info("principal components: eigenvectors of the covariance matrix")
            return _by_covariance(X, n_components, n_jobs)
        return _by_sklearn(X, n_components, svd_solver, rng)


def _by_covariance(X: NDArray[Any], n_components: int, n_jobs: int) -> NDArray[np.float64]:
    from scipy.linalg import eigh

    n, p = X.shape
    mean = X.mean(axis=0, dtype=np.float64).astype(X.dtype)
    blocks = [slice(start, start + BLOCK_ROWS) for start in range(0, n, BLOCK_ROWS)]
    # In units of the largest entry, squares neither overflow nor vanish.
    scale = X.dtype.type(max(X.max(), -X.min())) or X.dtype.type(1)

    def centered(rows: slice) -> NDArray[Any]:
        block: NDArray[Any] = X[rows] - mean
        block /= scale
        return block

    def scatter(rows: slice) -> NDArray[Any]:
        block = centered(rows)
        return block.T @ block

    covariance = np.zeros((p, p))
    with ThreadPoolExecutor(n_jobs) as pool:
        for part in pool.map(scatter, blocks):
            covariance += part
        _, vectors = eigh(covariance, subset_by_index=[p - n_components, p - 1])
        components = fix_signs(vectors[:, ::-1].T).T.astype(X.dtype)
        projected = list(pool.map(lambda rows: centered(rows) @ components, blocks))
    return np.concatenate(projected).astype(np.float64)


def _by_sklearn(
    X: Any, n_components: int, svd_solver: str, rng: np.random.RandomState
) -> NDArray[np.float64]:
    from sklearn.decomposition import PCA
    from sklearn.utils.sparsefuncs import mean_variance_axis

    X = _safely_scaled(X)
    if hasattr(X, "indptr"):
        # ARPACK, the solver for sparse data, needs some variance, and more rows and columns than
        # components.
        if not mean_variance_axis(X, axis=0)[1].any():
            return np.zeros((X.shape[0], n_components))
        if n_components >= min(X.shape):
            X = X.toarray()
        elif svd_solver == "auto":
            svd_solver = "arpack"  # old versions of scikit-learn choose another one
    solver = PCA(n_components, svd_solver=svd_solver, random_state=rng)
    # Data that does not vary explains 0 / 0 of its variance.
    with np.errstate(divide="ignore", invalid="ignore"):
        projected = solver.fit_transform(X)
    flipped = fix_signs(solver.components_) != solver.components_
    return np.where(flipped.any(axis=1), -projected, projected).astype(np.float64)


def _safely_scaled(X: Any) -> Any:
    """Return data whose squares neither overflow nor vanish, in units of its largest entry."""
    largest = X.dtype.type(max(X.max(), -X.min()))
    return X if largest == 0 or 1e-12 < largest < 1e12 else X / largest


def fix_signs(components: NDArray[Any]) -> NDArray[Any]:
    """Turn each row so that its largest entry is positive."""
    largest = np.abs(components).argmax(axis=1)
    signs = np.sign(components[np.arange(len(components)), largest])
    return components * np.where(signs == 0, 1, signs)[:, None]
