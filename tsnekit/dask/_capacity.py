"""What the workers of a cluster have: threads and memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Capacity", "capacity_of"]

ASSUMED_BYTES = 4_000_000_000
"""Memory of a thread of a worker without a limit."""

USED_UP_TO = 0.8
"""Share of its limit from which a worker begins no more tasks, by Dask's default."""

IDLE_BYTES = 220_000_000
"""What the process of a worker has without any data: the interpreter and its libraries."""

LEAST_SHARE = 1 / 4
"""Share of a limit that is planned for at least, however low it is."""


@dataclass(frozen=True)
class Capacity:
    """The workers of a cluster.

    Parameters
    ----------
    threads : int
        Of all workers.
    task_bytes : int
        Memory for data of a worker, for each of its threads; the least of all workers.
    total_bytes : int
        Memory for data of all workers.
    """

    threads: int
    task_bytes: int
    total_bytes: int


def capacity_of(client: Any) -> Capacity:
    """Return what the workers have now.

    Raises
    ------
    ValueError
        If there is no worker.
    """
    workers = client.run_on_scheduler(_workers)
    if not workers:
        raise ValueError("the cluster has no workers; start some, or wait for them")
    limits = [
        max(int(USED_UP_TO * limit) - IDLE_BYTES, int(LEAST_SHARE * limit))
        or threads * ASSUMED_BYTES
        for threads, limit in workers
    ]
    return Capacity(
        threads=sum(threads for threads, _ in workers),
        task_bytes=min(
            limit // threads for (threads, _), limit in zip(workers, limits, strict=True)
        ),
        total_bytes=sum(limits),
    )


def _workers(dask_scheduler: Any) -> list[tuple[int, int]]:
    """Return the threads and the memory limit of each worker; the scheduler calls this."""
    return [(max(1, w.nthreads), w.memory_limit or 0) for w in dask_scheduler.workers.values()]
