"""Connections between the workers of a cluster, by the transport that Dask uses itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.dask._channels import CLOSED
from tsnekit.dask._exchange import LANES, ExchangeError

__all__ = [
    "Connections",
    "close_connections",
    "connections",
    "cut_connections",
    "open_connections",
]

logger = logging.getLogger(__name__)

LISTEN_SECONDS = 20.0
"""How long it may take until a worker listens."""

UNUSED_SECONDS = 3600.0
"""How long a worker listens for a run that does not begin, as when its client is gone."""

INLINE = 4096
"""Bytes of the greatest array that is part of a message's header, which needs one copy more."""


class Connections:
    """A `tsnekit.dask._channels.Channel` between workers.

    Each lane has connections and an event loop of its own. The loop runs in the thread that waits
    for an exchange, and only while it waits: a message wakes this thread and no other. Arrays
    travel as they are in memory. They are neither pickled nor compressed.

    Parameters
    ----------
    worker : distributed.Worker
        Its address, transport and certificates are used.

    Attributes
    ----------
    address : str
        Where other workers connect to.
    rank, size : int
        Known after `join`.

    Raises
    ------
    OSError
        If the worker cannot listen.
    """

    def __init__(self, worker: Any) -> None:
        self.rank, self.size = -1, 0
        self.opened = time.monotonic()
        self._lanes: list[_Lane] = []
        try:
            for _ in LANES:
                self._lanes.append(_Lane(worker))
        except BaseException:
            self.close()
            raise
        self.address = " ".join(lane.address for lane in self._lanes)

    def join(self, rank: int, addresses: Sequence[str], timeout: float) -> None:
        """Connect all ranks, each of which calls this.

        Parameters
        ----------
        rank : int
            The rank of this worker.
        addresses : sequence of str
            The addresses of all ranks.
        timeout : float
            Seconds within which the others must do so, too.

        Raises
        ------
        ExchangeError
            If one of them does not.
        """
        self.rank, self.size = rank, len(addresses)
        by_lane = zip(*(address.split() for address in addresses), strict=True)
        for lane, places in zip(self._lanes, by_lane, strict=True):
            lane.join(rank, places, timeout)

    def exchange(
        self,
        lane: int,
        tag: str,
        sent: Mapping[int, NDArray[Any]],
        senders: Sequence[int],
        timeout: float,
    ) -> list[NDArray[Any]]:
        """Send and receive; see `tsnekit.dask._channels.Channel`."""
        return self._lanes[lane].exchange(tag, sent, senders, timeout)

    def close(self) -> None:
        """End all connections."""
        for lane in self._lanes:
            lane.close()

    def cut(self) -> None:
        """Let `exchange` fail, now and later; may be called in any thread."""
        for lane in self._lanes:
            lane.cut()


class _Lane:
    """Connections that one thread uses at a time."""

    def __init__(self, worker: Any) -> None:
        self._security = worker.security
        self._loop = asyncio.new_event_loop()
        self._in_use = threading.Lock()
        self._comms: dict[int, Any] = {}
        self._messages: dict[tuple[int, str], NDArray[Any]] = {}
        self._lost: dict[int, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._rank = -1
        self._names: Sequence[str] = ()
        self._cut = False
        self._changed = asyncio.Event()
        self._joined = asyncio.Event()
        self._listener: Any = None
        self.address = self._run(asyncio.wait_for(self._listen(worker), LISTEN_SECONDS))

    def join(self, rank: int, addresses: Sequence[str], timeout: float) -> None:
        self._rank = rank
        self._names = [f"rank {rank} at {address}" for rank, address in enumerate(addresses)]
        others = [other for other in range(len(addresses)) if other != rank]
        self._run(self._join(addresses, others, timeout))

    def exchange(
        self,
        tag: str,
        sent: Mapping[int, NDArray[Any]],
        senders: Sequence[int],
        timeout: float,
    ) -> list[NDArray[Any]]:
        return self._run(self._exchange(tag, sent, senders, timeout))

    def cut(self) -> None:
        self._cut = True
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._changed.set)

    def close(self) -> None:
        self.cut()
        with self._in_use:
            if not self._loop.is_closed():
                self._loop.run_until_complete(self._end())
                self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine in this lane's loop, and with it what sends and receives."""
        with self._in_use:
            if self._loop.is_closed():
                coroutine.close()
                raise ConnectionError(CLOSED)
            return self._loop.run_until_complete(coroutine)

    # -- In the event loop -------------------------------------------------------------------

    async def _listen(self, worker: Any) -> str:
        from distributed.comm import listen
        from distributed.comm.addressing import parse_host_port, unparse_host_port

        self._listener = await listen(
            _any_port(worker.listen_address),
            self._welcome,
            deserialize=False,
            **self._security.get_listen_args("worker"),
        )
        contact: str = self._listener.contact_address
        scheme, _, place = contact.partition("://")
        if scheme not in ("tcp", "tls"):
            return contact
        # Others may reach the worker by another name than it listens by.
        host, _ = parse_host_port(worker.contact_address.partition("://")[2])
        _, port = parse_host_port(place)
        return f"{scheme}://{unparse_host_port(host, port)}"

    async def _join(self, addresses: Sequence[str], others: Sequence[int], timeout: float) -> None:
        self._joined.set()
        for other in others:
            if other < self._rank:  # a rank connects to those before it
                self._keep(self._visit(other, addresses[other], timeout))
        await self._all_of("its greeting", others, timeout)

    async def _exchange(
        self,
        tag: str,
        sent: Mapping[int, NDArray[Any]],
        senders: Sequence[int],
        timeout: float,
    ) -> list[NDArray[Any]]:
        for to, array in sent.items():
            await self._send(to, tag, array)
        found = await self._all_of(tag, senders, timeout)
        for to in sent:
            await self._flush(to, tag, timeout)
        return found

    async def _all_of(self, tag: str, senders: Sequence[int], timeout: float) -> list[Any]:
        """Wait for a message of each of some ranks."""
        started = self._loop.time()
        while True:
            missing = [each for each in senders if (each, tag) not in self._messages]
            if not missing and not self._cut:
                return [self._messages.pop((each, tag)) for each in senders]
            for each in missing:
                if self._cut or each in self._lost:
                    raise self._error(each, tag, started, self._lost.get(each, CLOSED))
            if self._cut:
                raise self._error(self._rank, tag, started, CLOSED)
            self._changed.clear()
            left = started + timeout - self._loop.time()
            try:
                await asyncio.wait_for(self._changed.wait(), max(0.0, left))
            except asyncio.TimeoutError:
                reason = "no message came in time"
                raise self._error(missing[0], tag, started, reason) from None

    def _error(self, peer: int, tag: str, started: float, reason: str) -> ExchangeError:
        return ExchangeError(
            rank=self._rank,
            peer=self._names[peer],
            awaited=tag,
            seconds=self._loop.time() - started,
            reason=reason,
        )

    async def _send(self, to: int, tag: str, array: NDArray[Any]) -> None:
        comm = self._comms.get(to)
        try:
            if comm is None:
                raise OSError(self._lost.get(to, CLOSED))
            await comm.write(_packed(tag, array, copy=not hasattr(comm, "stream")))
        except OSError as error:
            raise self._error(to, tag, self._loop.time(), f"it was lost: {error}") from error

    async def _flush(self, to: int, tag: str, timeout: float) -> None:
        """Wait until all that was sent has left this process: the loop stops afterwards."""
        started = self._loop.time()
        stream = getattr(self._comms[to], "stream", None)
        if stream is None or not stream.writing():
            return
        try:
            await asyncio.wait_for(stream.write(b""), timeout)
        except asyncio.TimeoutError:
            raise self._error(to, tag, started, "it does not take messages") from None
        except OSError as error:
            raise self._error(to, tag, started, f"it was lost: {error}") from error

    def _keep(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _visit(self, other: int, address: str, timeout: float) -> None:
        """Connect to a rank, greet it, and read what it sends."""
        from distributed.comm import connect

        try:
            comm = await connect(
                address,
                timeout=timeout,
                deserialize=False,
                handshake_overrides={"compression": None},
                **self._security.get_connection_args("worker"),
            )
            await comm.write(["rank", self._rank])
        except (OSError, ValueError) as error:
            self._lose(other, f"it cannot be reached: {error}")
            return
        await self._read(other, comm)

    async def _welcome(self, comm: Any) -> None:
        """Take a connection from another rank, and read what it sends."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            _, other = await comm.read()
        except OSError:
            return
        await self._joined.wait()
        await self._read(int(other), comm)

    async def _read(self, other: int, comm: Any) -> None:
        comm.allow_offload = False
        self._comms[other] = comm
        self._take(other, "its greeting", np.empty(0))
        try:
            while True:
                self._take(other, *_unpacked(await comm.read()))
        except OSError:
            self._lose(other, "the connection was lost")
        except Exception as error:  # whatever a damaged message causes
            logger.exception("a message of %s cannot be read", self._names[other])
            self._lose(other, f"a message cannot be read: {error}")
        finally:
            comm.abort()

    def _take(self, other: int, tag: str, array: NDArray[Any]) -> None:
        self._messages[other, tag] = array
        self._changed.set()

    def _lose(self, other: int, reason: str) -> None:
        self._lost.setdefault(other, reason)
        self._changed.set()

    async def _end(self) -> None:
        if self._listener is not None:
            self._listener.stop()
        for comm in self._comms.values():
            comm.abort()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _any_port(address: str) -> str:
    """Return the address of a listener with a free port instead of its port."""
    scheme, _, place = address.partition("://")
    if scheme == "inproc":
        return "inproc://"
    return f"{scheme}://{place.rpartition(':')[0]}:0"


# -- Messages ----------------------------------------------------------------------------------


def _packed(tag: str, array: NDArray[Any], *, copy: bool) -> list[Any]:
    from distributed.protocol import Serialized

    array = np.array(array, order="C") if copy else np.asarray(array, order="C")
    data = array.reshape(-1).view(np.uint8).data
    head = [tag, array.dtype.str, list(array.shape)]
    if array.nbytes <= INLINE:
        return [*head, data.tobytes()]
    # A large buffer is received into aligned memory of its own if it is not the first one.
    return [*head, Serialized({}, [memoryview(bytearray(1)), data])]


def _unpacked(message: Any) -> tuple[str, NDArray[Any]]:
    tag, dtype, shape, data = message
    if not isinstance(data, bytes):
        data = data.frames[-1]
    return tag, np.frombuffer(data, dtype=np.dtype(dtype)).reshape(shape)


# -- In the process of a worker ----------------------------------------------------------------

_open: dict[tuple[str, str], Connections] = {}
_lock = threading.Lock()


def open_connections(run: str) -> str:
    """Listen for the other workers of a run, and return where; a task of a worker."""
    from distributed import get_worker

    worker = get_worker()
    opened = Connections(worker)
    with _lock:
        old = [
            _open.pop(key)
            for key, each in list(_open.items())
            if key == (run, worker.address)
            or (each.rank < 0 and time.monotonic() - each.opened > UNUSED_SECONDS)
        ]
        _open[run, worker.address] = opened
    for each in old:
        each.close()
    return opened.address


def connections(run: str, worker: Any) -> Connections | None:
    """Return what `open_connections` opened in this process, unless it was closed."""
    with _lock:
        return _open.get((run, worker.address))


def close_connections(run: str, worker: Any) -> None:
    """Close them, if they are open."""
    with _lock:
        opened = _open.pop((run, worker.address), None)
    if opened is not None:
        opened.close()


def cut_connections(run: str, dask_worker: Any) -> None:
    """Let the rank of a worker end at its next exchange; does not wait for it."""
    opened = connections(run, dask_worker)
    if opened is None:
        return
    opened.cut()
    if opened.rank < 0:  # no rank will close it
        close_connections(run, dask_worker)
