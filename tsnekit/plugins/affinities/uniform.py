"""Equal weights on the nearest neighbors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tsnekit.plugins.affinities._neighborhood import NeighborhoodKernel

__all__ = ["UniformKernel"]


class UniformKernel(NeighborhoodKernel):
    """The weight 1 / k for each of the k nearest neighbors.

    Parameters
    ----------
    k_neighbors : int, default=30
        How many neighbors to weigh; all other rows where there are fewer.

    Raises
    ------
    TypeError, ValueError
        If `k_neighbors` is not a positive integer.

    References
    ----------
    J. N. Boehm, P. Berens, D. Kobak. "Attraction-repulsion spectrum in neighbor embeddings". JMLR
    23 (2022), 1-32.
    """

    def __init__(self, *, k_neighbors: int = 30) -> None:
        super().__init__(k_neighbors)

    def weights(self, distances: NDArray[np.float32], *, n_jobs: int = 1) -> NDArray[np.float32]:
        """Return the weights (n, k)."""
        return np.full(distances.shape, 1 / distances.shape[1], dtype=np.float32)
