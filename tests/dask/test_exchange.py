"""What ranks compute together, with ranks that are threads."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsnekit.dask import _exchange
from tsnekit.dask._channels import in_process
from tsnekit.dask._exchange import ExchangeError


def on_ranks(size, work, timeout=60.0):
    """Return what `work(collective)` returns or raises on each rank, all at once."""
    collectives = in_process(size, timeout=timeout)

    def run(collective):
        try:
            return work(collective)
        except ExchangeError as error:
            return error
        finally:
            collective.close()

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(run, collectives))


@pytest.fixture(params=[1 << 17, 0], ids=["one step", "two steps"])
def _steps(request, monkeypatch):
    monkeypatch.setattr(_exchange, "SMALL", request.param)


@pytest.mark.usefixtures("_steps")
@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("size", range(1, 8))
def test_sums_have_the_same_bits_on_all_ranks(size, background):
    rng = np.random.default_rng(size)
    for length in (0, 1, 2, size - 1, size, size + 1, 1000):
        for dtype in (np.float32, np.float64):
            scales = 10.0 ** rng.integers(-3, 4, size=(size, length))
            addends = (rng.normal(size=(size, length)) * scales).astype(dtype)

            def add(collective, addends=addends):
                own = addends[collective.rank].copy()
                if background:
                    return collective.allreduce_async(own).result()
                found = collective.allreduce(own)
                own[...] = np.nan  # others have read it
                return found

            sums = on_ranks(size, add)
            for found in sums:
                assert found.dtype == dtype
                np.testing.assert_array_equal(found, sums[0])
            exact = addends.astype(np.float64).sum(axis=0)
            bound = np.finfo(dtype).eps * size * np.abs(addends.astype(np.float64)).sum(axis=0)
            assert (np.abs(sums[0] - exact) <= bound).all()


@pytest.mark.usefixtures("_steps")
def test_sums_are_in_the_order_of_ranks():
    # In float32, 1 is lost if it is added to 1e8.
    for addends, total in (([1e8, 1, -1e8], 0), ([1e8, -1e8, 1], 1), ([1, 1e8, -1e8], 0)):
        sums = on_ranks(3, lambda c, a=addends: c.allreduce(np.full(9, a[c.rank], np.float32)))
        np.testing.assert_array_equal(sums, total)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=7), st.sampled_from([(), (2,), (3, 2)]))
def test_all_ranks_get_all_parts(sizes, shape):
    bounds = [0, *accumulate(sizes)]
    whole = np.random.default_rng(0).normal(size=(bounds[-1], *shape)).astype(np.float32)

    def gather(collective):
        own = whole[bounds[collective.rank] : bounds[collective.rank + 1]].copy()
        out = np.full_like(whole, np.nan)
        collective.allgather(own, out, bounds)
        own[...] = np.nan  # it may be changed
        out_before = out.copy()
        collective.barrier()
        np.testing.assert_array_equal(out, out_before)
        return out

    for out in on_ranks(len(sizes), gather):
        np.testing.assert_array_equal(out, whole)


def test_a_result_may_be_changed_while_others_still_read(monkeypatch):
    monkeypatch.setattr(_exchange, "SMALL", 0)

    def add_often(collective):
        found = []
        for each in range(50):
            total = collective.allreduce(np.full(100, each + collective.rank, np.float32))
            found.append(total.copy())
            total[...] = np.nan
        return found

    for found in on_ranks(3, add_often):
        np.testing.assert_array_equal(found, [[3 * each + 3] * 100 for each in range(50)])


def test_sums_in_the_background_do_not_mix_with_others():
    def both(collective):
        pending = [collective.allreduce_async(np.array([10.0 * each])) for each in range(20)]
        sums = [collective.allreduce(np.array([float(each)])) for each in range(20)]
        return [float(each.result()[0]) for each in pending], [float(each[0]) for each in sums]

    for pending, sums in on_ranks(4, both):
        assert pending == [40.0 * each for each in range(20)]
        assert sums == [4.0 * each for each in range(20)]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_signals_come_with_the_next_sum(size):
    def tell(collective):
        heard = [collective.heard]
        for signal in (0, 7 * collective.rank):
            collective.signal = signal
            collective.barrier()
            collective.allreduce_async(np.ones(1)).result()
            heard.append(collective.heard)
            collective.allreduce(np.ones(1))
            heard.append(collective.heard)
        return heard

    none = (0,) * size
    for heard in on_ranks(size, tell):
        assert heard == [none, none, none, none, tuple(7 * rank for rank in range(size))]


def test_signals_of_a_background_sum_are_heard_when_it_is_waited_for():
    def tell(collective):
        collective.signal = 1 + collective.rank
        pending = collective.allreduce_async(np.ones(1), signals=True)
        heard = [collective.heard]
        pending.result()
        heard.append(collective.heard)
        collective.signal = 0
        collective.allreduce_async(np.ones(1)).result()  # of others, nothing is heard
        heard.append(collective.heard)
        return heard

    assert on_ranks(2, tell) == [[(0, 0), (1, 2), (1, 2)]] * 2


def test_a_wait_that_is_too_long_is_an_error():
    waiting, leave = threading.Barrier(2), threading.Event()

    def leave_alone(collective):
        if collective.rank:
            waiting.wait()
            return leave.wait()
        waiting.wait()
        try:
            return collective.pass_on("news", np.ones(1))
        finally:
            leave.set()

    error, _ = on_ranks(2, leave_alone, timeout=0.05)
    assert "rank 0 waited" in str(error)
    assert "for 'news 1' from rank 1: no message came in time" in str(error)
    assert isinstance(error, ConnectionError)


def test_arrays_go_round():
    for size in (1, 2, 5):
        found = on_ranks(size, lambda c: int(c.pass_on("number", np.array([c.rank]))[0]))
        assert found == [(rank - 1) % size for rank in range(size)]


@pytest.mark.parametrize("how", ["sum", "background", "parts", "barrier"])
def test_when_a_rank_fails_the_others_do_not_wait(how):
    """The time-out is an hour, so that a wait would be noticed."""

    def fail_in_the_middle(collective):
        collective.barrier()
        if collective.rank == 1:
            return "failed"  # `on_ranks` closes it
        own = np.ones(3)
        if how == "sum":
            return collective.allreduce(own)
        if how == "background":
            return collective.allreduce_async(own).result()
        if how == "parts":
            return collective.allgather(own, np.empty(12), range(0, 13, 3))
        return collective.barrier()

    first, failed, *others = on_ranks(4, fail_in_the_middle, timeout=3600)
    assert failed == "failed"
    for error in (first, *others):
        assert isinstance(error, ExchangeError)
        assert "closed its connections" in str(error)


def test_closing_ends_the_wait_of_a_background_sum():
    def begin(collective):
        if collective.rank == 0:
            pending = collective.allreduce_async(np.ones(1))
            collective.close()
            return pending.result()
        return None

    error, _ = on_ranks(2, begin, timeout=3600)
    assert isinstance(error, ExchangeError)
