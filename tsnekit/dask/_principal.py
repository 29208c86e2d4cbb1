"""Principal components of rows that are in many places, from sums over their chunks."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._util.process import one_blas_thread
from tsnekit.dask._tasks import Tasks, finished
from tsnekit.initialization._principal_components import BLOCK_ROWS, MAX_COVARIANCE, fix_signs

__all__ = ["principal_components"]

logger = logging.getLogger(__name__)

EXTRA = 10
"""Directions that are followed beyond those asked for; they make the others converge faster."""

MAX_PASSES = 30
"""The most products with the covariance of wide data; each reads every chunk."""

TOLERANCE = 1e-7
"""Residual of the components, relative to the largest variance, at which the products end."""


def principal_components(client: Any, rows: Any, n_components: int) -> NDArray[np.float64]:
    """Project rows on their first principal components.

    Up to 2,000 columns, the covariance matrix is summed in float64. For more columns, a block
    Lanczos method only needs products with it. A task holds one chunk, a few thousand of its rows
    in float64, and the sums. The client holds one covariance matrix, or up to 30 blocks of columns.

    Parameters
    ----------
    client : distributed.Client
    rows : Rows
    n_components : int

    Returns
    -------
    ndarray of shape (n, min(n_components, n, p)), float64
        Not scaled. The largest loading of each component is positive.
    """
    n, p = rows.n_samples, rows.n_features
    n_components = min(n_components, n, p)
    tasks = Tasks("initialization")
    sums = tasks.total(
        "mean", [tasks("sum", i, _column_sums, chunk) for i, chunk in enumerate(rows.chunks)]
    )
    largest = [tasks("largest", i, _largest, chunk) for i, chunk in enumerate(rows.chunks)]
    futures = finished(client, [sums, *largest])
    total, *extremes = client.gather(futures)
    # In units of the largest entry, squares neither overflow nor vanish.
    scale = float(max(extremes)) or 1.0
    mean = total / n / scale
    components = (
        _by_covariance(client, rows, n_components, mean, scale, tasks)
        if p <= MAX_COVARIANCE
        else _by_products(client, rows, n_components, mean, scale, tasks)
    )
    components = fix_signs(components.T).T
    [axes] = finished(client, [tasks("axes", 0, _itself, components)])
    projected = [
        tasks("project", i, _projected, chunk, mean, scale, axes)
        for i, chunk in enumerate(rows.chunks)
    ]
    return np.concatenate(client.gather(finished(client, projected)))


def _by_covariance(
    client: Any, rows: Any, n_components: int, mean: NDArray[Any], scale: float, tasks: Tasks
) -> NDArray[np.float64]:
    from scipy.linalg import eigh

    logger.info("principal components: eigenvectors of the covariance matrix")
    parts = [
        tasks("scatter", i, _scatter, chunk, mean, scale) for i, chunk in enumerate(rows.chunks)
    ]
    [future] = finished(client, [tasks.total("covariance", parts)])
    covariance = future.result()
    p = len(covariance)
    with one_blas_thread():
        _, vectors = eigh(covariance, subset_by_index=[p - n_components, p - 1])
    found: NDArray[np.float64] = vectors[:, ::-1]
    return found


def _by_products(
    client: Any, rows: Any, n_components: int, mean: NDArray[Any], scale: float, tasks: Tasks
) -> NDArray[np.float64]:
    """Return the components (p, n_components) by a block Lanczos method."""
    p = rows.n_features
    width = min(n_components + EXTRA, p)
    block = np.random.default_rng(0).normal(size=(p, width))
    basis, products = np.empty((p, 0)), np.empty((p, 0))
    with one_blas_thread():
        for number in range(1, MAX_PASSES + 1):
            block = _orthogonal(basis, block)
            product = _product(client, rows, block, mean, scale, tasks, number)
            basis, products = np.hstack([basis, block]), np.hstack([products, product])
            projection = basis.T @ products
            values, vectors = np.linalg.eigh((projection + projection.T) / 2)
            values, vectors = values[::-1][:n_components], vectors[:, ::-1][:, :n_components]
            found = basis @ vectors
            residual = np.linalg.norm(products @ vectors - found * values, axis=0).max()
            if residual <= TOLERANCE * values[0] or basis.shape[1] + width > p:
                logger.info("principal components: %d passes over the data", number)
                break
            block = product
        else:
            logger.warning(
                "the principal components are not exact after %d passes over the data: their "
                "error is about %.1g of the largest variance",
                MAX_PASSES,
                residual / values[0],
            )
    return found


def _orthogonal(basis: NDArray[Any], block: NDArray[Any]) -> NDArray[np.float64]:
    """Return an orthonormal block that is orthogonal to the basis, to rounding."""
    for _ in range(2):
        block = block - basis @ (basis.T @ block)
        block, _ = np.linalg.qr(block)
    return block


def _product(
    client: Any,
    rows: Any,
    block: NDArray[Any],
    mean: NDArray[Any],
    scale: float,
    tasks: Tasks,
    number: int,
) -> NDArray[np.float64]:
    directions = tasks("directions", number, _itself, block)
    parts = [
        tasks("product", f"{number}.{i}", _products, chunk, mean, scale, directions)
        for i, chunk in enumerate(rows.chunks)
    ]
    [future] = finished(client, [tasks.total("pass", parts, str(number))])
    found: NDArray[np.float64] = future.result()
    return found


def _itself(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array. As the result of a task, workers get it from one another."""
    return array


def _column_sums(chunk: Any) -> NDArray[np.float64]:
    return np.asarray(chunk.sum(axis=0, dtype=np.float64)).ravel()


def _largest(chunk: Any) -> float:
    """Return the largest magnitude in a chunk."""
    return float(max(chunk.max(), -chunk.min()))


def _blocks(chunk: Any, scale: float) -> Iterator[Any]:
    """Yield a few rows at a time, scaled, in float64."""
    for start in range(0, chunk.shape[0], BLOCK_ROWS):
        yield chunk[start : start + BLOCK_ROWS].astype(np.float64) / scale


def _scatter(chunk: Any, mean: NDArray[Any], scale: float) -> NDArray[np.float64]:
    """Return the part of a chunk in the sum of squares and products of centered columns."""
    total = np.zeros((len(mean), len(mean)))
    with one_blas_thread():
        for block in _blocks(chunk, scale):
            if hasattr(block, "indptr"):
                sums = np.asarray(block.sum(axis=0)).ravel()
                total += (block.T @ block).toarray()
                total -= np.outer(sums, mean) + np.outer(mean, sums)
                total += block.shape[0] * np.outer(mean, mean)
            else:
                block -= mean
                total += block.T @ block
    return total


def _products(
    chunk: Any, mean: NDArray[Any], scale: float, directions: NDArray[Any]
) -> NDArray[np.float64]:
    """Return the part of a chunk in the product of the covariance and some directions."""
    total = np.zeros(directions.shape)
    with one_blas_thread():
        shift = mean @ directions
        for block in _blocks(chunk, scale):
            scores = block @ directions - shift
            total += block.T @ scores - np.outer(mean, scores.sum(axis=0))
    return total


def _projected(
    chunk: Any, mean: NDArray[Any], scale: float, axes: NDArray[Any]
) -> NDArray[np.float64]:
    with one_blas_thread():
        shift = mean @ axes
        return np.concatenate([block @ axes - shift for block in _blocks(chunk, scale)])
