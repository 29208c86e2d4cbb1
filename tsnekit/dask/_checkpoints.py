"""The state of an optimization, in the processes of two workers for each of its parts."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._descent.endings import Ending
from tsnekit.dask._exchange import Collective

__all__ = [
    "Part",
    "exchange_parts",
    "forget_parts",
    "joined",
    "kept_parts",
    "part_of",
    "take_parts",
]

KEPT_ITERATIONS = 2
"""Checkpoints that are kept, since a worker may be lost while the last one is exchanged."""

KEPT_SECONDS = 3600.0
"""How long checkpoints are kept that nobody asked for, such as those of a client that is gone."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """The state of some consecutive rows after an iteration.

    Parameters
    ----------
    positions : ndarray of shape (m, d), float32
    optimizer : mapping of str to ndarray
        The state of the optimizer, as it returns it.
    iteration : int
        Iterations so far, over all phases.
    done : int
        Iterations of this phase.
    exaggeration : float or None
        Of the last iteration.
    ending : Ending
        What ends the phase, with all that it has seen.
    """

    positions: NDArray[np.float32]
    optimizer: Mapping[str, NDArray[Any]]
    iteration: int
    done: int
    exaggeration: float | None
    ending: Ending


def part_of(part: Part, rows: slice) -> Part:
    """Return the state of some of the rows."""
    n = len(part.positions)
    optimizer = {
        name: array[rows] if _by_row(array, n) else array for name, array in part.optimizer.items()
    }
    return _replaced(part, part.positions[rows], optimizer)


def joined(parts: Sequence[Part]) -> Part:
    """Return the state of all rows, given those of all ranks in order."""
    first = parts[0]
    optimizer = {
        name: np.concatenate([part.optimizer[name] for part in parts])
        if all(_by_row(part.optimizer[name], len(part.positions)) for part in parts)
        else array
        for name, array in first.optimizer.items()
    }
    return _replaced(first, np.concatenate([part.positions for part in parts]), optimizer)


def _by_row(array: NDArray[Any], n: int) -> bool:
    return array.ndim > 0 and len(array) == n


def _replaced(part: Part, positions: Any, optimizer: Mapping[str, NDArray[Any]]) -> Part:
    return Part(
        positions=positions,
        optimizer=optimizer,
        iteration=part.iteration,
        done=part.done,
        exaggeration=part.exaggeration,
        ending=part.ending,
    )


# -- In the process of a worker ----------------------------------------------------------------

_kept: dict[tuple[str, str], tuple[float, dict[int, dict[int, bytes]]]] = {}
"""By run and worker: when they were last used, and the parts by iteration of the phase and rank."""

_lock = threading.Lock()


def exchange_parts(run: str, worker: str, collective: Collective, part: Part) -> None:
    """Keep the part of this rank here and on the next rank, and that of the rank before here.

    All ranks call this after the same iteration.
    """
    own = pickle.dumps(part, protocol=5)
    found = {collective.rank: own}
    if collective.size > 1:
        before = (collective.rank - 1) % collective.size
        found[before] = collective.pass_on("checkpoint", np.frombuffer(own, np.uint8)).tobytes()
    now = time.monotonic()
    with _lock:
        for key, (used, _) in list(_kept.items()):
            if now - used > KEPT_SECONDS:
                del _kept[key]
        _, iterations = _kept.get((run, worker), (now, {}))
        latest = sorted({**iterations, part.done: found}.items())[-KEPT_ITERATIONS:]
        _kept[run, worker] = now, dict(latest)


def kept_parts(run: str, dask_worker: Any) -> dict[int, list[int]]:
    """Return the ranks whose parts a worker keeps, by iteration of the phase."""
    with _lock:
        _, iterations = _kept.get((run, dask_worker.address), (0.0, {}))
        return {iteration: sorted(parts) for iteration, parts in iterations.items()}


def take_parts(
    run: str, iteration: int, ranks: Iterable[int], dask_worker: Any
) -> dict[int, bytes]:
    """Return some of the parts that a worker keeps."""
    with _lock:
        parts = _kept[run, dask_worker.address][1][iteration]
        return {rank: parts[rank] for rank in ranks}


def forget_parts(run: str, dask_worker: Any) -> None:
    """Forget the parts of a run."""
    with _lock:
        _kept.pop((run, dask_worker.address), None)
