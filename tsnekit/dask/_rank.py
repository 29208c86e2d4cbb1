"""The long task of one worker: its rows of the map, until the phase ends."""

from __future__ import annotations

import copy
import pickle
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsnekit._descent.course import Course
from tsnekit._descent.endings import Ending
from tsnekit._descent.loop import Progress, descend
from tsnekit.callbacks import CallbackRunner, IterationState
from tsnekit.dask._checkpoints import Part, exchange_parts
from tsnekit.dask._comms import close_connections, connections
from tsnekit.dask._exchange import Collective, ExchangeError
from tsnekit.dask._gradient import SharedGradient
from tsnekit.errors import OptimizationInterrupt
from tsnekit.interfaces import GradientMethod, Optimizer, Phase, SparseAffinities

__all__ = ["Assignment", "Outcome", "WorkerMap", "run_rank", "tell_rank"]

CALLBACK, USER, LEAVING = 1, 2, 4
"""What a rank tells the others: why the phase is to end. Several reasons are a sum."""

PROGRESS_SECONDS = 0.2
"""The least time between two reports of progress, except after the KL divergence is known."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What the ranks of one phase are told, the same for all of them.

    Parameters
    ----------
    run : str
        Names the connections and checkpoints of these ranks.
    addresses : tuple of str
        Where the ranks listen.
    bounds : tuple of int
        The first row of each rank, and the number of rows.
    method : GradientMethod
    optimizer : Optimizer
        Without state; each rank gets a copy.
    course : Course
        Its ending is that of the `Part` that the rank starts with.
    dof : float
    n_jobs : int
        Threads of each rank.
    callbacks : bytes
        The callbacks, pickled. They are called on rank 0.
    callbacks_every : int
        Iterations from one call of the callbacks to the next; 0 for none.
    descent_params : mapping
        The defaults of `optimize`, for callbacks.
    error_every : int
        Iterations from one report of the KL divergence to the next; 0 for none.
    final_divergence : bool
        Whether the KL divergence is computed at the end.
    checkpoint_every : int
        Iterations from one checkpoint to the next; 0 for none.
    timeout : float
        Seconds that a rank waits for another.
    start_timeout : float
        Seconds that a rank waits for the others to begin.
    """

    run: str
    addresses: tuple[str, ...]
    bounds: tuple[int, ...]
    method: GradientMethod
    optimizer: Optimizer
    course: Course
    dof: float
    n_jobs: int
    callbacks: bytes
    callbacks_every: int
    descent_params: Mapping[str, Any]
    error_every: int
    final_divergence: bool
    checkpoint_every: int
    timeout: float
    start_timeout: float

    @property
    def topic(self) -> str:
        """The topic of Dask under which rank 0 reports its progress."""
        return f"tsnekit-{self.run}"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How the task of a rank ended.

    Parameters
    ----------
    reason : str
        What ended the phase, or what went wrong.
    signal : int
        What the ranks told one another.
    part : Part, optional
        The rows of this rank; None if the rank lost the others.
    divergence : float
    leaves : bool
        Whether the worker of this rank is about to end.
    callbacks : list of callable, optional
        The callbacks with their state, from rank 0.
    """

    reason: str
    signal: int = 0
    part: Part | None = None
    divergence: float = np.nan
    leaves: bool = False
    callbacks: list[Callable[..., Any]] | None = None


class WorkerMap(np.ndarray):
    """All positions, as callbacks on a worker get them: an array, with the map's parameters."""

    gradient_descent_params: Mapping[str, Any]


class _Resumed:
    """An ending that has already seen some iterations of the phase."""

    def __init__(self, ending: Ending, done: int) -> None:
        self._ending, self._done = ending, done
        self.at_most = ending.at_most - done
        self.reason_at_most = ending.reason_at_most
        self.watched = ending.watched

    def looks_at(self, iteration: int) -> bool:
        return self._ending.looks_at(iteration + self._done)

    def reason(self, iteration: int, divergence: float) -> str | None:
        return self._ending.reason(iteration + self._done, divergence)


class _Told(Exception):
    """Ends the loop, on all ranks after the same iteration."""


_signals: dict[tuple[str, str], int] = {}
_lock = threading.Lock()


def tell_rank(run: str, signal: int, dask_worker: Any) -> None:
    """Let the rank of a worker tell the others something; runs in the worker's process."""
    with _lock:
        _signals[run, dask_worker.address] = signal


def run_rank(assignment: Assignment, rank: int, part: Part, blocks: list[Any]) -> Outcome:
    """Optimize the rows of a rank together with all other ranks; a task of a worker.

    Parameters
    ----------
    assignment : Assignment
    rank : int
    part : Part
        The state of this rank's rows.
    blocks : list of SparseAffinities
        This rank's rows of P, in order. Emptied, so that Dask may free their memory.
    """
    from distributed import get_worker

    worker, run = get_worker(), assignment.run
    channel = connections(run, worker)
    if channel is None:
        return Outcome(reason=f"worker {worker.address} was restarted")
    collective = None
    try:
        channel.join(rank, assignment.addresses, assignment.start_timeout)
        collective = Collective(channel, timeout=assignment.timeout)
        return _Rank(assignment, worker, collective, part, _stacked(blocks)).optimize()
    except ExchangeError as error:
        return Outcome(reason=str(error))
    finally:
        if collective is not None:
            collective.close()
        close_connections(run, worker)
        with _lock:
            _signals.pop((run, worker.address), None)


class _Rank:
    """One rank within a phase."""

    def __init__(
        self,
        assignment: Assignment,
        worker: Any,
        collective: Collective,
        part: Part,
        affinities: SparseAffinities,
    ) -> None:
        self._assignment = assignment
        self._worker = worker
        self._collective = collective
        self._key = assignment.run, worker.address
        # Ranks may share a process, and what Dask gives them.
        self._ending, self._before = copy.deepcopy(part.ending), part.done
        self._Y = np.array(part.positions, dtype=np.float32, order="C")
        everything = np.empty((assignment.bounds[-1], self._Y.shape[1]), dtype=np.float32)
        collective.allgather(self._Y, everything, assignment.bounds)
        self._gradient = SharedGradient(
            affinities,
            assignment.method,
            collective,
            assignment.bounds,
            everything,
            dof=assignment.dof,
            n_jobs=assignment.n_jobs,
        )
        self._optimizer = copy.deepcopy(assignment.optimizer)
        if part.optimizer:
            self._optimizer.restore(part.optimizer)
        else:
            self._optimizer.start(self._Y)
        self._progress = Progress(iteration=part.iteration, exaggeration=part.exaggeration)
        self._start = part.iteration
        self._callbacks: list[Callable[..., Any]] | None = None
        if collective.rank == 0:
            self._callbacks = pickle.loads(assignment.callbacks)
        self._reported = 0.0
        self._signal = 0

    def optimize(self) -> Outcome:
        """Run the loop until the phase ends."""
        assignment = self._assignment
        ending = _Resumed(self._ending, self._before)
        course = Course(
            phase=assignment.course.phase,
            ending=ending,
            fade=assignment.course.fade,
            learning_rate=assignment.course.learning_rate,
            n_auto=assignment.course.n_auto,
        )
        if self._callbacks:
            self._runner().start()
        try:
            reason = descend(
                self._Y,
                self._gradient,
                self._optimizer,
                course,
                recenter=self._gradient.exchange,
                progress=self._progress,
                observers=[self._observe],
            )
        except _Told:
            reason = "it was told to end"
        if self._signal & LEAVING:
            self._checkpoint()
        divergence = np.nan
        if assignment.final_divergence and not self._signal & LEAVING:
            divergence = self._gradient.kl_divergence(self._Y)
        # No rank closes its connections while another still waits.
        self._collective.barrier()
        return Outcome(
            reason=reason,
            signal=self._signal,
            part=self._part(),
            divergence=divergence,
            leaves=bool(self._wish() & LEAVING),
            callbacks=self._callbacks,
        )

    def _observe(self, iteration: int, phase: Phase) -> None:
        number = self._before + iteration
        # The same on all ranks, since it came with a sum.
        self._signal = _union(self._collective.heard)
        if not self._signal:
            self._after(number, phase)
        if self._signal:
            raise _Told
        self._collective.signal = self._wish()
        every = self._assignment.checkpoint_every
        if every and number % every == 0:
            self._checkpoint()

    def _after(self, number: int, phase: Phase) -> None:
        """Call callbacks and report progress, if it is time."""
        every, error_every = self._assignment.callbacks_every, self._assignment.error_every
        called = every > 0 and number % every == 0
        error = None
        if called or (error_every and number % error_every == 0):
            error = self._gradient.kl_divergence(self._Y)
        if self._collective.rank == 0:
            self._report(number, error)
        if not called or error is None:
            return
        if self._collective.rank == 0:
            self._collective.signal = self._call(number, phase, error)
        self._collective.allreduce(np.zeros(1))
        self._signal = _union(self._collective.heard)

    def _call(self, number: int, phase: Phase, error: float) -> int:
        state = IterationState(
            iteration=number,
            global_iteration=self._progress.iteration,
            phase=phase,
            error=error,
        )
        try:
            self._runner()(state)
        except OptimizationInterrupt:
            return CALLBACK
        return 0

    def _runner(self) -> CallbackRunner:
        positions: Any = self._gradient.positions.copy().view(WorkerMap)
        positions.gradient_descent_params = self._assignment.descent_params
        return CallbackRunner(self._callbacks or [], positions)

    def _wish(self) -> int:
        """Return why this rank wants the phase to end, or 0."""
        with _lock:
            told = _signals.get(self._key, 0)
        stays = self._worker.status.name in ("running", "paused", "init")
        return told if stays else told | LEAVING

    def _report(self, number: int, error: float | None) -> None:
        now = time.monotonic()
        if error is None and now - self._reported < PROGRESS_SECONDS:
            return
        self._reported = now
        self._worker.log_event(self._assignment.topic, {"iteration": number, "error": error})

    def _checkpoint(self) -> None:
        run, address = self._key
        exchange_parts(run, address, self._collective, self._part())

    def _part(self) -> Part:
        progress = self._progress
        return Part(
            positions=self._Y,
            optimizer=self._optimizer.state(),
            iteration=progress.iteration,
            done=self._before + progress.iteration - self._start,
            exaggeration=progress.exaggeration,
            ending=self._ending,
        )


def _union(signals: tuple[int, ...]) -> int:
    found = 0
    for signal in signals:
        found |= signal
    return found


def _stacked(blocks: list[Any]) -> SparseAffinities:
    """Return consecutive blocks of rows as one, and empty the list."""
    if len(blocks) == 1:
        whole = blocks[0]
    else:
        starts = np.cumsum([0, *(block.indptr[-1] for block in blocks)])
        rows = [block.indptr[1:] + start for block, start in zip(blocks, starts, strict=False)]
        whole = SparseAffinities(
            np.concatenate([[0], *rows]).astype(np.int64),
            np.concatenate([block.indices for block in blocks]),
            np.concatenate([block.data for block in blocks]),
            (sum(block.shape[0] for block in blocks), blocks[0].shape[1]),
        )
    blocks.clear()
    return whole
