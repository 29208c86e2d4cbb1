"""A phase that loses workers: it continues, or one error says what happened."""

import logging
import os
import pathlib
import signal
import time

import numpy as np
import pytest

from helpers.clusters import started
from helpers.phases import ROWS, options, run
from tsnekit._descent.endings import SteepestFall
from tsnekit.errors import ClusterError

pytest.importorskip("distributed", reason="dask and distributed are missing")


@pytest.fixture
def three():
    """A client of three workers of its own, since each test loses one."""
    with started(3) as (_, client):
        yield client


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.WARNING, logger="tsnekit")
    return caplog


class Kill:
    """A callback that kills a process, once, and only from another process."""

    def __init__(self, pid, folder, at=20, signal=signal.SIGKILL):
        self.pid, self.done, self.at = pid, pathlib.Path(folder) / "killed", at
        self.signal = signal

    def __call__(self, iteration, error, embedding):
        if iteration == self.at and not self.done.exists():
            self.done.touch()
            os.kill(self.pid, self.signal)


def killing(client, worker, folder, n_iter=60, **given):
    """Return arguments of a phase in which a worker is killed after iteration 20."""
    (pid,) = client.run(os.getpid, workers=[worker]).values()
    callback = Kill(pid, folder)
    return options(n_iter, callbacks=callback, callbacks_every_iters=20, **given)


@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_a_killed_worker_is_replaced_and_nothing_is_lost(
    three, digits_affinities, tmp_path, monkeypatch, log, rank
):
    """Two of three workers have rows. The third one takes over, so that the bits are the same."""
    from tsnekit.dask import _run

    workers = sorted(three.nthreads())
    order = [*workers]
    monkeypatch.setattr(
        _run._Run, "_placed", lambda self, alive: [each for each in order if each in alive][:2]
    )
    ending = SteepestFall(at_most=60, at_least=60)
    expected = run(three, digits_affinities, **options(ending=ending))
    result = run(
        three,
        digits_affinities,
        checkpoint_every=7,
        **killing(three, workers[rank], tmp_path, ending=SteepestFall(at_most=60, at_least=60)),
    )
    assert (result.restarts, result.n_ranks, result.n_iter) == (1, 2, 60)
    assert result.iteration == 60
    assert "continues after iteration 14" in log.text
    assert result.reason == expected.reason
    np.testing.assert_array_equal(result.positions, expected.positions)
    for name, array in expected.optimizer_state.items():
        np.testing.assert_array_equal(result.optimizer_state[name], array)


@pytest.mark.slow
def test_fewer_workers_take_over(three, digits_affinities, tmp_path, log):
    workers = sorted(three.nthreads())
    result = run(
        three,
        digits_affinities,
        workers=workers,
        checkpoint_every=5,
        **killing(three, workers[1], tmp_path),
    )
    assert (result.restarts, result.n_ranks, result.n_iter) == (1, 2, 60)
    assert f"{workers[1]} was lost" in log.text
    assert "continues after iteration 20" in log.text or "after iteration 15" in log.text
    # The rows are divided in another way, so that bits differ.
    plain = run(three, digits_affinities, **options(60), final_divergence=True)
    assert np.isfinite(result.positions).all()
    assert abs(np.ptp(result.positions) / np.ptp(plain.positions) - 1) < 0.2


@pytest.mark.slow
def test_without_a_checkpoint_the_phase_starts_again(three, digits_affinities, tmp_path, log):
    workers = sorted(three.nthreads())
    settings = killing(three, workers[0], tmp_path, n_iter=30)
    result = run(three, digits_affinities, checkpoint_every=0, **settings)
    assert (result.restarts, result.n_iter) == (1, 30)
    assert "continues after iteration 0" in log.text


@pytest.mark.slow
def test_the_only_worker_comes_back(digits_affinities, tmp_path):
    """The workers are those that there are when the phase continues."""
    with started(1) as (_, client):
        (worker,) = client.nthreads()
        settings = killing(client, worker, tmp_path, n_iter=30)
        result = run(client, digits_affinities, **settings)
    assert (result.restarts, result.n_ranks, result.n_iter) == (1, 1, 30)


@pytest.mark.slow
def test_no_worker_is_left(three, digits_affinities, tmp_path):
    worker = sorted(three.nthreads())[0]
    with pytest.raises(ClusterError, match="no workers are left") as caught:
        run(
            three,
            digits_affinities,
            workers=[worker],
            start_timeout=2,
            iteration=250,
            exaggeration=12.0,
            **killing(three, worker, tmp_path),
        )
    path = caught.value.checkpoint
    assert path in str(caught.value)
    with np.load(path) as file:
        np.testing.assert_array_equal(file["positions"], digits_affinities[2])
        assert file["iteration"] == 250
        assert file["exaggeration"] == 12.0
    os.unlink(path)


@pytest.mark.slow
def test_too_many_losses(three, digits_affinities, tmp_path, monkeypatch):
    from tsnekit.dask import _run

    monkeypatch.setattr(_run, "MAX_RESTARTS", 0)
    workers = sorted(three.nthreads())
    with pytest.raises(ClusterError, match="was lost, after 0 restarts") as caught:
        run(three, digits_affinities, checkpoint_every=5, **killing(three, workers[2], tmp_path))
    with np.load(caught.value.checkpoint) as file:
        assert file["iteration"] in (15, 20)
        assert file["positions"].shape == (ROWS, 2)
        assert {name for name in file if name.startswith("optimizer_")}
    os.unlink(caught.value.checkpoint)


@pytest.mark.slow
def test_a_retired_worker_hands_its_rows_over(digits_affinities, log):
    """No iteration is lost, although there was no checkpoint before."""
    with started(2) as (_, client):
        leaving = min(client.nthreads())
        retired, pressed = [], []

        def retire(iteration, error):
            if iteration >= 10 and not retired:
                retired.append(iteration)
                client.retire_workers([leaving])
            elif "continues after" in log.text and not pressed:
                pressed.append(iteration)
                signal.raise_signal(signal.SIGINT)

        result = run(
            client,
            digits_affinities,
            **options(100_000),
            on_progress=retire,
            checkpoint_every=0,
        )
    assert result.interrupted
    assert (result.restarts, result.n_ranks) == (1, 1)
    assert "continues after iteration 0" not in log.text
    assert result.n_iter > retired[0]


@pytest.mark.slow
def test_a_retired_worker_that_is_late_hands_its_rows_over(digits_affinities, monkeypatch, log):
    """The scheduler forgets a worker whose rank is still in the middle of an iteration."""
    from tsnekit.dask import _run

    class Late:
        """A callback during which the worker leaves the cluster."""

        def __call__(self, iteration, error, embedding):
            from distributed import get_worker

            deadline = time.monotonic() + 60
            while iteration == 20 and time.monotonic() < deadline:
                if get_worker().status.name == "closing":
                    time.sleep(3)  # the client has seen it by now
                    return
                time.sleep(0.05)

    with started(2) as (_, client):
        leaving, other = sorted(client.nthreads())
        order = [leaving, other]
        monkeypatch.setattr(
            _run._Run, "_placed", lambda self, alive: [each for each in order if each in alive]
        )
        retired = []

        def retire(iteration, error):
            if iteration == 20 and not retired:
                retired.append(iteration)
                client.retire_workers([leaving])

        result = run(
            client,
            digits_affinities,
            **options(60, callbacks=Late(), callbacks_every_iters=20),
            on_progress=retire,
            checkpoint_every=0,
        )
    assert (result.restarts, result.n_ranks, result.n_iter) == (1, 1, 60)
    assert "continues after iteration 0" not in log.text


@pytest.mark.slow
def test_a_stopped_worker_is_left_behind(three, digits_affinities, tmp_path, monkeypatch, log):
    """Its connections stay open, and the scheduler believes in it for minutes."""
    from tsnekit.dask import _control, _run

    monkeypatch.setattr(_control, "ANSWER_SECONDS", 5.0)
    order = sorted(three.nthreads())
    monkeypatch.setattr(
        _run._Run, "_placed", lambda self, alive: [each for each in order if each in alive]
    )
    (pid,) = three.run(os.getpid, workers=[order[1]]).values()
    callback = Kill(pid, tmp_path, signal=signal.SIGSTOP)
    try:
        result = run(
            three,
            digits_affinities,
            checkpoint_every=10,
            timeout=5,
            **options(60, callbacks=callback, callbacks_every_iters=20),
        )
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (result.restarts, result.n_ranks, result.n_iter) == (1, 2, 60)
    assert order[1] in log.text
    assert "continues after iteration 20" in log.text or "after iteration 10" in log.text


class Fill:
    """A callback that takes memory until its process is ended."""

    def __call__(self, iteration, error, embedding):
        taken = []
        while iteration == 20:
            taken.append(np.ones(2**20))
            time.sleep(0.01 if len(taken) > 60 else 0)


@pytest.mark.slow
def test_a_worker_with_too_much_memory_is_one_clear_error(digits_affinities, monkeypatch, log):
    from tsnekit.dask import _run

    monkeypatch.setattr(_run, "MAX_RESTARTS", 1)
    with (
        started(2, memory_limit="800MB") as (_, client),
        pytest.raises(ClusterError, match="exceeded its memory limit") as caught,
    ):
        run(
            client,
            digits_affinities,
            checkpoint_every=10,
            **options(60, callbacks=Fill(), callbacks_every_iters=20),
        )
    assert "continues after iteration 10" in log.text
    with np.load(caught.value.checkpoint) as file:
        assert file["iteration"] == 10
    os.unlink(caught.value.checkpoint)


@pytest.mark.slow
def test_a_lost_scheduler_is_one_clear_error(digits_affinities):
    with started(2) as (cluster, client):
        lost = []

        def lose(iteration, error):
            if iteration >= 10 and not lost:
                lost.append(iteration)
                cluster.sync(cluster.scheduler.close)

        with pytest.raises(ClusterError, match="scheduler") as caught:
            run(
                client,
                digits_affinities,
                iteration=1,
                **options(100_000),
                on_progress=lose,
            )
    os.unlink(caught.value.checkpoint)
