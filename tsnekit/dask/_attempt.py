"""The ranks of a phase on some workers, from their start to the end of all of them."""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tsnekit.dask._blocks import Blocks
from tsnekit.dask._checkpoints import Part, forget_parts, joined, part_of
from tsnekit.dask._comms import cut_connections, open_connections
from tsnekit.dask._control import ANSWER_SECONDS, TRANSFER_SECONDS, Workers, wait_for, within
from tsnekit.dask._interrupts import INTERRUPTS
from tsnekit.dask._rank import LEAVING, USER, Assignment, Outcome, run_rank, tell_rank

__all__ = ["Attempt", "BusyWorkers", "LostWorkers", "Timeouts"]

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Seconds from one look at the workers to the next."""

HANDOVER_SECONDS = 20.0
"""How long a worker that the scheduler forgot may still hand over its rows.

A retired worker is forgotten as soon as others have its data, maybe within an iteration. Where its
process has ended, the other ranks notice that by themselves, and nothing is waited for.
"""


class BusyWorkers(RuntimeError):
    """Some workers did not begin their tasks."""


class LostWorkers(RuntimeError):
    """Some workers were lost before all ranks had begun."""


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """How long the client waits.

    Parameters
    ----------
    blocks : float
        Seconds until P is in memory.
    start : float
        Seconds until all workers have begun their tasks.
    exchange : float
        Seconds of each wait of a rank for another, and until all ranks have ended after the first.
    """

    blocks: float
    start: float
    exchange: float


@dataclass
class Attempt:
    """One task on each of some workers.

    Parameters
    ----------
    workers : Workers
    addresses : list of str
        The worker of each rank.
    blocks : Blocks
    affinity_blocks : sequence of Future
        The rows of P, a `SparseAffinities` for each block.
    state : Part
        The state of all rows.
    assign : callable
        Called with the addresses of the connections and the first row of each rank; returns the
        `Assignment` of the ranks.
    run : str
        Names what belongs to these ranks.
    name : str
        Part of the names of the tasks, which Dask's dashboard shows.
    on_progress : callable
        Called with the iterations of the phase, and with the KL divergence or None.
    timeouts : Timeouts

    Attributes
    ----------
    outcomes : dict of int to Outcome
        By rank; those of lost workers are missing.
    failure : BaseException or None
        The error of a task.
    interrupted : bool
        Whether Ctrl-C was pressed.
    """

    workers: Workers
    addresses: Sequence[str]
    blocks: Blocks
    affinity_blocks: Sequence[Any]
    state: Part
    assign: Callable[[tuple[str, ...], tuple[int, ...]], Assignment]
    run: str
    name: str
    on_progress: Callable[[int, float | None], None]
    timeouts: Timeouts
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    failure: BaseException | None = None
    interrupted: bool = False

    def __post_init__(self) -> None:
        self._client = self.workers.client
        self._events: queue.Queue[tuple[int, float | None] | None] = queue.Queue()
        self._futures: list[Any] = []
        self._shares = self.blocks.shares(len(self.addresses))
        self._bounds = tuple(
            [self.blocks.bounds[first] for first, _ in self._shares] + [self.blocks.n_samples]
        )

    def go(self) -> None:
        """Start the ranks, and wait until all have ended.

        Raises
        ------
        BusyWorkers, LostWorkers
            If not all ranks began.
        SchedulerLost
        KeyboardInterrupt
            If Ctrl-C is pressed before the ranks have begun.
        """
        opened = self._submit(
            "connect", [(open_connections, self.run) for _ in self.addresses], priority=10
        )
        listening = self._all_of(opened)
        assignment = self.assign(tuple(listening), self._bounds)
        parts = self._scattered()
        tasks = self._submit(
            self.name,
            [
                (run_rank, assignment, rank, parts[rank], list(self.affinity_blocks[first:last]))
                for rank, (first, last) in enumerate(self._shares)
            ],
        )
        self._client.subscribe_topic(assignment.topic, self._take_event)
        try:
            self._watch(dict(enumerate(tasks)))
        finally:
            self._client.unsubscribe_topic(assignment.topic)

    def problem(self) -> str:
        """Return why the phase is to continue on other workers; empty if it is not."""
        ranks = range(len(self.addresses))
        lost = [self.addresses[rank] for rank in ranks if rank not in self.outcomes]
        cut_off = [each.reason for each in self.outcomes.values() if each.part is None]
        leaving = [self.addresses[rank] for rank, each in self.outcomes.items() if each.leaves]
        if lost:
            full = self.workers.over_memory(lost)
            why = f" ({', '.join(full)} exceeded its memory limit)" if full else ""
            return f"{', '.join(lost)} was lost{why}"
        if cut_off:
            return cut_off[0]
        if self.outcomes[0].signal & LEAVING:
            return f"{', '.join(leaving) or 'a worker'} leaves the cluster"
        return ""

    def state_after(self, before: Part) -> Part:
        """Return the latest state of all rows that can be had."""
        self.workers.excluded.update(
            self.addresses[rank] for rank, each in self.outcomes.items() if each.leaves
        )
        parts = [each.part for _, each in sorted(self.outcomes.items()) if each.part is not None]
        if len(parts) == len(self.addresses):
            return joined(parts)
        if self.failure is not None:
            return before
        return self.workers.collect(self.run, len(self.addresses)) or before

    def __enter__(self) -> Attempt:
        return self

    def __exit__(self, *error: object) -> None:
        """End what is left of the ranks, and forget their checkpoints."""
        try:
            within(ANSWER_SECONDS, self._client.cancel, self._futures, force=True)
            self.workers.call(cut_connections, self.run, workers=self.addresses)
            self.workers.call(forget_parts, self.run, workers=self.addresses)
        except Exception as problem:
            logger.info("the ranks of run %s may not have ended: %r", self.run, problem)

    # -- The start ---------------------------------------------------------------------------

    def _submit(self, name: str, calls: Sequence[tuple[Any, ...]], priority: int = 0) -> list[Any]:
        futures = [
            self._client.submit(
                *call,
                workers=[worker],
                allow_other_workers=False,
                pure=False,
                retries=0,
                priority=priority,
                key=f"tsnekit-{name.replace(' ', '-')}-{self.run}-{rank}",
            )
            for rank, (worker, call) in enumerate(zip(self.addresses, calls, strict=True))
        ]
        self._futures += futures
        return futures

    def _scattered(self) -> list[Any]:
        parts = []
        for rank, worker in enumerate(self.addresses):
            rows = slice(self._bounds[rank], self._bounds[rank + 1])
            try:
                parts.append(
                    within(
                        TRANSFER_SECONDS,
                        self._client.scatter,
                        part_of(self.state, rows),
                        workers=[worker],
                        hash=False,
                    )
                )
            except Exception as error:
                raise LostWorkers(f"worker {worker} does not take its rows: {error!r}") from error
        self._futures += parts
        return parts

    def _all_of(self, futures: Sequence[Any]) -> list[Any]:
        """Return the results of short tasks, one for each worker."""
        deadline = time.monotonic() + self.timeouts.start
        while not wait_for(futures, LOOK_SECONDS):
            self._check_alive()
            if time.monotonic() > deadline:
                pairs = zip(self.addresses, futures, strict=True)
                waiting = [worker for worker, future in pairs if not future.done()]
                raise BusyWorkers(
                    f"{', '.join(waiting)} did not begin a task within {self.timeouts.start:g} s"
                )
        try:
            return within(TRANSFER_SECONDS, self._client.gather, list(futures))
        except (OSError, TimeoutError) as error:
            raise LostWorkers(f"a worker cannot listen: {error}") from error

    def _check_alive(self) -> None:
        lost = set(self.addresses) - set(self.workers.alive())
        if lost:
            raise LostWorkers(f"{', '.join(sorted(lost))} left the cluster")

    # -- The end -----------------------------------------------------------------------------

    def _take_event(self, event: tuple[float, dict[str, Any]]) -> None:
        """Take a report of rank 0; runs in the thread of the client's event loop."""
        _, report = event
        self._events.put((report["iteration"], report["error"]))

    def _watch(self, pending: dict[int, Any]) -> None:
        """Wait until all ranks have ended. If one is lost, the others are told to end.

        After Ctrl-C, the ranks end after the same iteration. After another one, nothing is waited
        for.
        """
        for future in pending.values():
            future.add_done_callback(lambda _: self._events.put(None))
        looked, deadline, cut = time.monotonic(), np.inf, np.inf
        while pending:
            try:
                INTERRUPTS.check()
                self._next_event()
                ended = [rank for rank, future in pending.items() if future.done()]
                for rank in ended:
                    self._take_outcome(rank, pending.pop(rank))
                now = time.monotonic()
                if self.trouble(among=ended):
                    cut = now
                if now - looked > LOOK_SECONDS:
                    looked, alive = now, self.workers.alive()
                    if self.interrupted:  # a busy worker may not have heard it
                        self.workers.call(tell_rank, self.run, USER, workers=self.addresses)
                    gone = [rank for rank in pending if self.addresses[rank] not in alive]
                    for rank in gone:
                        del pending[rank]
                    ended += gone
                    cut = min(cut, now + HANDOVER_SECONDS if gone else np.inf)
                if ended and deadline == np.inf:
                    deadline = now + self.timeouts.exchange
                if now >= cut and pending:
                    cut = np.inf
                    rest = [self.addresses[rank] for rank in pending]
                    self.workers.call(cut_connections, self.run, workers=rest)
                if now > deadline:
                    late = [self.addresses[rank] for rank in pending]
                    logger.warning(
                        "%s did not end within %g s", ", ".join(late), self.timeouts.exchange
                    )
                    self.workers.dismiss(late)
                    return
            except KeyboardInterrupt:
                INTERRUPTS.take()
                if self.interrupted:  # again: what the workers keep must do
                    rest = [self.addresses[rank] for rank in pending]
                    self.workers.call(cut_connections, self.run, workers=rest)
                    return
                self.interrupted = True
                self.workers.call(tell_rank, self.run, USER, workers=self.addresses)

    def trouble(self, among: Iterable[int] | None = None) -> bool:
        """Return whether one of the ranks that have ended did not end as it should."""
        ranks = range(len(self.addresses)) if among is None else among
        return self.failure is not None or any(
            rank not in self.outcomes or self.outcomes[rank].part is None for rank in ranks
        )

    def _next_event(self) -> None:
        try:
            event = self._events.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            return
        if event is not None:
            self.on_progress(*event)

    def _take_outcome(self, rank: int, future: Any) -> None:
        from distributed import KilledWorker

        try:
            self.outcomes[rank] = within(TRANSFER_SECONDS, future.result)
        except (KilledWorker, CancelledError, OSError, TimeoutError) as error:
            logger.info("rank %d has no result: %r", rank, error)
        except Exception as error:
            self.failure = self.failure or error
