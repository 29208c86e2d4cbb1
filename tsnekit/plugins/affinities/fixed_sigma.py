"""Gaussian kernels, all of one bandwidth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tsnekit.plugins.affinities._calibration import NOT_FINITE
from tsnekit.plugins.affinities._neighborhood import NeighborhoodKernel
from tsnekit.toolkit import check_real

__all__ = ["FixedSigmaKernel"]


class FixedSigmaKernel(NeighborhoodKernel):
    """Gaussian weights exp(-d^2 / (2 sigma^2)), made to sum to 1 in each row.

    Parameters
    ----------
    sigma : float, default=1
        Bandwidth, in units of the distances.
    k_neighbors : int, default=30
        How many neighbors to weigh; all other rows where there are fewer.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not valid.
    """

    def __init__(self, *, sigma: float = 1.0, k_neighbors: int = 30) -> None:
        super().__init__(k_neighbors)
        self.sigma = check_real("sigma", sigma, above=0)

    def weights(self, distances: NDArray[np.float32], *, n_jobs: int = 1) -> NDArray[np.float32]:
        """Return the weights (n, k); a ValueError if a distance is not finite."""
        import tsnekit._native.perplexity as native

        weights = np.empty(distances.shape, dtype=np.float32)
        precision = 0.5 / max(self.sigma**2, np.finfo(np.float64).tiny)
        distances = np.ascontiguousarray(distances, dtype=np.float32)
        native.gaussian_weights(distances, precision, weights, n_jobs)
        if np.isnan(weights[:, 0]).any():
            raise ValueError(NOT_FINITE)
        return weights
