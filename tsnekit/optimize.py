"""One phase of descent: gradient, optimizer step, recentering, observers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import Phase, WholeGradient

__all__ = ["Observer", "Steps", "descend", "resolve_learning_rate"]

Observer: TypeAlias = Callable[[int], None]
"""Called with the iteration, counted from 1, after each; raises to end the phase."""


class Steps(Protocol):
    """What takes steps: an `Optimizer`, or what stands between it and the points."""

    def step(self, Y: NDArray[np.float32], gradient: NDArray[np.float32], phase: Phase) -> None:
        """Move `Y` in place by one step; `gradient` may be overwritten."""
        ...


def resolve_learning_rate(learning_rate: float | str, n_samples: int, exaggeration: float) -> float:
    """Return the learning rate, n / exaggeration for "auto".

    References
    ----------
    A. C. Belkina et al. "Automated optimized parameters for T-distributed stochastic neighbor
    embedding improve visualization and analysis of large datasets". Nature Communications 10
    (2019), 5415.
    """
    return n_samples / exaggeration if isinstance(learning_rate, str) else float(learning_rate)


def descend(
    Y: NDArray[np.float32],
    gradient: WholeGradient,
    optimizer: Steps,
    phase: Phase,
    *,
    recenter: bool = True,
    observers: Sequence[Observer] = (),
) -> None:
    """Run one phase of descent on `Y`, in place.

    After every iteration, also one that an observer or Ctrl-C ends, `Y` and the optimizer's state
    are whole and belong together.

    Parameters
    ----------
    Y : ndarray of shape (n, d), float32
        Moved in place.
    gradient : WholeGradient
    optimizer : Steps
        Already started.
    phase : Phase
    recenter : bool, default=True
        Whether to keep the mean of the points at the origin.
    observers : sequence of callable
        Called in order after each iteration.
    """
    from tsnekit._native.update import center

    forces = np.empty_like(Y)
    mean = np.empty(Y.shape[1])
    for iteration in range(1, phase.n_iter + 1):
        gradient.gradient(Y, forces, phase.exaggeration)
        optimizer.step(Y, forces, phase)
        if recenter:
            center(Y, mean, phase.n_jobs)
        for observer in observers:
            observer(iteration)
