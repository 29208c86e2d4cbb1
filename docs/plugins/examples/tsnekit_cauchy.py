"""An affinity kernel with heavy tails, and a width that needs no calibration."""

import numpy as np

from tsnekit.hookspecs import hookimpl
from tsnekit.specs import AffinitySpec


@hookimpl
def tsnekit_affinity_kernels():
    """List the kernels of this module."""
    yield AffinitySpec(
        name="cauchy",
        factory="tsnekit_cauchy:CauchyKernel",
        summary="weights 1 / (1 + (d / s)^2), s the median distance of the row",
    )


class CauchyKernel:
    """Weights 1 / (1 + (d / s)^2), with s the median distance to the neighbors.

    Parameters
    ----------
    k_neighbors : int, default=30
        How many neighbors to weigh.
    """

    def __init__(self, *, k_neighbors=30):
        self.k_neighbors = k_neighbors

    def n_neighbors(self, n_samples):
        """Return how many neighbors to search for."""
        return min(self.k_neighbors, n_samples - 1)

    def weights(self, distances, *, n_jobs=1):
        """Turn distances (n, k) into weights (n, k), each row summing to 1."""
        d = distances.astype(np.float64)
        width = np.median(d, axis=1, keepdims=True)
        # If most neighbors are duplicates, the median is zero, and any width works.
        width[width == 0] = 1
        w = 1 / (1 + (d / width) ** 2)
        return (w / w.sum(axis=1, keepdims=True)).astype(np.float32)
