"""A phase of descent by an engine that takes many iterations at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._backends.contracts import check_state, refuse
from tsnekit._backends.options import kept_options, options_of
from tsnekit._backends.resolve import find_registered
from tsnekit._descent.course import Course
from tsnekit._descent.endings import Ending
from tsnekit._descent.loop import Observer, Progress, go_back
from tsnekit._descent.plan import Plan
from tsnekit._util.validation import MAX_POSITION
from tsnekit.interfaces import Optimizer

__all__ = ["descend_at_once", "is_engine_for"]

MOST = 50
"""The most iterations at once, so that Ctrl-C and the progress bar do not wait for long."""


def is_engine_for(plan: Plan, optimizer: Optimizer) -> bool:
    """Return whether a plan can take the iterations of this optimizer by itself."""
    if plan.descends is None:
        return False
    found = find_registered("optimizer", optimizer)
    if found is None or plan.descends not in found.spec.names:
        return False
    # The plan knows the optimizer as it is by default.
    return kept_options(optimizer) == options_of(type(optimizer))


def descend_at_once(
    Y: NDArray[np.float32],
    plan: Plan,
    optimizer: Optimizer,
    course: Course,
    *,
    progress: Progress,
    every: int,
    observers: Sequence[Observer] = (),
) -> str:
    """Run one phase of descent on `Y`, in place, and return what ended it.

    It does what `tsnekit._descent.loop.descend` does, in stretches of several iterations. Each
    stretch happens as a whole or not at all. It ends where the divergence or the callbacks need the
    positions.

    Parameters
    ----------
    Y : ndarray of shape (n, d), float32
        Moved in place.
    plan : Plan
        Of a `tsnekit.interfaces.Descends`.
    optimizer : Optimizer
        Already started.
    course : Course
    progress : Progress
    every : int
        Iterations from one call of the callbacks to the next; 0 for none.
    observers : sequence of callable
        Called in order for each iteration, after its stretch.
    """
    ending, iteration = course.ending, 0
    while iteration < ending.at_most:
        phase = course.after(progress.exaggeration)
        n_iter = 1  # while exaggeration fades, it changes in each iteration
        if phase is course.phase:
            if ending.looks_at(iteration):
                reason = ending.reason(iteration, plan.value(Y))
                if reason is not None:
                    return reason
            n_iter = _stretch(iteration, ending, every)
        plan.enter_phase(phase)
        positions, state = Y.copy(), optimizer.state()
        plan.descend(positions, phase, n_iter, state)
        if not np.isfinite(positions).all() and (np.abs(Y) <= MAX_POSITION).all():
            refuse(plan.whose, f"moved points to {positions[~np.isfinite(positions)][0]}")
        with progress.lock:
            _take_over(Y, positions, optimizer, state, progress, n_iter, phase.exaggeration)
        for done in range(iteration + 1, iteration + n_iter + 1):
            for observer in observers:
                observer(done, phase)
        iteration += n_iter
    return ending.reason_at_most


def _stretch(iteration: int, ending: Ending, every: int) -> int:
    """Return how many iterations may follow one another after so many."""
    n_iter = 1
    while n_iter < MOST:
        done = iteration + n_iter
        called = done % MOST == 0 or (every > 0 and done % every == 0)
        if done >= ending.at_most or called or ending.looks_at(done):
            break
        n_iter += 1
    return n_iter


def _take_over(
    Y: NDArray[np.float32],
    positions: NDArray[np.float32],
    optimizer: Optimizer,
    state: dict[str, NDArray[Any]],
    progress: Progress,
    n_iter: int,
    exaggeration: float,
) -> None:
    before, iteration, was = optimizer.state(), progress.iteration, progress.exaggeration
    kept = Y.copy()
    try:
        optimizer.restore(state)
        check_state(optimizer)
        Y[...] = positions
        progress.iteration, progress.exaggeration = iteration + n_iter, exaggeration
    except BaseException:
        go_back(Y, kept, optimizer, before)
        progress.iteration, progress.exaggeration = iteration, was
        raise
