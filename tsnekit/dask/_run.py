"""A phase of the optimization as the client sees it: ranks, their losses, and its end."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._backends.resolve import Choice, resolve_backend
from tsnekit._descent.course import Course
from tsnekit._descent.parameters import DescentParameters
from tsnekit._util.failures import describe
from tsnekit.callbacks import check_callbacks
from tsnekit.dask._attempt import LOOK_SECONDS, Attempt, BusyWorkers, LostWorkers, Timeouts
from tsnekit.dask._blocks import Blocks
from tsnekit.dask._checkpoints import Part
from tsnekit.dask._control import (
    ANSWER_SECONDS,
    TRANSFER_SECONDS,
    SchedulerLost,
    Workers,
    failed,
    wait_for,
    within,
)
from tsnekit.dask._interrupts import INTERRUPTS
from tsnekit.dask._rank import CALLBACK, USER, Assignment, Outcome
from tsnekit.errors import ClusterError
from tsnekit.interfaces import Optimizer, RepulsionProblem

__all__ = ["PhaseResult", "run_phase"]

logger = logging.getLogger(__name__)

CHECKPOINT_EVERY = 50
"""Iterations from one checkpoint to the next."""

TIMEOUT = 300.0
"""Seconds that a rank waits for another one, and the client for ranks that are to end."""

START_TIMEOUT = 60.0
"""Seconds within which every worker must begin its task."""

MAX_RESTARTS = 5
"""How often a phase continues from a checkpoint before it is an error."""

BLOCKS_TIMEOUT = 24 * 3600.0
"""Seconds within which P must be in memory, of which Dask may have to compute some again."""

CALLBACK_ENDED = "a callback ended it"
USER_ENDED = "Ctrl-C ended it"


@dataclass(frozen=True, kw_only=True)
class PhaseResult:
    """How a phase ended, and where it left the map.

    Parameters
    ----------
    positions : ndarray of shape (n, d), float32
    optimizer_state : mapping of str to ndarray
        The state of the optimizer for all rows.
    iteration : int
        Iterations so far, over all phases.
    exaggeration : float or None
        Of the last iteration.
    n_iter : int
        Iterations of this phase.
    reason : str
        What ended it.
    interrupted : bool
        Whether it was Ctrl-C.
    stopped : bool
        Whether it was a callback.
    seconds : float
    divergence : float
        The KL divergence at the end; not a number if it was not asked for.
    n_ranks : int
        Workers at the end.
    restarts : int
        How often the phase continued on other workers.
    method : Choice
        The gradient method, and why it was chosen.
    callbacks : list of callable
        The callbacks with the state that they had on the worker.
    """

    positions: NDArray[np.float32]
    optimizer_state: Mapping[str, NDArray[Any]]
    iteration: int
    exaggeration: float | None
    n_iter: int
    reason: str
    interrupted: bool
    stopped: bool
    seconds: float
    divergence: float
    n_ranks: int
    restarts: int
    method: Choice
    callbacks: list[Callable[..., Any]]


def run_phase(
    client: Any,
    *,
    affinity_blocks: Sequence[Any],
    blocks: Blocks,
    positions: NDArray[np.float32],
    optimizer: Optimizer,
    optimizer_state: Mapping[str, NDArray[Any]],
    course: Course,
    parameters: DescentParameters,
    iteration: int = 0,
    exaggeration: float | None = None,
    n_jobs: int = 1,
    error_every: int = 0,
    final_divergence: bool = False,
    defaults: Mapping[str, Any] | None = None,
    on_progress: Callable[[int, float | None], None] | None = None,
    renewed: Callable[[], Sequence[Any]] | None = None,
    workers: Sequence[str] | None = None,
    checkpoint_every: int = CHECKPOINT_EVERY,
    timeout: float = TIMEOUT,
    start_timeout: float = START_TIMEOUT,
    blocks_timeout: float = BLOCKS_TIMEOUT,
) -> PhaseResult:
    """Run one phase of descent on the workers of a cluster.

    Each worker gets one long task, and the rows of some consecutive blocks. If workers are lost,
    the others continue the phase. They start from the last checkpoint that is still there.

    Parameters
    ----------
    client : distributed.Client
    affinity_blocks : sequence of Future
        The rows of P, a `SparseAffinities` of shape (rows, n) for each block.
    blocks : Blocks
    positions : ndarray of shape (n, d), float32
        Where the phase starts. Not changed.
    optimizer : Optimizer
        Without state. It must be possible to pickle it; each worker gets a copy.
    optimizer_state : mapping of str to ndarray
        The state for all rows; empty at first.
    course : Course
    parameters : DescentParameters
        The gradient method, its options, `dof` and callbacks are used. Callbacks must be possible
        to pickle. They are called on one worker, with a copy of all positions.
    iteration : int, default=0
        Iterations so far, over all phases.
    exaggeration : float, optional
        Of the last iteration.
    n_jobs : int, default=1
        Threads of each worker.
    error_every : int, default=0
        Iterations from one report of the KL divergence to the next; 0 for none.
    final_divergence : bool, default=False
        Whether to compute the KL divergence at the end.
    defaults : mapping, optional
        The defaults of the map's ``optimize``, for callbacks; those of this phase by default.
    on_progress : callable, optional
        Called here with the iterations of this phase, and with the KL divergence or None.
    renewed : callable, optional
        Returns `affinity_blocks` after sending again what was lost with a worker; called where Dask
        cannot compute a block again.
    workers : sequence of str, optional
        The addresses of the workers; all by default. Their order does not matter.
    checkpoint_every : int, default=50
        Iterations from one checkpoint to the next; 0 for none.
    timeout : float, default=300
        Seconds that a worker waits for another one before it counts as lost.
    start_timeout : float, default=60
        Seconds within which every worker must begin its task.
    blocks_timeout : float, default=86400
        Seconds within which P must be in memory.

    Returns
    -------
    PhaseResult

    Raises
    ------
    ClusterError
        If the phase cannot continue. It tells where the last checkpoint is.
    Exception
        What a gradient method, an optimizer or a callback raises on a worker.
    """
    n, d = positions.shape
    problem = RepulsionProblem(
        n_samples=n, n_components=d, dof=float(parameters.dof), n_jobs=n_jobs
    )
    method = resolve_backend(
        "negative_gradient_method",
        parameters.negative_gradient_method,
        problem,
        params=parameters.gradient_params,
        facade_params=parameters.facade_params(),
    )
    callbacks = check_callbacks(parameters.callbacks)

    pickled = _pickled(callbacks)

    def assign(run: str, addresses: tuple[str, ...], bounds: tuple[int, ...]) -> Assignment:
        return Assignment(
            run=run,
            addresses=addresses,
            bounds=bounds,
            method=method.instance,
            optimizer=optimizer,
            course=course,
            dof=float(parameters.dof),
            n_jobs=n_jobs,
            callbacks=pickled,
            callbacks_every=parameters.callbacks_every_iters if callbacks else 0,
            descent_params=parameters.values() | dict(defaults or {}) | {"callbacks": None},
            error_every=error_every,
            final_divergence=final_divergence,
            checkpoint_every=checkpoint_every,
            timeout=timeout,
            start_timeout=start_timeout,
        )

    state = Part(
        positions=np.asarray(positions, dtype=np.float32, order="C"),
        optimizer=dict(optimizer_state),
        iteration=iteration,
        done=0,
        exaggeration=exaggeration,
        ending=course.ending,
    )
    run = _Run(
        workers=Workers(client, workers),
        affinity_blocks=affinity_blocks,
        blocks=blocks,
        assign=assign,
        name=course.phase.name,
        on_progress=on_progress or (lambda iteration, error: None),
        renewed=renewed,
        timeouts=Timeouts(blocks=blocks_timeout, start=start_timeout, exchange=timeout),
    )
    started = time.perf_counter()
    with INTERRUPTS:
        state, outcomes = run.until_the_end(state)
    return PhaseResult(
        positions=state.positions,
        optimizer_state=state.optimizer,
        iteration=state.iteration,
        exaggeration=state.exaggeration,
        n_iter=state.done,
        reason=run.reason,
        interrupted=run.reason == USER_ENDED,
        stopped=run.reason == CALLBACK_ENDED,
        seconds=time.perf_counter() - started,
        divergence=outcomes[0].divergence if outcomes else np.nan,
        n_ranks=len(outcomes),
        restarts=run.restarts,
        method=method.choice,
        callbacks=(outcomes[0].callbacks if outcomes else None) or callbacks,
    )


class _Run:
    """One phase, on other workers after each loss."""

    def __init__(
        self,
        *,
        workers: Workers,
        affinity_blocks: Sequence[Any],
        blocks: Blocks,
        assign: Callable[[str, tuple[str, ...], tuple[int, ...]], Assignment],
        name: str,
        on_progress: Callable[[int, float | None], None],
        renewed: Callable[[], Sequence[Any]] | None = None,
        timeouts: Timeouts,
    ) -> None:
        self.restarts = 0
        self.reason = ""
        self._workers = workers
        self._affinity_blocks = list(affinity_blocks)
        self._blocks = blocks
        self._assign = assign
        self._name = name
        self._on_progress = on_progress
        self._renewed = renewed
        self._timeouts = timeouts
        self._id = uuid.uuid4().hex[:12]

    def until_the_end(self, state: Part) -> tuple[Part, list[Outcome]]:
        """Return the state of all rows at the end, and what the ranks returned.

        The ranks return nothing if Ctrl-C ended the phase before they could.
        """
        while True:
            try:
                with self._attempt(state) as attempt:
                    attempt.go()
                    problem = attempt.problem()
                    state = attempt.state_after(state)
                if attempt.failure is not None:
                    raise attempt.failure
                if not problem:
                    outcomes = [attempt.outcomes[rank] for rank in sorted(attempt.outcomes)]
                    self.reason = _reason(attempt, outcomes[0])
                    return state, outcomes
                if attempt.interrupted:
                    raise KeyboardInterrupt
            except KeyboardInterrupt:
                self.reason = USER_ENDED
                return state, []
            except LostWorkers as error:
                problem = str(error)
            except BusyWorkers as error:
                message = "they may be busy with other tasks: wait for these, or name other workers"
                raise failed(f"{error}; {message}", state) from None
            except SchedulerLost as error:
                raise failed(str(error), state) from error
            self.restarts += 1
            if self.restarts > MAX_RESTARTS:
                raise failed(f"{problem}, after {MAX_RESTARTS} restarts", state)
            logger.warning("%s; %s continues after iteration %d", problem, self._name, state.done)

    def _attempt(self, state: Part) -> Attempt:
        alive = self._workers_with_blocks(state)
        run = f"{self._id}-{self.restarts}"
        return Attempt(
            workers=self._workers,
            addresses=self._placed(alive),
            blocks=self._blocks,
            affinity_blocks=self._affinity_blocks,
            state=state,
            assign=lambda addresses, bounds: self._assign(run, addresses, bounds),
            run=run,
            name=self._name,
            on_progress=self._on_progress,
            timeouts=self._timeouts,
        )

    def _workers_with_blocks(self, state: Part) -> list[str]:
        """Wait for P, some of which Dask may have to compute again, and return the workers."""
        begun = seen = time.monotonic()
        while True:
            alive, now = self._workers.alive(), time.monotonic()
            seen = now if alive else seen
            missing = [future for future in self._affinity_blocks if future.status != "finished"]
            if alive and not missing:
                return alive
            for future in missing:
                if future.status == "error":
                    future.result()
            if any(future.status == "cancelled" for future in missing):
                self._renew(state)
            if now - seen > self._timeouts.start:
                raise failed("no workers are left", state)
            if now - begun > self._timeouts.blocks:
                raise failed(f"P was not in memory within {self._timeouts.blocks:g} s", state)
            if missing:
                wait_for(missing, LOOK_SECONDS)
            else:
                time.sleep(LOOK_SECONDS)

    def _renew(self, state: Part) -> None:
        """Have blocks sent again that Dask cannot compute again."""
        if self._renewed is None:
            raise failed("the affinities were cancelled", state)
        try:
            self._affinity_blocks = list(within(TRANSFER_SECONDS, self._renewed))
        except (ClusterError, TimeoutError) as error:
            raise failed(str(error), state) from error

    def _placed(self, alive: list[str]) -> list[str]:
        """Return the worker of each rank: if possible one that has the rank's rows of P."""
        shares = self._blocks.shares(min(len(alive), len(self._blocks)))
        try:
            has = within(ANSWER_SECONDS, self._workers.client.who_has, self._affinity_blocks)
        except Exception as error:
            raise SchedulerLost(f"the scheduler does not answer: {error!r}") from error
        holders = [has.get(future.key, ()) for future in self._affinity_blocks]
        free, placed = list(alive), []
        for first, last in shares:
            rows = {
                worker: sum(
                    size
                    for size, held_by in zip(
                        self._blocks.sizes[first:last], holders[first:last], strict=True
                    )
                    if worker in held_by
                )
                for worker in free
            }
            placed.append(max(free, key=lambda worker: rows[worker]))
            free.remove(placed[-1])
        return placed


def _reason(attempt: Attempt, first: Outcome) -> str:
    if attempt.interrupted or first.signal & USER:
        return USER_ENDED
    return CALLBACK_ENDED if first.signal & CALLBACK else first.reason


def _pickled(callbacks: list[Callable[..., Any]]) -> bytes:
    import cloudpickle

    try:
        return cloudpickle.dumps(callbacks)
    except Exception as error:
        raise TypeError(
            "callbacks are called on a worker, so that it must be possible to pickle them: "
            f"{describe(error)}"
        ) from error
