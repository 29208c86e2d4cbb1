"""Momentum that grows, and a learning rate that grows with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import Phase
from tsnekit.toolkit import check_real

__all__ = ["AcceleratedOptimizer"]

FIRST_MOMENTUM = 0.8
"""Momentum that needs no growing into."""

MAX_FACTOR = 10.0
"""The most by which a learning rate is multiplied."""


class AcceleratedOptimizer:
    """The steps of ``momentum``, longer where the momentum is high.

    The momentum of the phase is not in force at once. It grows from 0.8: in each iteration, 1 less
    the momentum loses the share `growth` of itself, until it is that of the phase. The learning
    rate is multiplied by 0.2 / (1 - momentum), up to 10, so that it is doubled at a
    momentum of 0.9. Up to a momentum of 0.8, the steps are those of ``momentum``.

    Points that just begin to move apart would be thrown across one another by steps of that length.
    While the momentum grows, they find their order.

    Parameters
    ----------
    growth : float, default=0.03
        From 0.8 to 0.94, momentum takes 40 iterations; 1 is at once.

    References
    ----------
    R. A. Jacobs. "Increased rates of convergence through learning rate adaptation". Neural
    Networks 1 (1988), 295-307.
    """

    def __init__(self, *, growth: float = 0.03) -> None:
        self.growth = check_real("growth", growth, above=0, at_most=1)
        self._state: dict[str, NDArray[Any]] = {}

    def start(self, Y: NDArray[np.float32]) -> None:
        """Start at rest, with all gains 1 and a momentum of 0.8."""
        self._state = {
            "update": np.zeros_like(Y),
            "gains": np.ones_like(Y),
            "momentum": np.array(FIRST_MOMENTUM),
        }

    def step(self, Y: NDArray[np.float32], gradient: NDArray[np.float32], phase: Phase) -> None:
        """Move `Y` in place by one step."""
        from tsnekit._native.update import momentum_step

        momentum = self._next_momentum(phase.momentum)
        self._state["momentum"] = np.array(momentum)
        room = max(1 - momentum, (1 - FIRST_MOMENTUM) / MAX_FACTOR)
        momentum_step(
            Y,
            gradient,
            self._state["update"],
            self._state["gains"],
            phase.learning_rate * max(1.0, (1 - FIRST_MOMENTUM) / room),
            momentum,
            math.inf if phase.max_grad_norm is None else phase.max_grad_norm,
            math.inf if phase.max_step_norm is None else phase.max_step_norm,
            phase.n_jobs,
        )

    def _next_momentum(self, wanted: float) -> float:
        grown = 1 - (1 - float(self._state["momentum"])) * (1 - self.growth)
        return min(wanted, max(grown, FIRST_MOMENTUM))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return copies of the updates, the gains and the momentum."""
        return {name: array.copy() for name, array in self._state.items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over copies of what `state` returned."""
        self._state = {name: np.array(array, order="C") for name, array in state.items()}
