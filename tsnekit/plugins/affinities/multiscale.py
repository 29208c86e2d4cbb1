"""The mean of the weights that several perplexities give."""

from __future__ import annotations

from collections.abc import Sequence

from tsnekit.plugins.affinities._calibration import (
    CalibratedKernel,
    check_neighbors,
    check_perplexities,
)

__all__ = ["MultiscaleKernel"]


class MultiscaleKernel(CalibratedKernel):
    """The mean of Gaussian weights, one set for each perplexity.

    Parameters
    ----------
    perplexities : float or sequence of float, default=(30, 300)
        Each at least 1. If there are too few neighbors for a perplexity, it becomes a third of
        their number, with a warning.
    k_neighbors : int or "auto", default="auto"
        How many neighbors to weigh; "auto" is three times the largest perplexity.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not valid.

    References
    ----------
    J. A. Lee, D. H. Peluffo-Ordonez, M. Verleysen. "Multi-scale similarities in stochastic
    neighbour embedding". Neurocomputing 169 (2015), 246-261.
    """

    def __init__(
        self, *, perplexities: float | Sequence[float] = (30, 300), k_neighbors: int | str = "auto"
    ) -> None:
        self.perplexities = check_perplexities(perplexities)
        self.k_neighbors = k_neighbors
        k = check_neighbors(k_neighbors, max(self.perplexities))
        super().__init__(self.perplexities, k, mixture=False)
