"""A diffusion map of the affinities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tsnekit import initialization
from tsnekit.interfaces import InitSource

__all__ = ["SpectralInitializer"]


class SpectralInitializer:
    """Place points by a diffusion map of the affinities.

    Parameters
    ----------
    tol : float, default=1e-4
        Relative accuracy of the eigenvalues.
    max_iter : int, optional
        The most iterations of the eigensolver.
    """

    def __init__(self, *, tol: float = 1e-4, max_iter: int | None = None) -> None:
        self.tol = tol
        self.max_iter = max_iter

    def __call__(
        self, source: InitSource, n_components: int, rng: np.random.RandomState
    ) -> NDArray[np.float64]:
        """Return positions (n, n_components)."""
        return initialization.spectral(
            source.affinities,
            n_components,
            tol=self.tol,
            max_iter=self.max_iter,
            random_state=rng,
            n_jobs=source.n_jobs,
        )
