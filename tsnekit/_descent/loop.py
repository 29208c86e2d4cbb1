"""One phase of descent: gradient, optimizer step, recentering, observers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import Optimizer, Phase, WholeGradient

__all__ = ["Observer", "Progress", "descend", "resolve_learning_rate"]

Observer: TypeAlias = Callable[[int], None]
"""Called after each iteration with its number, counted from 1. An exception ends the phase."""


@dataclass(kw_only=True)
class Progress:
    """How far a descent is.

    Parameters
    ----------
    iteration : int
        Iterations so far, over all phases.
    lock : Lock
        Held while an iteration moves the points. A thread that holds it reads positions, optimizer
        and `iteration` of the same moment.
    """

    iteration: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)


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
    optimizer: Optimizer,
    phase: Phase,
    *,
    recenter: bool = True,
    progress: Progress | None = None,
    observers: Sequence[Observer] = (),
) -> None:
    """Run one phase of descent on `Y`, in place.

    An iteration happens as a whole or not at all: if an exception, such as Ctrl-C, ends it between
    gradient and recentering, then `Y`, the optimizer and the count are as they were before it.

    Parameters
    ----------
    Y : ndarray of shape (n, d), float32
        Moved in place.
    gradient : WholeGradient
    optimizer : Optimizer
        Already started.
    phase : Phase
    recenter : bool, default=True
        Whether to keep the mean of the points at the origin.
    progress : Progress, optional
        Counts the iterations.
    observers : sequence of callable
        Called in order after each iteration.
    """
    from tsnekit._native.update import center

    def move() -> None:
        optimizer.step(Y, forces, phase)
        if recenter:
            center(Y, mean, phase.n_jobs)

    progress = Progress() if progress is None else progress
    forces = np.empty_like(Y)
    mean = np.empty(Y.shape[1])
    for iteration in range(1, phase.n_iter + 1):
        gradient.gradient(Y, forces, phase.exaggeration)
        with progress.lock:
            _move_as_a_whole(move, Y, optimizer, progress)
        for observer in observers:
            observer(iteration)


def _move_as_a_whole(
    move: Callable[[], None], Y: NDArray[np.float32], optimizer: Optimizer, progress: Progress
) -> None:
    positions, state, iteration = Y.copy(), optimizer.state(), progress.iteration
    try:
        move()
        progress.iteration = iteration + 1
    except BaseException:
        _go_back(Y, positions, optimizer, state)
        progress.iteration = iteration
        raise


def _go_back(
    Y: NDArray[np.float32],
    positions: NDArray[np.float32],
    optimizer: Optimizer,
    state: Mapping[str, NDArray[Any]],
) -> None:
    """Restore positions and optimizer, even if Ctrl-C is pressed again."""
    while True:
        try:
            Y[...] = positions
            optimizer.restore(state)
            return
        except KeyboardInterrupt:
            continue
