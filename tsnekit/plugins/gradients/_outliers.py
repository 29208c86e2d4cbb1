"""Points so far out that a grid should not be stretched to reach them.

A grid over everything costs time and memory for the empty space between; a point left out costs a
pair with every other point. Points are left out, farthest first, as long as that is the cheaper.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tsnekit.plugins.gradients._grid import Box, CellRule

__all__ = ["bulk_box"]

# Grids up to this many nodes, and so many more per point, are not worth the search.
MODEST_NODES = 1 << 21
MODEST_NODES_PER_POINT = 64
# What one node of the transforms costs, in pairs.
PAIRS_PER_NODE = 4
# Bound on the pairs of a call.
MAX_PAIRS = 1 << 26


def bulk_box(X: NDArray[np.float32], box: Box, rule: CellRule, max_nodes: int) -> Box | None:
    """Return the box that the grid should cover, or None where pairs alone are cheaper.

    Parameters
    ----------
    X : ndarray of shape (n, d), float32
    box : Box
        The bounding box of `X`.
    rule : CellRule
    max_nodes : int
        Nodes that the grid must not exceed if the remaining points can help it.
    """
    n = len(X)
    modest = min(max_nodes, MODEST_NODES + MODEST_NODES_PER_POINT * n)
    nodes = rule.padded_size(box)
    if nodes <= modest:
        return box
    if n * n <= min(MAX_PAIRS, PAIRS_PER_NODE * nodes):
        return None
    allowed = MAX_PAIRS // n
    if allowed < 1:
        return box
    allowed = min(allowed, n // 4)
    ends = _sorted_ends(X, allowed)
    left_out = np.zeros((2, X.shape[1]), int)
    while nodes > modest and left_out.sum() < allowed:
        lower, upper = ends[0, left_out[0]].diagonal(), ends[1, left_out[1]].diagonal()
        spare = allowed - left_out.sum()
        best = (0.0, 0, 0, 0)
        for side in (0, 1):
            for axis in range(X.shape[1]):
                start = left_out[side, axis]
                ahead = ends[side, start + 1 : start + spare + 1, axis]
                extent = upper[axis] - ahead if side == 0 else ahead - lower[axis]
                kept = rule.padded_length(extent) / rule.padded_length(upper[axis] - lower[axis])
                gain = nodes * (1.0 - kept) / np.arange(1, spare + 1)
                count = int(gain.argmax())
                best = max(best, (float(gain[count]), side, axis, count + 1))
        gain_per_point, side, axis, count = best
        if gain_per_point * PAIRS_PER_NODE < n:
            break
        left_out[side, axis] += count
        box = Box(ends[0, left_out[0]].diagonal(), ends[1, left_out[1]].diagonal())
        nodes = rule.padded_size(box)
    return box


def _sorted_ends(X: NDArray[np.float32], count: int) -> NDArray[np.float64]:
    """Return the `count + 1` smallest coordinates per axis ascending, and largest descending."""
    n = len(X)
    columns = np.partition(X.astype(np.float64), (count, n - 1 - count), axis=0)
    low = np.sort(columns[: count + 1], axis=0)
    high = np.sort(columns[n - 1 - count :], axis=0)[::-1]
    return np.stack([low, high])
