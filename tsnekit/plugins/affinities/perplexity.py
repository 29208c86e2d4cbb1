"""Gaussian kernels, each row calibrated to the perplexity."""

from __future__ import annotations

from tsnekit.plugins.affinities._calibration import (
    CalibratedKernel,
    check_neighbors,
    check_perplexity,
)

__all__ = ["PerplexityKernel"]


class PerplexityKernel(CalibratedKernel):
    """Gaussian weights whose bandwidth gives each row the same perplexity.

    The perplexity is 2 to the entropy of the weights in bits: the effective number of neighbors.

    Parameters
    ----------
    perplexity : float, default=30
        At least 1. If there are too few neighbors, a third of their number is used instead, with a
        warning.
    k_neighbors : int or "auto", default="auto"
        How many neighbors to weigh; "auto" is three times the perplexity.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not valid.

    References
    ----------
    L. van der Maaten, G. Hinton. "Visualizing data using t-SNE". JMLR 9 (2008), 2579-2605.
    """

    def __init__(self, *, perplexity: float = 30, k_neighbors: int | str = "auto") -> None:
        self.perplexity = check_perplexity("perplexity", perplexity)
        self.k_neighbors = k_neighbors
        k = check_neighbors(k_neighbors, self.perplexity)
        super().__init__((self.perplexity,), k, mixture=False)
