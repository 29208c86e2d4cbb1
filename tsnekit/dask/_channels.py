"""What carries messages between ranks; and ranks that are threads of one process."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from tsnekit.dask._exchange import Collective, ExchangeError

__all__ = ["CLOSED", "Channel", "in_process"]

CLOSED = "this rank closed its connections"


class Channel(Protocol):
    """Carries arrays between ranks.

    Attributes
    ----------
    rank, size : int
    """

    rank: int
    size: int

    def exchange(
        self,
        lane: int,
        tag: str,
        sent: Mapping[int, NDArray[Any]],
        senders: Sequence[int],
        timeout: float,
    ) -> list[NDArray[Any]]:
        """Send arrays to some ranks, and wait for the arrays of others.

        Parameters
        ----------
        lane : int
            One of `tsnekit.dask._exchange.LANES`. A thread may use a lane while another thread
            uses another lane.
        tag : str
            Names the messages; the same on all ranks, and used once.
        sent : mapping of int to ndarray
            The arrays by the rank that they are for. They may be changed afterwards.
        senders : sequence of int
        timeout : float
            Seconds.

        Returns
        -------
        list of ndarray
            The array of each sender. They are not to be changed.

        Raises
        ------
        ExchangeError
            If an array does not come within the time, or a connection is lost.
        """
        ...

    def close(self) -> None:
        """End all connections, so that other ranks stop waiting for this one."""
        ...


class _Mailboxes:
    """The messages of ranks that are threads of one process."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.messages: dict[tuple[int, int, str], NDArray[Any]] = {}
        self.closed: set[int] = set()


class _Threads:
    """A channel between threads of one process."""

    def __init__(self, rank: int, size: int, boxes: _Mailboxes) -> None:
        self.rank, self.size = rank, size
        self._boxes = boxes

    def exchange(
        self,
        lane: int,
        tag: str,
        sent: Mapping[int, NDArray[Any]],
        senders: Sequence[int],
        timeout: float,
    ) -> list[NDArray[Any]]:
        boxes, started = self._boxes, time.monotonic()
        with boxes.changed:
            for to, array in sent.items():
                boxes.messages[self.rank, to, tag] = array.copy()
            boxes.changed.notify_all()
            return [self._taken(sender, tag, started, timeout) for sender in senders]

    def _taken(self, sender: int, tag: str, started: float, timeout: float) -> NDArray[Any]:
        boxes, key = self._boxes, (sender, self.rank, tag)
        boxes.changed.wait_for(
            lambda: key in boxes.messages or boxes.closed & {sender, self.rank},
            max(0.0, started + timeout - time.monotonic()),
        )
        if key in boxes.messages:
            return boxes.messages.pop(key)
        reason = "no message came in time"
        if sender in boxes.closed:
            reason = "it closed its connections"
        if self.rank in boxes.closed:
            reason = CLOSED
        raise ExchangeError(
            rank=self.rank,
            peer=f"rank {sender}",
            awaited=tag,
            seconds=time.monotonic() - started,
            reason=reason,
        )

    def close(self) -> None:
        with self._boxes.changed:
            self._boxes.closed.add(self.rank)
            self._boxes.changed.notify_all()


def in_process(size: int, *, timeout: float = 60.0) -> list[Collective]:
    """Return the collectives of ranks that are threads of this process, as tests use them.

    Parameters
    ----------
    size : int
        Number of ranks.
    timeout : float, default=60
        Seconds of each wait.
    """
    boxes = _Mailboxes()
    return [Collective(_Threads(rank, size, boxes), timeout=timeout) for rank in range(size)]
