"""What ranks compute together: sums, and arrays of which each has a part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tsnekit.dask._channels import Channel

__all__ = ["Collective", "ExchangeError", "Pending"]

SMALL = 1 << 17
"""Bytes that a rank receives at most if arrays are summed in one step, instead of in two."""

SIGNAL = np.dtype(np.int64)

FOREGROUND, BACKGROUND = LANES = range(2)
"""The connections of a rank, each for one thread."""

_BACKGROUND_TAG = "background sum"

_NO_SIGNAL = np.empty(0, dtype=SIGNAL)


class ExchangeError(ConnectionError):
    """A rank did not get what it waited for.

    Parameters
    ----------
    rank : int
        The rank that waited.
    peer : str
        The rank that it waited for.
    awaited : str
        What it waited for.
    seconds : float
        How long it waited.
    reason : str
        Why it waits no longer.
    """

    def __init__(self, *, rank: int, peer: str, awaited: str, seconds: float, reason: str) -> None:
        super().__init__(
            f"rank {rank} waited {seconds:.3g} s for {awaited!r} from {peer}: {reason}"
        )
        self.rank, self.peer, self.awaited = rank, peer, awaited
        self.seconds, self.reason = seconds, reason


class Pending(Protocol):
    """A sum that is under way."""

    def result(self) -> NDArray[Any]:
        """Wait for the sum; raise an `ExchangeError` if it cannot be had."""
        ...


class Collective:
    """The exchanges of one rank with all the others.

    All ranks call the same methods in the same order, with arrays of the same size and type. Sums
    have the same bits on all ranks, since each number is summed in the order of the ranks. They do
    not depend on when messages arrive. After an error, the ranks no longer agree: close all of
    them.

    Parameters
    ----------
    channel : Channel
        Connects the ranks.
    timeout : float
        Seconds that each wait for another rank may take.

    Attributes
    ----------
    rank, size : int
        Which of how many ranks this is.
    signal : int
        What this rank tells the others along with its next small sum; 0 at first.
    heard : tuple of int
        The signals of all ranks at the last small sum that was waited for, the same on all ranks.
    """

    def __init__(self, channel: Channel, *, timeout: float) -> None:
        self.rank, self.size = channel.rank, channel.size
        self.signal = 0
        self.heard: tuple[int, ...] = (0,) * self.size
        self._channel = channel
        self._timeout = timeout
        self._done = 0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="tsnekit-exchange")
        self._begun = 0

    # -- All parts, on all ranks -------------------------------------------------------------

    def allgather(self, own: NDArray[Any], out: NDArray[Any], bounds: Sequence[int]) -> None:
        """Fill `out` with the parts of all ranks.

        Parameters
        ----------
        own : ndarray of shape (bounds[rank + 1] - bounds[rank], ...)
            The part of this rank. It may be changed afterwards.
        out : ndarray of shape (bounds[size], ...)
        bounds : sequence of int
            The first row of each rank, and the number of rows.
        """
        tag = self._tag("parts")
        out[bounds[self.rank] : bounds[self.rank + 1]] = own
        # A rank without rows sends nothing.
        senders = [each for each in self._others(-1) if bounds[each] < bounds[each + 1]]
        listeners = self._others() if len(own) else []
        found = self._exchange(tag, dict.fromkeys(listeners, own), senders)
        for other, part in zip(senders, found, strict=True):
            out[bounds[other] : bounds[other + 1]] = part

    # -- Sums --------------------------------------------------------------------------------

    def allreduce(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the sum of the arrays of all ranks."""
        total, signals = self._sum(array, self._tag("sum"), self._own_signal())
        return self.listened(total, signals)

    def allreduce_async(self, array: NDArray[Any], *, signals: bool = False) -> Pending:
        """Begin a sum on another thread; `array` must not change before its result is there.

        Such sums run one at a time, in the order in which they began. With `signals`, a small sum
        carries them, and they are heard when it is waited for.
        """
        self._begun += 1
        tag = f"{_BACKGROUND_TAG} {self._begun}"
        if not signals:
            return self._pool.submit(lambda: self._sum(array, tag)[0])
        return _Heard(self, self._pool.submit(self._sum, array, tag, self._own_signal()))

    def listened(self, total: NDArray[Any], signals: NDArray[Any] | None) -> NDArray[Any]:
        """Return a sum, after its signals were heard."""
        if signals is not None:
            self.heard = tuple(int(each) for each in signals)
        return total

    def _own_signal(self) -> NDArray[Any]:
        return np.array([self.signal], dtype=SIGNAL)

    def barrier(self) -> None:
        """Wait until all ranks are here."""
        self._sum(np.empty(0, dtype=np.uint8), self._tag("barrier"))

    def _sum(
        self, array: NDArray[Any], tag: str, signal: NDArray[Any] = _NO_SIGNAL
    ) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return the sum, and the signals of all ranks if they came with it."""
        array = np.asarray(array, order="C")
        flat = array.reshape(-1)
        if array.nbytes * (self.size - 1) > SMALL:
            return self._sum_in_two_steps(flat, tag).reshape(array.shape), None
        own = np.concatenate([signal.view(np.uint8), flat.view(np.uint8)])
        by_rank = self._all_bytes(own, tag)
        total = _total([each[signal.nbytes :].copy().view(array.dtype) for each in by_rank])
        total = total.reshape(array.shape)
        if not len(signal):
            return total, None
        signals = [each[: signal.nbytes].copy().view(SIGNAL) for each in by_rank]
        return total, np.concatenate(signals)

    def _all_bytes(self, own: NDArray[np.uint8], tag: str) -> list[NDArray[np.uint8]]:
        """Return the same number of bytes from each rank, by rank, in about log2(size) messages."""
        # After each round, this rank knows the bytes of twice as many ranks, from its own up.
        known = own
        for turn in range((self.size - 1).bit_length()):
            distance = 1 << turn
            count = min(distance, self.size - distance)
            part = f"{tag}, round {turn + 1}"
            to, sender = (self.rank - distance) % self.size, (self.rank + distance) % self.size
            found = self._exchange(part, {to: known[: count * len(own)]}, [sender])
            known = np.concatenate([known, *found])
        parts = known.reshape(self.size, -1)
        return [parts[(rank - self.rank) % self.size] for rank in range(self.size)]

    def _sum_in_two_steps(self, array: NDArray[Any], tag: str) -> NDArray[Any]:
        """Sum one part of the array on each rank, then tell all ranks the sums."""
        bounds = [len(array) * rank // self.size for rank in range(self.size + 1)]
        parts = [array[first:last] for first, last in pairwise(bounds)]
        others = self._others(-1)
        sent = {other: parts[other] for other in self._others()}
        addends = [parts[self.rank]] * self.size
        for other, found in zip(others, self._exchange(f"{tag}, parts", sent, others), strict=True):
            addends[other] = found
        result = np.empty_like(array)
        total = _total(addends)
        result[bounds[self.rank] : bounds[self.rank + 1]] = total
        sent = dict.fromkeys(self._others(), total)
        for other, found in zip(others, self._exchange(f"{tag}, sums", sent, others), strict=True):
            result[bounds[other] : bounds[other + 1]] = found
        return result

    # -- Messages ----------------------------------------------------------------------------

    def pass_on(self, tag: str, array: NDArray[Any]) -> NDArray[Any]:
        """Send an array to the next rank, and return that of the rank before."""
        before, after = (self.rank - 1) % self.size, (self.rank + 1) % self.size
        return self._exchange(self._tag(tag), {after: array}, [before])[0]

    def close(self) -> None:
        """End all exchanges. Ranks that wait for this one get an error."""
        self._channel.close()
        self._pool.shutdown(wait=True)

    def _exchange(
        self, tag: str, sent: Mapping[int, NDArray[Any]], senders: Sequence[int]
    ) -> list[NDArray[Any]]:
        lane = BACKGROUND if tag.startswith(_BACKGROUND_TAG) else FOREGROUND
        return self._channel.exchange(lane, tag, sent, senders, self._timeout)

    def _others(self, direction: int = 1) -> list[int]:
        """Return the other ranks, in an order in which no rank is everybody's first."""
        return [(self.rank + direction * step) % self.size for step in range(1, self.size)]

    def _tag(self, what: str) -> str:
        self._done += 1
        return f"{what} {self._done}"


class _Heard:
    """A sum under way, whose signals are heard by the thread that waits for it."""

    def __init__(
        self,
        collective: Collective,
        found: Future[tuple[NDArray[Any], NDArray[Any] | None]],
    ) -> None:
        self._collective, self._found = collective, found

    def result(self) -> NDArray[Any]:
        return self._collective.listened(*self._found.result())


def _total(addends: Sequence[NDArray[Any]]) -> NDArray[Any]:
    total = addends[0].copy()
    for addend in addends[1:]:
        total += addend
    return total
