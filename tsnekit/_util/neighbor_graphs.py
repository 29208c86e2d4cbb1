"""Neighbor graphs that were computed elsewhere: one contract, checked in one place.

A given graph holds `k` neighbors of each of `n` rows, in any order, with or without the row itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._util.validation import count_masked
from tsnekit.interfaces import NeighborGraph

__all__ = ["check_distances", "check_neighbor_graph"]


def check_neighbor_graph(indices: Any, distances: Any, *, name: str = "graph") -> NeighborGraph:
    """Return a given graph, nearest neighbors first and without the rows themselves.

    Where some rows hold themselves and others do not, the others lose their farthest neighbor.

    Parameters
    ----------
    indices : array-like of shape (n, k), int
        Neighbors of each row.
    distances : array-like of shape (n, k)
        Their distances.
    name : str, default="graph"
        Name of the parameter, for messages.

    Returns
    -------
    NeighborGraph
        With arrays of its own.

    Raises
    ------
    TypeError, ValueError
        If the arrays do not fit together or have masked values, a row holds a neighbor twice or
        holds only itself, an index is not that of a row, or a distance is negative or not finite.
    """
    for part, what in ((indices, "indices"), (distances, "distances")):
        if masked := count_masked(part):
            raise ValueError(
                f"the {what} of {name} have {masked} masked values; every row must have as many "
                "neighbors"
            )
    try:
        indices, distances = np.asarray(indices), np.asarray(distances)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a pair of arrays (indices, distances)") from None
    if indices.ndim != 2 or indices.shape != distances.shape or indices.size == 0:
        raise ValueError(
            f"{name} must be two arrays of the same shape (n, k), indices and distances, got "
            f"{indices.shape} and {distances.shape}"
        )
    if indices.dtype.kind not in "iu":
        raise TypeError(f"the indices of {name} must be integers, got {indices.dtype}")
    n, k = indices.shape
    if indices.min() < 0 or indices.max() >= n:
        raise ValueError(
            f"the indices of {name} must be from 0 to {n - 1}, got {indices.min()} to "
            f"{indices.max()}"
        )
    distances = check_distances(distances, name=f"the distances of {name}")
    ordered = np.sort(indices, axis=1)
    repeated = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    if repeated.any():
        raise ValueError(
            f"{name} must not name a neighbor of a row twice, but row {repeated.argmax()} has one "
            "twice"
        )
    own = indices == np.arange(n)[:, None]
    k -= int(own.any())
    if k == 0:
        raise ValueError(f"{name} must hold neighbors other than the row itself")
    # An entry of a row for itself is sorted last and left out.
    order = np.lexsort((indices, np.where(own, np.inf, distances)), axis=1)[:, :k]
    return NeighborGraph(
        np.take_along_axis(indices, order, axis=1).astype(np.int32),
        np.take_along_axis(distances, order, axis=1).astype(np.float32),
    )


def check_distances(distances: Any, *, name: str = "distances") -> NDArray[Any]:
    """Return distances as an array, checked.

    Raises
    ------
    TypeError, ValueError
        If they are not real numbers, or one is negative or not finite.
    """
    checked = np.asarray(distances)
    if checked.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers, got {checked.dtype}")
    if checked.size and not (np.isfinite(checked).all() and checked.min() >= 0):
        raise ValueError(f"{name} must be finite and not negative")
    with np.errstate(over="ignore"):
        if checked.size and not np.isfinite(np.float32(checked.max())):
            raise ValueError(f"{name} must fit into single precision, got {checked.max():g}")
    return checked
