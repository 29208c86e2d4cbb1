"""Laplacian affinities for tsnekit: weights that fall with the distance, not with its square."""

import numpy as np

from tsnekit.hookspecs import hookimpl
from tsnekit.specs import AffinitySpec


@hookimpl
def tsnekit_affinity_kernels():
    """List the kernels of this module. tsnekit imports a factory when a user asks for it."""
    yield AffinitySpec(
        name="laplacian",
        factory="tsnekit_laplacian:LaplacianKernel",
        summary="weights exp(-d / s), each row calibrated to the perplexity",
    )


class LaplacianKernel:
    """Weights exp(-d / s), with a scale s that gives each row the same perplexity.

    Parameters
    ----------
    perplexity : float, default=30
        Effective number of neighbors, from 1 to a third of the available neighbors.
    """

    # Options are keyword-only, and each is kept in an attribute of its name.
    def __init__(self, *, perplexity=30.0):
        if not perplexity >= 1:
            raise ValueError(f"perplexity must be at least 1, got {perplexity!r}")
        self.perplexity = perplexity

    def n_neighbors(self, n_samples):
        """Return how many neighbors of each row the kernel wants to see."""
        return min(int(3 * self.perplexity), n_samples - 1)

    def weights(self, distances, *, n_jobs=1):
        """Turn distances (n, k), ascending in each row, into weights of the same shape."""
        # Subtracting the nearest distance changes no weight, and prevents a row of zeros from
        # exp().
        d = distances.astype(np.float64) - distances[:, :1]
        # In units of the mean distance, one bracket of s fits all data, whatever its unit.
        d /= np.maximum(d.mean(axis=1, keepdims=True), np.finfo(float).tiny)
        wanted = np.log(min(self.perplexity, max(1.0, d.shape[1] / 3)))
        low, high = np.full((2, len(d), 1), [[[-30.0]], [[30.0]]])
        for _ in range(50):  # bisection for log s, in all rows at once
            log_s = (low + high) / 2
            w = np.exp(-d / np.exp(log_s))
            total = w.sum(axis=1, keepdims=True)
            # The entropy of the weights w / total; the perplexity is its exponential.
            entropy = np.log(total) + (w * d).sum(axis=1, keepdims=True) / (total * np.exp(log_s))
            too_wide = entropy > wanted
            high = np.where(too_wide, log_s, high)
            low = np.where(too_wide, low, log_s)
        return (w / total).astype(np.float32)
