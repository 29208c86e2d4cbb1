"""Tasks of Dask with readable names, and their results on the workers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Tasks", "finished"]

SUMMANDS = 8
"""Parts that one task adds up."""


class Tasks:
    """Makes the tasks of one phase of one run.

    The dashboard groups tasks by the beginning of their names, ``tsnekit-PHASE-STEP``. Two runs
    share no task, since the names hold a number that is drawn for the run.

    Parameters
    ----------
    phase : str
        One word.
    """

    def __init__(self, phase: str) -> None:
        self._phase = phase
        self._run = uuid.uuid4().hex

    def __call__(
        self, step: str, number: int | str, function: Callable[..., Any], *args: Any
    ) -> Any:
        """Return the task (a Delayed) that calls `function`; arguments may be tasks or futures."""
        from dask import delayed

        name = f"tsnekit-{self._phase}-{step}-{self._run}-{number}"
        return delayed(function, pure=False)(*args, dask_key_name=name)

    def total(self, step: str, parts: Sequence[Any], name: str = "all") -> Any:
        """Return the task that adds up the results of tasks, in an order that is always the same.

        No task holds more than `SUMMANDS` of them.
        """
        level = 0
        while len(parts) > 1:
            groups = [parts[i : i + SUMMANDS] for i in range(0, len(parts), SUMMANDS)]
            parts = [
                self(step, f"{name}.{level}.{i}", add_up, list(group))
                for i, group in enumerate(groups)
            ]
            level += 1
        return parts[0]


def add_up(parts: Sequence[Any]) -> Any:
    """Return the sum of arrays, or of each of the arrays in tuples."""
    if isinstance(parts[0], tuple):
        return tuple(add_up(group) for group in zip(*parts, strict=True))
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total


def finished(client: Any, tasks: Sequence[Any]) -> list[Any]:
    """Compute tasks, wait until all are done, and return their futures.

    Raises
    ------
    Exception
        What the first task that failed raised; the others are then given up.
    """
    from distributed import as_completed

    futures: list[Any] = client.compute(list(tasks))
    with client.as_current():
        for future in as_completed(futures):
            if future.status != "finished":
                future.result()
    return futures
