"""One phase of descent: gradient, optimizer step, recentering, observers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tsnekit._backends.contracts import check_gradient
from tsnekit._descent.course import Course
from tsnekit._descent.parameters import DescentParameters
from tsnekit._descent.terms import Terms
from tsnekit._util.validation import MAX_POSITION
from tsnekit.interfaces import Optimizer, Phase, SupportsDivergence

__all__ = ["Centering", "Observer", "Progress", "check_convergence", "descend", "go_back"]

Observer: TypeAlias = Callable[[int, Phase], None]
"""Called after each iteration with its number, from 1, and its phase; raises to end the phase."""


class Centering:
    """Keeps the mean of a map at the origin.

    Parameters
    ----------
    n_components, n_jobs : int
    """

    def __init__(self, n_components: int, n_jobs: int) -> None:
        self._mean = np.empty(n_components)
        self._n_jobs = n_jobs

    def __call__(self, Y: NDArray[np.float32]) -> None:
        """Subtract the mean of the rows, in place."""
        from tsnekit._native.update import center

        center(Y, self._mean, self._n_jobs)


@dataclass(kw_only=True)
class Progress:
    """How far a descent is.

    Parameters
    ----------
    iteration : int
        Iterations so far, over all phases.
    exaggeration : float, optional
        Of the last iteration; None before the first one.
    lock : Lock
        Held while an iteration moves the points. A thread that holds it reads positions, optimizer,
        `iteration` and `exaggeration` of the same moment.
    """

    iteration: int = 0
    exaggeration: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)


def descend(
    Y: NDArray[np.float32],
    gradient: SupportsDivergence,
    optimizer: Optimizer,
    course: Course,
    *,
    terms: Terms | None = None,
    recenter: Callable[[NDArray[np.float32]], None] | None = None,
    enter_phase: Callable[[Phase], None] | None = None,
    progress: Progress | None = None,
    whose: str = "a gradient method",
    observers: Sequence[Observer] = (),
) -> str:
    """Run one phase of descent on `Y`, in place, and return what ended it.

    An iteration happens as a whole or not at all: if an exception, such as Ctrl-C, ends it between
    gradient and recentering, then `Y`, the optimizer and the progress are as they were before it.

    Parameters
    ----------
    Y : ndarray of shape (n, d), float32
        Moved in place.
    gradient : SupportsDivergence
    optimizer : Optimizer
        Already started.
    course : Course
        What is in force at each iteration, and when the phase ends.
    terms : Terms, optional
        Force terms, whose gradients are added and whose losses count.
    recenter : callable, optional
        Called with `Y` after each step, to move it in place, for example a `Centering`. It is part
        of the iteration: if it fails, the step is taken back.
    enter_phase : callable, optional
        Called before each gradient, with what is in force.
    progress : Progress, optional
        Counts the iterations.
    whose : str, default="a gradient method"
        The gradient method, for messages.
    observers : sequence of callable
        Called in order after each iteration.

    Raises
    ------
    ContractError
        If a gradient or a loss is not finite, though the points are.
    """
    progress = Progress() if progress is None else progress
    ending = course.ending
    forces = np.full_like(Y, np.nan)  # a gradient that is not filled is seen
    for iteration in range(ending.at_most):
        phase = course.after(progress.exaggeration)
        if enter_phase is not None:
            enter_phase(phase)
        # While exaggeration fades, the divergence says nothing about the phase.
        if phase is course.phase and ending.looks_at(iteration):
            loss = gradient.gradient_and_divergence(Y, forces, phase.exaggeration)
            if terms is not None:
                loss += terms.loss(Y, phase.name, iteration / ending.at_most)
            reason = ending.reason(iteration, loss)
            if reason is not None:
                return reason
        else:
            gradient.gradient(Y, forces, phase.exaggeration)
        check_gradient(whose, Y, forces, progress.iteration + 1)
        if terms is not None:
            share = iteration / ending.at_most
            terms.add_gradient(Y, forces, phase.name, share, progress.iteration + 1)
        with progress.lock:
            _move_as_a_whole(Y, forces, recenter, optimizer, phase, progress)
        for observer in observers:
            observer(iteration + 1, phase)
    return ending.reason_at_most


def _move_as_a_whole(
    Y: NDArray[np.float32],
    forces: NDArray[np.float32],
    recenter: Callable[[NDArray[np.float32]], None] | None,
    optimizer: Optimizer,
    phase: Phase,
    progress: Progress,
) -> None:
    positions, state = Y.copy(), optimizer.state()
    iteration, exaggeration = progress.iteration, progress.exaggeration
    try:
        optimizer.step(Y, forces, phase)
        if recenter is not None:
            recenter(Y)
        progress.exaggeration = phase.exaggeration
        progress.iteration = iteration + 1
    except BaseException:
        go_back(Y, positions, optimizer, state)
        progress.exaggeration = exaggeration
        progress.iteration = iteration
        raise


def go_back(
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


def check_convergence(Y: NDArray[np.float32], parameters: DescentParameters) -> None:
    """Check that positions after a phase are those of a map.

    Raises
    ------
    ValueError
        If they are not finite, or too far out; the message says what to try.
    """
    if not (np.abs(Y) <= MAX_POSITION).all():
        raise ValueError(
            f"the optimization diverged: the map holds values beyond {MAX_POSITION:g}; try a "
            f"smaller learning_rate than {parameters.learning_rate!r}, or a bound on steps "
            f"instead of max_step_norm={parameters.max_step_norm!r}"
        )
