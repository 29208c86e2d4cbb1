"""Gaussian noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tsnekit import initialization
from tsnekit.interfaces import InitSource
from tsnekit.toolkit import check_real

__all__ = ["RandomInitializer"]


class RandomInitializer:
    """Place points at random, from a Gaussian distribution.

    Parameters
    ----------
    std : float, default=1e-4
        Standard deviation of each coordinate.
    """

    def __init__(self, *, std: float = 1e-4) -> None:
        self.std = check_real("std", std, above=0)

    def __call__(
        self, source: InitSource, n_components: int, rng: np.random.RandomState
    ) -> NDArray[np.float64]:
        """Return positions (n, n_components)."""
        return initialization.random(source.n_samples, n_components, rng, std=self.std)
