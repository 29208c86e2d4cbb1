"""A phase on a cluster of processes, without losses."""

import signal
import uuid

import numpy as np
import pytest

from helpers.blocks import load_block, on_cluster
from helpers.phases import ROWS, options, run
from tsnekit._descent.endings import SmallChange, SteepestFall
from tsnekit._descent.gradient import KLGradient
from tsnekit.dask._blocks import Blocks
from tsnekit.errors import ClusterError
from tsnekit.interfaces import RepulsionProblem
from tsnekit.plugins.gradients.exact import ExactMethod

pytest.importorskip("distributed", reason="dask and distributed are missing")


def divergence(affinities, Y):
    plan = ExactMethod().plan(RepulsionProblem(n_samples=len(Y), n_components=2))
    return KLGradient(affinities, plan, dof=1, n_jobs=1).kl_divergence(Y)


def test_a_phase(client, digits_affinities):
    seen = []
    result = run(
        client,
        digits_affinities,
        on_progress=lambda iteration, error: seen.append((iteration, error)),
        error_every=10,
        final_divergence=True,
    )
    assert result.positions.shape == (ROWS, 2)
    assert result.n_ranks == 2
    assert (result.iteration, result.n_iter, result.exaggeration) == (30, 30, 4.0)
    assert result.reason == "it took the given number of iterations"
    assert not result.interrupted
    assert not result.stopped
    assert result.restarts == 0
    assert result.divergence == pytest.approx(
        divergence(digits_affinities[1], result.positions), rel=1e-3
    )
    errors = [each for each in seen if each[1] is not None]
    assert [iteration for iteration, _ in errors] == [10, 20, 30]
    np.testing.assert_allclose(result.positions.mean(axis=0), 0, atol=1e-5)
    for array in result.optimizer_state.values():
        assert array.shape == (ROWS, 2)


def test_phases_follow_one_another(client, digits_affinities):
    """A phase of 20 iterations is two of 10, to the bit."""
    whole = run(client, digits_affinities, **options(20))
    first = run(client, digits_affinities, **options(10))
    second = run(
        client,
        digits_affinities,
        **options(10) | {"optimizer_state": first.optimizer_state},
        positions=first.positions,
        iteration=first.iteration,
        exaggeration=first.exaggeration,
    )
    assert (second.iteration, second.n_iter) == (20, 10)
    np.testing.assert_array_equal(second.positions, whole.positions)
    for name, array in whole.optimizer_state.items():
        np.testing.assert_array_equal(second.optimizer_state[name], array)


def test_same_bits_whichever_worker_has_which_rank(client, digits_affinities, monkeypatch):
    from tsnekit.dask import _run

    found = []
    for order in (sorted, lambda alive: sorted(alive, reverse=True)):
        monkeypatch.setattr(_run._Run, "_placed", lambda self, alive, order=order: order(alive))
        found.append(run(client, digits_affinities).positions)
    np.testing.assert_array_equal(*found)


def test_workers_keep_the_rows_of_p_that_they_have(client, digits_affinities):
    from tsnekit.dask._control import Workers
    from tsnekit.dask._run import _Run

    path, *_ = digits_affinities
    blocks = Blocks.even(ROWS, 4)
    first, second = sorted(client.nthreads())
    for order in ((first, second), (second, first)):
        moved = [
            client.submit(
                load_block, str(path), rows.start, rows.stop, workers=[worker], pure=False
            )
            for rows, worker in zip(map(blocks.range, range(4)), np.repeat(order, 2), strict=True)
        ]
        client.gather(moved)
        run = _Run(
            workers=Workers(client),
            affinity_blocks=moved,
            blocks=blocks,
            assign=None,
            name="",
            on_progress=None,
            timeouts=None,
        )
        assert run._placed([first, second]) == list(order)


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (lambda: SteepestFall(at_most=60), "fall"),
        (lambda: SmallChange(0.5, at_most=60, at_least=50), "changed by no more"),
    ],
)
def test_ranks_agree_on_the_end(client, digits_affinities, ending, reason):
    result = run(client, digits_affinities, **options(ending=ending()))
    assert result.n_iter <= 60
    assert reason in result.reason or result.n_iter == 60


def test_more_workers_than_blocks(client, digits_affinities):
    assert run(client, digits_affinities, count=1).n_ranks == 1


def test_a_callback_ends_the_phase_on_all_ranks(client, digits_affinities):
    seen = []

    class Stop:
        def optimization_about_to_start(self):
            self.calls = []

        def __call__(self, iteration, error, embedding, state):
            self.calls.append((iteration, error, embedding.shape, state.global_iteration))
            assert embedding.gradient_descent_params["dof"] == 1
            embedding[...] = np.nan  # a copy
            return iteration == 20

    result = run(
        client,
        digits_affinities,
        **options(callbacks=[Stop()], callbacks_every_iters=10),
        on_progress=lambda *each: seen.append(each),
    )
    assert result.stopped
    assert not result.interrupted
    assert result.n_iter == 20
    assert result.reason == "a callback ended it"
    (callback,) = result.callbacks
    assert [each[::2] for each in callback.calls] == [(10, (ROWS, 2)), (20, (ROWS, 2))]
    plain = run(client, digits_affinities, **options(20))
    np.testing.assert_array_equal(result.positions, plain.positions)


def test_errors_of_callbacks_reach_the_client(client, digits_affinities):
    def fail(iteration, error, embedding):
        raise LookupError(f"no luck at {iteration}")

    with pytest.raises(LookupError, match="no luck at 10"):
        run(client, digits_affinities, **options(callbacks=fail, callbacks_every_iters=10))
    assert run(client, digits_affinities).n_ranks == 2


def test_callbacks_that_cannot_be_pickled(client, digits_affinities):
    import threading

    lock = threading.Lock()
    with pytest.raises(TypeError, match="callbacks are called on a worker"):
        run(client, digits_affinities, **options(callbacks=lambda *_: lock is None))


def test_ctrl_c_ends_all_ranks_after_the_same_iteration(client, digits_affinities):
    pressed = []

    def press(iteration, error):
        if iteration >= 10 and not pressed:
            pressed.append(iteration)
            signal.raise_signal(signal.SIGINT)

    result = run(client, digits_affinities, **options(100_000), on_progress=press)
    assert result.interrupted
    assert result.reason == "Ctrl-C ended it"
    assert 10 <= result.n_iter < 100_000
    plain = run(client, digits_affinities, **options(result.n_iter))
    np.testing.assert_array_equal(result.positions, plain.positions)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_is_not_lost_where_python_ignores_it(client, digits_affinities):
    class Freed:
        """Runs code when it is freed, as the futures of Dask do."""

        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    held = [Freed()]

    def free(iteration, error):
        if iteration >= 10:
            held.clear()

    result = run(client, digits_affinities, **options(100_000), on_progress=free)
    assert result.interrupted
    assert 10 <= result.n_iter < 100_000
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_twice_gives_the_last_checkpoint(client, digits_affinities, monkeypatch):
    from tsnekit.dask import _attempt

    # The ranks do not hear of the first one.
    monkeypatch.setattr(_attempt, "tell_rank", lambda run, signal, dask_worker: None)
    pressed = []

    def press(iteration, error):
        if iteration >= 20 and len(pressed) < 2:
            pressed.append(iteration)
            signal.raise_signal(signal.SIGINT)

    result = run(
        client, digits_affinities, **options(100_000), on_progress=press, checkpoint_every=5
    )
    assert len(pressed) == 2
    assert result.interrupted
    assert result.n_iter >= 5
    assert result.n_iter % 5 == 0
    plain = run(client, digits_affinities, **options(result.n_iter))
    np.testing.assert_array_equal(result.positions, plain.positions)


def test_a_busy_worker_is_named(client, digits_affinities):
    from distributed import Event

    name = uuid.uuid4().hex
    busy = sorted(client.nthreads())[1]
    event = Event(name, client=client)

    def wait(name):
        from distributed import Event

        return Event(name).wait(60)

    future = client.submit(wait, name, workers=[busy])
    try:
        with pytest.raises(ClusterError, match=f"{busy} did not begin .* busy") as caught:
            run(client, digits_affinities, start_timeout=0.3)
    finally:
        event.set()
    assert future.result(60)
    assert caught.value.checkpoint is None
    assert run(client, digits_affinities).n_ranks == 2


def test_the_divergence_of_a_map(client, digits_affinities):
    from tsnekit.dask._evaluation import evaluate

    path, affinities, start = digits_affinities
    blocks, futures = on_cluster(client, path, ROWS, 3)
    found = evaluate(
        client,
        affinity_blocks=futures,
        blocks=blocks,
        positions=100 * start,
        parameters=options()["parameters"],
    )
    assert found == pytest.approx(divergence(affinities, 100 * start), rel=1e-3)


def test_nothing_is_left_on_the_workers(client, digits_affinities):
    def left(dask_worker):
        import threading

        from tsnekit.dask import _checkpoints, _comms, _rank

        threads = [thread.name for thread in threading.enumerate()]
        return (
            len(_checkpoints._kept) + len(_comms._open) + len(_rank._signals),
            [name for name in threads if name.startswith("tsnekit")],
        )

    before = client.run(left)
    run(client, digits_affinities, checkpoint_every=5)
    assert client.run(left) == before
