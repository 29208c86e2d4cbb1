"""The first principal components of the data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tsnekit import initialization
from tsnekit.interfaces import InitSource

__all__ = ["PCAInitializer"]


class PCAInitializer:
    """Place points by their first principal components, the first with standard deviation 1e-4.

    Parameters
    ----------
    svd_solver : str, default="auto"
        See `tsnekit.initialization.pca`.
    """

    def __init__(self, *, svd_solver: str = "auto") -> None:
        self.svd_solver = svd_solver

    def __call__(
        self, source: InitSource, n_components: int, rng: np.random.RandomState
    ) -> NDArray[np.float64]:
        """Return positions (n, n_components)."""
        return initialization.pca(
            source.data,
            n_components,
            svd_solver=self.svd_solver,
            random_state=rng,
            n_jobs=source.n_jobs,
        )
