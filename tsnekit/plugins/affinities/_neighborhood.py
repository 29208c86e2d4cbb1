"""Shared code of the kernels with a given number of neighbors."""

from __future__ import annotations

from tsnekit.plugins.affinities._calibration import limit_neighbors
from tsnekit.toolkit import check_integer, warn

__all__ = ["NeighborhoodKernel"]


class NeighborhoodKernel:
    """A kernel that weighs `k_neighbors` neighbors of each row."""

    def __init__(self, k_neighbors: int) -> None:
        self.k_neighbors = check_integer("k_neighbors", k_neighbors, at_least=1)

    def n_neighbors(self, n_samples: int) -> int:
        """Return how many neighbors the kernel weighs; warn if they are fewer than given."""
        k = limit_neighbors(self.k_neighbors, n_samples)
        if k < self.k_neighbors:
            warn(
                f"k_neighbors={self.k_neighbors} is too large: each row has {k} neighbors at most",
                UserWarning,
            )
        return k
