"""An iteration happens completely or not at all, wherever an error or Ctrl-C ends it."""

import pickle
import signal
import sys
import threading

import joblib
import numpy as np
import pytest

from tsnekit import OptimizationInterrupt, TSNEEmbedding
from tsnekit._native import update
from tsnekit.affinity import PerplexityBasedNN
from tsnekit.errors import InterruptedByUser
from tsnekit.plugins.optimizers.momentum import MomentumOptimizer

FIXED = np.arange(300) < 100
CENTRING = "centring"
POINTS = ["before the step", "within the step", "after the step", CENTRING, "restoring"]


class Fragile(MomentumOptimizer):
    """Fails once, in its third step, at a given place of the step."""

    def __init__(self, point, error):
        super().__init__()
        self.point, self.error = point, error
        self.steps, self.restored = 0, 0

    def step(self, Y, gradient, phase):
        self.steps += 1
        fails = self.steps == 3
        if fails and self.point == "before the step":
            raise self.error
        if fails and self.point in ("within the step", "restoring"):
            Y[: len(Y) // 2] += 1
            self._state["gains"] *= 2
            raise self.error
        super().step(Y, gradient, phase)
        if fails and self.point == "after the step":
            raise self.error

    def restore(self, state):
        self.restored += self.steps == 3
        if self.point == "restoring" and self.restored == 1:
            raise KeyboardInterrupt  # pressed again
        super().restore(state)


def started(blobs, optimizer=None):
    affinities = PerplexityBasedNN(blobs, perplexity=10)
    start = np.random.default_rng(0).normal(size=(300, 2))
    settings = {"optimizer": optimizer, "negative_gradient_method": "barnes_hut"}
    return TSNEEmbedding(start, affinities, **settings)


def same(embedding, expected):
    np.testing.assert_array_equal(embedding, expected)
    assert embedding.state.iteration == expected.state.iteration
    state, other = embedding.optimizer.state(), expected.optimizer.state()
    for name in ("update", "gains"):
        np.testing.assert_array_equal(state[name], other[name])


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize(
    ("point", "fixed"),
    # A map with fixed points is not centred.
    [(point, None) for point in POINTS] + [(point, FIXED) for point in POINTS if point != CENTRING],
)
def test_map_optimizer_and_count_are_of_one_iteration(blobs, point, error, fixed, monkeypatch):
    embedding = started(blobs, Fragile(point, error("no")))
    if point == CENTRING:
        centred, calls = update.center, []

        def center(*arguments):
            calls.append(arguments)
            if len(calls) == 3:
                arguments[0][:10] += 1
                raise error("no")
            centred(*arguments)

        monkeypatch.setattr(update, "center", center)
    raised = InterruptedByUser if error is KeyboardInterrupt else error
    with pytest.raises(raised) as caught:
        embedding.optimize(5, inplace=True, fixed=fixed)
    monkeypatch.undo()
    expected = started(blobs).optimize(2, fixed=fixed)
    same(embedding, expected)
    if error is KeyboardInterrupt:
        assert caught.value.final_embedding is embedding
    embedding.optimizer.point = None
    same(embedding.optimize(3, fixed=fixed), expected.optimize(3, fixed=fixed))


def optimize_and_press(embedding, line, fixed):
    """Run three iterations, and press Ctrl-C before a line that the third iteration runs.

    Returns whether there was such a line.
    """
    files = ("loop.py", "fixed.py", "momentum.py", "base.py", "plan.py", "gradient.py")
    lines = 0

    def trace(frame, event, arg):
        nonlocal lines
        code = frame.f_code
        if not code.co_filename.endswith(files) or "tsnekit" not in code.co_filename:
            return None
        traced = event == "line" and code.co_name not in ("run_phase", "optimize")
        if traced and embedding.state.iteration in (2, 3):
            lines += 1
            if lines == line:
                sys.settrace(None)
                signal.raise_signal(signal.SIGINT)
        return trace

    before = sys.gettrace()
    try:
        sys.settrace(trace)
        embedding.optimize(3, inplace=True, fixed=fixed)
    except InterruptedByUser:
        return True
    finally:
        sys.settrace(before)
    return False


@pytest.mark.parametrize("fixed", [None, FIXED], ids=["free", "fixed"])
def test_ctrl_c_before_any_line_of_an_iteration(blobs, fixed):
    start = started(blobs)
    after = {n: start.optimize(n, fixed=fixed) for n in (2, 3)}
    embedding, line = start.copy(), 1
    while optimize_and_press(embedding, line, fixed):
        same(embedding, after[embedding.state.iteration])
        embedding, line = start.copy(), line + 1
    assert line > 30
    same(embedding, after[3])


def test_a_callback_may_optimize_the_embedding_that_it_watches(blobs):
    def nested(iteration, error, embedding):
        if embedding.state.iteration < 10:
            embedding.optimize(10, inplace=True, callbacks=None)

    embedding = started(blobs).optimize(6, callbacks=nested, callbacks_every_iters=5)
    assert embedding.state.iteration == 16


def test_two_threads_that_optimize_one_map_take_turns(blobs):
    embedding, seen = started(blobs), {"first": [], "second": []}

    def record(name):
        def callback(iteration, error, embedding, state):
            seen[name].append(state.global_iteration)
            if name == "first" and iteration == 1:
                second.start()

        return {"inplace": True, "callbacks": callback, "callbacks_every_iters": 1}

    second = threading.Thread(target=embedding.optimize, args=(5,), kwargs=record("second"))
    embedding.optimize(200, **record("first"))
    second.join()
    assert seen["first"] == list(range(1, 201))
    assert seen["second"] == list(range(201, 206))
    same(embedding, started(blobs).optimize(205))


# -- The exceptions themselves ---------------------------------------------------------------------


def interrupted(blobs, kind):
    embedding = started(blobs).optimize(3)
    if kind is InterruptedByUser:
        return InterruptedByUser(embedding)
    return OptimizationInterrupt(0.5, embedding)


@pytest.mark.parametrize("kind", [InterruptedByUser, OptimizationInterrupt])
def test_interruptions_can_be_pickled(blobs, kind):
    error = interrupted(blobs, kind)
    other = pickle.loads(pickle.dumps(error))
    assert type(other) is kind
    assert str(other) == str(error)
    assert getattr(other, "error", None) == getattr(error, "error", None)
    same(other.final_embedding, error.final_embedding)


def test_interruptions_come_back_from_other_processes(blobs):
    embedding = started(blobs)

    def optimize_until_stopped(embedding):  # not global, since workers do not find this module
        embedding.optimize(
            50, propagate_exception=True, callbacks=lambda *_: True, callbacks_every_iters=7
        )

    with pytest.raises(OptimizationInterrupt) as caught:
        joblib.Parallel(n_jobs=2, backend="loky")(
            joblib.delayed(optimize_until_stopped)(embedding) for _ in range(2)
        )
    same(caught.value.final_embedding, embedding.optimize(7))
