"""What the client asks of the workers, and never waits for longer than it says."""

from __future__ import annotations

import logging
import os
import pickle
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from tsnekit.dask._checkpoints import Part, joined, kept_parts, take_parts
from tsnekit.errors import ClusterError

__all__ = ["SchedulerLost", "Workers", "failed", "wait_for", "within"]

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 30.0
"""How long the scheduler and the workers may take to answer."""

POLL_SECONDS = 0.01
"""From one look at futures to the next. It costs nothing, since Dask tells the client."""

TRANSFER_SECONDS = 600.0
"""How long positions may take on their way between the client and the workers."""


class SchedulerLost(ConnectionError):
    """The client lost the scheduler."""


class Workers:
    """The workers of a cluster.

    Parameters
    ----------
    client : distributed.Client
    allowed : sequence of str, optional
        The addresses of the workers to use; all by default, also those that come later.

    Attributes
    ----------
    excluded : set of str
        The addresses of workers that are not to be used any more.
    """

    def __init__(self, client: Any, allowed: Sequence[str] | None = None) -> None:
        self.client = client
        self.excluded: set[str] = set()
        self._allowed = None if allowed is None else set(allowed)

    def alive(self) -> list[str]:
        """Return the addresses of the workers to use that the scheduler knows, sorted.

        Raises
        ------
        SchedulerLost
            If it does not answer.
        """
        if self.client.status != "running":
            raise SchedulerLost(f"the client lost the scheduler (it is {self.client.status!r})")
        try:
            found = within(ANSWER_SECONDS, self.client.nthreads)
        except Exception as error:
            raise SchedulerLost(f"the scheduler does not answer: {error!r}") from error
        usable = found if self._allowed is None else self._allowed.intersection(found)
        return sorted(set(usable) - self.excluded)

    def call(
        self,
        function: Callable[..., Any],
        *args: Any,
        workers: Iterable[str],
        seconds: float = ANSWER_SECONDS,
    ) -> dict[str, Any]:
        """Call a function in the processes of workers, also of busy ones.

        Returns
        -------
        dict
            What it returned, by worker. Workers that do not answer are left out.
        """
        wanted = [each for each in workers if each in self.alive()]
        if not wanted:
            return {}
        try:
            found = within(
                seconds, self.client.run, function, *args, workers=wanted, on_error="return"
            )
        except Exception as error:
            logger.info("%d workers do not answer: %r", len(wanted), error)
            return {}
        return {
            worker: each for worker, each in found.items() if not isinstance(each, BaseException)
        }

    def over_memory(self, addresses: Sequence[str]) -> list[str]:
        """Return those of some workers that a nanny ended since they had too much memory."""
        try:
            events = within(ANSWER_SECONDS, self.client.get_events, "worker-restart-memory")
        except Exception as error:
            logger.info("the scheduler does not tell events: %r", error)
            return []
        ended = {event["worker"] for _, event in events}
        return [each for each in addresses if each in ended]

    def dismiss(self, addresses: Sequence[str]) -> None:
        """Take workers out of the cluster, and use them no more.

        The scheduler believes in a process that is stopped for minutes, and others would wait for
        what it holds.
        """
        self.excluded.update(addresses)
        try:
            within(ANSWER_SECONDS, self.client.run_on_scheduler, _remove_workers, list(addresses))
        except Exception as error:
            logger.info("the scheduler does not dismiss workers: %r", error)

    def collect(self, run: str, n_ranks: int) -> Part | None:
        """Return the newest checkpoint of a run that is complete on the workers that are left."""
        where: dict[int, dict[int, str]] = {}
        for worker, kept in self.call(kept_parts, run, workers=self.alive()).items():
            for iteration, ranks in kept.items():
                where.setdefault(iteration, {}).update(dict.fromkeys(ranks, worker))
        for iteration in sorted(where, reverse=True):
            if len(where[iteration]) == n_ranks:
                return self._taken(run, iteration, where[iteration])
        return None

    def _taken(self, run: str, iteration: int, where: dict[int, str]) -> Part | None:
        parts: dict[int, bytes] = {}
        for worker in set(where.values()):
            ranks = [rank for rank, holder in where.items() if holder == worker]
            found = self.call(
                take_parts, run, iteration, ranks, workers=[worker], seconds=TRANSFER_SECONDS
            )
            parts.update(found.get(worker, {}))
        if len(parts) < len(where):
            return None
        return joined([pickle.loads(parts[rank]) for rank in sorted(parts)])


async def _remove_workers(addresses: list[str], dask_scheduler: Any) -> None:
    for address in addresses:
        await dask_scheduler.remove_worker(address, stimulus_id="tsnekit-dismiss", expected=True)


def within(seconds: float, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what a function returns.

    Raises
    ------
    TimeoutError
        If it takes longer than so many seconds. Its thread then ends with the function.
    """
    done: Future[Any] = Future()

    def work() -> None:
        try:
            done.set_result(function(*args, **kwargs))
        except BaseException as error:
            done.set_exception(error)

    started = time.monotonic()
    threading.Thread(target=work, name="tsnekit-ask", daemon=True).start()
    try:
        return done.result(seconds)
    except Exception:
        if done.done():
            raise
        waited = time.monotonic() - started
        raise TimeoutError(f"no answer within {waited:.3g} s") from None


def wait_for(futures: Sequence[Any], seconds: float) -> bool:
    """Wait until all futures are done, but not longer than this; return whether they are.

    Dask's own function needs a client that is the default of the process.
    """
    deadline = time.monotonic() + seconds
    while not all(future.done() for future in futures):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _save(part: Part) -> str:
    """Write the state of all rows to a new file, and return its path."""
    handle, path = tempfile.mkstemp(prefix="tsnekit-checkpoint-", suffix=".npz")
    with os.fdopen(handle, "wb") as file:
        arrays: dict[str, Any] = {
            "positions": part.positions,
            "iteration": part.iteration,
            "exaggeration": np.nan if part.exaggeration is None else part.exaggeration,
        }
        arrays.update({f"optimizer_{name}": each for name, each in part.optimizer.items()})
        np.savez(file, **arrays)
    return path


def failed(message: str, part: Part) -> ClusterError:
    """Return the error that tells what happened, and where the map so far is."""
    if part.iteration == 0:
        return ClusterError(f"{message}. No iteration was finished")
    path = _save(part)
    return ClusterError(
        f"{message}. The map after {part.iteration} iterations is in {path}: "
        f"numpy.load(path)['positions'] can be an initialization",
        path,
    )
