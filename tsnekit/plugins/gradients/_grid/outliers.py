"""Points so far out that the grid should not include them.

A grid over all points costs time and memory for the empty space between them. A point outside the
grid costs a pair with every other point. Points are left out, the farthest first, as long as this
is cheaper.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from tsnekit.plugins.gradients._grid.geometry import Box, CellRule

__all__ = ["bulk_box"]

# The search is only worth its time for grids of more nodes than these two allow.
MODEST_NODES = 1 << 19
MODEST_NODES_PER_POINT = 16
# The cost of one node of the transforms, in pairs.
PAIRS_PER_NODE = 4
# Bound on the pairs of a call.
MAX_PAIRS = 1 << 26
MAX_ROUNDS = 64


def bulk_box(X: NDArray[np.float32], box: Box, rule: CellRule) -> Box:
    """Return the box that a grid should cover.

    Parameters
    ----------
    X : ndarray of shape (n, d), float32
    box : Box
        The bounding box of `X`. It is returned if leaving points out would not save time.
    rule : CellRule
    """
    n = len(X)
    everything, all_nodes = box, rule.padded_size(box)
    if all_nodes <= MODEST_NODES + MODEST_NODES_PER_POINT * n:
        return everything
    spare = min(MAX_PAIRS // n, n // 4)
    for _ in range(MAX_ROUNDS):
        if spare == 0:
            break
        gain, smaller = _best_cut(X, box, spare, rule)
        if PAIRS_PER_NODE * gain < n:
            break
        kept = X[smaller.contains(X)]
        spare -= len(X) - len(kept)
        X, box = kept, Box.around(kept, 1)
    # Pairs use slower code, so they must at least halve the nodes.
    return box if rule.padded_size(box) <= 0.5 * all_nodes else everything


def _best_cut(X: NDArray[np.float32], box: Box, spare: int, rule: CellRule) -> tuple[float, Box]:
    """Return the most nodes that leaving out a point at one side saves, and the smaller box."""
    nodes = rule.padded_size(box)
    best, result = 0.0, box
    for axis in range(X.shape[1]):
        column = np.partition(X[:, axis], (spare, len(X) - 1 - spare)).astype(np.float64)
        low = np.sort(column[: spare + 1])
        high = np.sort(column[len(X) - 1 - spare :])[::-1]
        before = rule.padded_length(high[0] - low[0])
        for side, extent in (("lower", high[0] - low[1:]), ("upper", high[1:] - low[0])):
            saved = nodes * (1.0 - rule.padded_length(extent) / before) / np.arange(1, spare + 1)
            # The deepest of the cuts that are about equally good, so that few rounds are needed.
            count = int(np.flatnonzero(saved >= 0.9 * saved.max())[-1])
            if saved[count] > best:
                corner = getattr(box, side).copy()
                corner[axis] = (low if side == "lower" else high)[count + 1]
                best, result = float(saved[count]), dataclasses.replace(box, **{side: corner})
    return best, result
