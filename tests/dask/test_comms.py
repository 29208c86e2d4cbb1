"""Connections between the processes of workers."""

import uuid

import numpy as np
import pytest

from helpers.clusters import started

pytest.importorskip("distributed", reason="dask and distributed are missing")


def rendezvous(client, work, *args, run=None):
    """Return what `work(channel, *args)` returns on each worker of a client."""
    from tsnekit.dask._comms import open_connections

    run = run or uuid.uuid4().hex
    workers = list(client.nthreads())
    opened = [client.submit(open_connections, run, workers=[each], pure=False) for each in workers]
    addresses = client.gather(opened)
    done = [
        client.submit(_on_worker, work, run, rank, addresses, args, workers=[each], pure=False)
        for rank, each in enumerate(workers)
    ]
    return addresses, client.gather(done)


def _on_worker(work, run, rank, addresses, args):
    from distributed import get_worker

    from tsnekit.dask._comms import close_connections, connections

    channel = connections(run, get_worker())
    try:
        channel.join(rank, addresses, 30)
        return work(channel, *args)
    finally:
        close_connections(run, get_worker())
        assert connections(run, get_worker()) is None


def exchange(channel):
    """Sums and parts of all sizes: in a message's header, in few frames, in many."""
    import numpy as np

    from tsnekit.dask._exchange import Collective

    collective = Collective(channel, timeout=30)
    found = []
    for length in (0, 1, 1000, 40_000, 400_000):
        own = np.arange(length, dtype=np.float32) + channel.rank
        pending = collective.allreduce_async(2 * own)
        bounds = [length * rank for rank in range(channel.size + 1)]
        out = np.empty(bounds[-1], dtype=np.float32)
        collective.allgather(own, out, bounds)
        found.append((collective.allreduce(own), out, pending.result()))
    matrix = collective.pass_on("matrix", np.ones((50, 3, 40)))
    collective.barrier()
    return found, matrix


def check_exchange(results):
    for found, matrix in results:
        for length, (total, parts, twice) in zip((0, 1, 1000, 40_000, 400_000), found, strict=True):
            first = np.arange(length, dtype=np.float32)
            np.testing.assert_array_equal(total, 2 * first + 1)
            np.testing.assert_array_equal(parts, np.concatenate([first, first + 1]))
            np.testing.assert_array_equal(twice, 4 * first + 2)
        np.testing.assert_array_equal(matrix, np.ones((50, 3, 40)))


def test_workers_exchange_arrays(client):
    addresses, results = rendezvous(client, exchange)
    assert all(address.startswith("tcp://") for address in addresses)
    check_exchange(results)


def test_workers_exchange_arrays_by_tls():
    pytest.importorskip("cryptography", reason="certificates need cryptography")
    from distributed.security import Security

    with started(2, security=Security.temporary()) as (_, client):
        addresses, results = rendezvous(client, exchange)
    assert all(address.startswith("tls://") for address in addresses)
    check_exchange(results)


def test_workers_in_one_process_exchange_arrays():
    with started(2, processes=False) as (_, client):
        check_exchange(rendezvous(client, exchange)[1])


def wait_for_one_that_leaves(channel):
    if channel.rank == 1:
        return "left"
    try:
        channel.exchange(0, "news", {}, [1], 3600)
    except ConnectionError as error:
        return str(error)


def test_a_rank_that_leaves_ends_the_waits_for_it(client):
    addresses, (message, left) = rendezvous(client, wait_for_one_that_leaves)
    assert left == "left"
    assert f"rank 1 at {addresses[1].split()[0]}: the connection was lost" in message


def alone(run):
    from distributed import get_worker

    from tsnekit.dask._comms import close_connections, connections, open_connections

    own = open_connections(run)
    channel = connections(run, get_worker())
    try:
        channel.join(0, [own, "tcp://127.0.0.1:1 tcp://127.0.0.1:1"], 0.05)
    except ConnectionError as error:
        return str(error)
    finally:
        close_connections(run, get_worker())
        close_connections(run, get_worker())


def test_a_rank_that_never_comes_is_named(client):
    message = client.submit(alone, uuid.uuid4().hex).result(60)
    assert "rank 1 at tcp://127.0.0.1:1" in message
    assert "greeting" in message


def cut_while_waiting(channel, run):
    """Rank 0 cuts its own connections from another thread, while it waits for rank 1."""
    import threading

    from distributed import get_worker

    from tsnekit.dask._comms import cut_connections

    if channel.rank == 1:
        channel.exchange(0, "go", {0: np.ones(1)}, [], 30)
        try:
            channel.exchange(0, "news", {}, [0], 3600)
        except ConnectionError as error:
            return str(error)
    channel.exchange(0, "go", {}, [1], 30)
    threading.Thread(target=cut_connections, args=(run, get_worker())).start()
    messages = []
    for lane in (0, 1):
        try:
            channel.exchange(lane, "news", {}, [1], 3600)
        except ConnectionError as error:
            messages.append(str(error))
    return messages


def test_connections_that_are_cut(client):
    run = uuid.uuid4().hex
    _, (messages, other) = rendezvous(client, cut_while_waiting, run, run=run)
    assert len(messages) == 2
    for message in messages:
        assert "this rank closed its connections" in message
    assert "the connection was lost" in other


def test_what_is_closed_tells_so(client):
    def closed(run):
        from distributed import get_worker

        from tsnekit.dask._comms import connections, open_connections

        open_connections(run)
        channel = connections(run, get_worker())
        channel.close()
        channel.close()
        messages = []
        for act in (
            lambda: channel.exchange(0, "news", {0: np.ones(1)}, [], 3600),
            lambda: channel.join(0, ["tcp://127.0.0.1:1 tcp://127.0.0.1:1"], 1),
        ):
            with pytest.raises(ConnectionError) as caught:
                act()
            messages.append(str(caught.value))
        return messages

    for message in client.submit(closed, uuid.uuid4().hex).result(60):
        assert "closed" in message
