"""Where new points start in an embedding."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import tsnekit.initialization as initializers
from tsnekit._util.validation import check_positions, short_repr
from tsnekit.interfaces import NeighborGraph

__all__ = ["check_placement", "place"]

PLACEMENTS = ("median", "weighted", "random")


def check_placement(initialization: Any) -> None:
    """Check that an initialization of new points is a known name, or positions.

    Raises
    ------
    TypeError, ValueError
        If `initialization` is neither.
    """
    if not isinstance(initialization, str):
        check_positions(initialization, name="initialization")
    elif initialization not in PLACEMENTS:
        raise ValueError(
            f"initialization must be one of {', '.join(PLACEMENTS)} or an array, "
            f"got {short_repr(initialization)}"
        )


def place(
    initialization: Any,
    reference: NDArray[np.float32],
    neighbors: NeighborGraph | None,
    *,
    n_new: int,
    k: int,
    random_state: Any,
) -> NDArray[Any]:
    """Return where new points start, (n_new, d).

    Parameters
    ----------
    initialization : {"median", "weighted", "random"} or array-like of shape (n_new, d)
    reference : ndarray of shape (n, d)
    neighbors : NeighborGraph or None
        Neighbors of the new points among the points of the reference, for "median" and "weighted".
    n_new : int
        How many new points there are.
    k : int
        How many neighbors to look at.
    random_state : int, RandomState, Generator or None
        For "random".
    """
    d = reference.shape[1]
    if not isinstance(initialization, str):
        return check_positions(
            initialization, name="initialization", n_samples=n_new, n_components=d
        )
    if initialization == "random" or neighbors is None:
        return initializers.random(n_new, d, random_state=random_state)
    indices, distances = neighbors.indices[:, :k], neighbors.distances[:, :k]
    if initialization == "weighted":
        return initializers.weighted_mean(None, reference, indices, distances)
    return initializers.median(reference, indices)
