"""Centers that divide a data set into cells of similar sizes, found on a sample of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.dask._searches import Recipe

__all__ = ["choose_centers", "nearest_centers", "stack"]

ROUNDS = 10
"""How often the centers move to the middle of their cells."""

SPLITS = 24
"""How often cells that are too large are halved before that is left to the caller."""

LARGE, SMALL = 2.0, 0.5
"""Sizes of cells, relative to the mean, at which a center moves from a small to a large cell."""

MEDOID_ROWS = 128
"""Rows of a cell among which its middle row is sought."""

WITH_MEANS = frozenset({"euclidean", "sqeuclidean", "cosine", "correlation"})
"""Metrics in which the mean of rows is near them."""


def choose_centers(
    sample: Any, count: int, *, overlap: int, most: float, least: float, ruler: Recipe, seed: int
) -> Any:
    """Return the centers of cells; every row is in the cells of its nearest centers.

    The center of a cell is the mean of its rows where the metric allows it. In other metrics, it is
    the row with the least sum of distances to others of the cell. On MNIST with 16 cells of which
    each row is in two, 2.8 % of all pairs of neighbors share no cell with means, 5.7 % with rows.

    Parameters
    ----------
    sample : array or CSR matrix of shape (m, p)
        The task that calls this holds it twice.
    count : int
        How many centers are wanted. There are more if a cell is too large, and fewer if one is too
        small.
    overlap : int
        To how many cells each row belongs.
    most, least : float
        Sizes of cells, as shares of the data. Cells may still be larger, where many rows are equal.
    ruler : Recipe
        An exact search in the metric.
    seed : int

    Returns
    -------
    array or CSR matrix of shape (n_centers, p)
    """
    n = sample.shape[0]
    rng = np.random.default_rng(seed)
    start = sample[np.sort(rng.choice(n, min(count, n), replace=False))]
    centers = _settle(sample, start, ruler, rng)
    for _ in range(SPLITS):
        cells = nearest_centers(sample, centers, ruler, overlap)
        sizes = np.bincount(cells.ravel(), minlength=centers.shape[0])
        large = np.flatnonzero(sizes > most * n)
        # A cell also shrinks where one beside it is halved, so that the largest ones come first.
        large = large[sizes[large] >= np.median(sizes[large])] if len(large) else large
        members = {cell: np.flatnonzero(cells[:, 0] == cell) for cell in large.tolist()}
        halved = {cell: rows for cell, rows in members.items() if len(rows) > 1}
        if not halved:
            break
        kept = np.delete(np.arange(centers.shape[0]), list(halved))
        halves = [_halves(sample[rows], ruler, rng) for rows in halved.values()]
        centers = stack([centers[kept], *halves])
    while centers.shape[0] > 1:
        cells = nearest_centers(sample, centers, ruler, overlap)
        sizes = np.bincount(cells.ravel(), minlength=centers.shape[0])
        if sizes.min() >= least * n:
            break
        centers = centers[np.delete(np.arange(len(sizes)), sizes.argmin())]
    return centers


def nearest_centers(X: Any, centers: Any, ruler: Recipe, count: int) -> NDArray[np.int32]:
    """Return the nearest centers of each row (m, count), nearest first."""
    if centers.shape[0] == 1:
        return np.zeros((X.shape[0], 1), dtype=np.int32)
    found: NDArray[np.int32] = ruler.fit(centers).query(X, min(count, centers.shape[0])).indices
    return found


def stack(parts: Sequence[Any]) -> Any:
    """Return rows of arrays, or of CSR matrices, as one."""
    if len(parts) == 1:
        return parts[0]
    if hasattr(parts[0], "indptr"):
        from scipy.sparse import vstack

        return vstack(parts, format="csr")
    return np.concatenate(parts)


def _settle(sample: Any, centers: Any, ruler: Recipe, rng: np.random.Generator) -> Any:
    """Return centers that were moved to the middle of their cells, again and again."""
    middle = _mean if ruler.metric in WITH_MEANS else _medoid
    for _ in range(ROUNDS):
        cells = nearest_centers(sample, centers, ruler, 1)[:, 0]
        members = [np.flatnonzero(cells == cell) for cell in range(centers.shape[0])]
        moved = {small: sample[[rng.choice(members[large])]] for small, large in _uneven(members)}
        centers = stack(
            [
                moved[cell]
                if cell in moved
                else middle(sample[rows], ruler, rng)
                if len(rows)
                else centers[[cell]]
                for cell, rows in enumerate(members)
            ]
        )
    return centers


def _halves(rows: Any, ruler: Recipe, rng: np.random.Generator) -> Any:
    """Return two centers that divide some rows."""
    start = rows[np.sort(rng.choice(rows.shape[0], 2, replace=False))]
    return _settle(rows, start, ruler, rng)


def _uneven(members: Sequence[NDArray[np.intp]]) -> list[tuple[int, int]]:
    """Return pairs of a small cell, which gives up its center, and a large cell, which gets it."""
    sizes = np.array([len(rows) for rows in members])
    order = np.argsort(sizes, kind="stable").tolist()
    pairs = []
    for small, large in zip(order, order[::-1], strict=True):
        if not (sizes[small] < SMALL * sizes.mean() and sizes[large] > LARGE * sizes.mean()):
            break
        pairs.append((small, large))
    return pairs


def _mean(rows: Any, ruler: Recipe, rng: np.random.Generator) -> Any:
    """Return the mean of rows, a matrix of one row of their kind."""
    mean = np.asarray(rows.mean(axis=0, dtype=np.float64)).astype(rows.dtype)[None]
    if not hasattr(rows, "indptr"):
        return mean
    from scipy.sparse import csr_matrix

    return csr_matrix(mean.reshape(1, -1))


def _medoid(rows: Any, ruler: Recipe, rng: np.random.Generator) -> Any:
    """Return the row with the least sum of distances to the others, or to a sample of them."""
    n = rows.shape[0]
    if n < 3:
        return rows[:1]
    if n > MEDOID_ROWS:
        rows = rows[np.sort(rng.choice(n, MEDOID_ROWS, replace=False))]
    distances = ruler.fit(rows).neighbors(rows.shape[0] - 1).distances
    return rows[[distances.sum(axis=1, dtype=np.float64).argmin()]]
