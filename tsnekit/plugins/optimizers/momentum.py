"""Gradient descent with momentum and delta-bar-delta gains."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import Phase

__all__ = ["MomentumOptimizer"]


class MomentumOptimizer:
    """The optimizer of van der Maaten's t-SNE.

    Each coordinate of each point has a gain. The gain grows by 0.2 if the gradient points against
    the last update. Otherwise it shrinks by the factor 0.8, to 0.01 at least.

    References
    ----------
    R. A. Jacobs. "Increased rates of convergence through learning rate adaptation". Neural
    Networks 1 (1988), 295-307.
    """

    def __init__(self) -> None:
        self._state: dict[str, NDArray[np.float32]] = {}

    def start(self, Y: NDArray[np.float32]) -> None:
        """Start at rest, with all gains 1."""
        self._state = {"update": np.zeros_like(Y), "gains": np.ones_like(Y)}

    def step(self, Y: NDArray[np.float32], gradient: NDArray[np.float32], phase: Phase) -> None:
        """Move `Y` in place by one step."""
        from tsnekit._native.update import momentum_step

        momentum_step(
            Y,
            gradient,
            self._state["update"],
            self._state["gains"],
            phase.learning_rate,
            phase.momentum,
            math.inf if phase.max_grad_norm is None else phase.max_grad_norm,
            math.inf if phase.max_step_norm is None else phase.max_step_norm,
            phase.n_jobs,
        )

    def state(self) -> dict[str, NDArray[Any]]:
        """Return copies of the updates and gains."""
        return {name: array.copy() for name, array in self._state.items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from copies of what `state` returned."""
        self._state = {
            name: np.array(array, dtype=np.float32, order="C") for name, array in state.items()
        }
