"""Ready-made callbacks."""

import copy
import logging
import os
import pickle

import numpy as np
import pytest
from sklearn.base import clone

import tsnekit
from tsnekit import TSNE
from tsnekit.callbacks import (
    Checkpoint,
    ErrorLogger,
    Snapshots,
    StopOnConvergence,
    TimeLimit,
)

QUICK = {
    "n_iter": 40,
    "early_exaggeration_iter": 20,
    "perplexity": 10,
    "random_state": 0,
    "callbacks_every_iters": 10,
}


@pytest.fixture
def embedding(blobs):
    return TSNE(**QUICK).set_params(n_iter=0, early_exaggeration_iter=0).fit(blobs[:100])


def test_error_logger(blobs, caplog):
    with caplog.at_level(logging.INFO, "tsnekit.callbacks"):
        embedding = TSNE(**QUICK, callbacks=ErrorLogger()).fit(blobs)
    lines = [r.getMessage() for r in caplog.records if r.name == "tsnekit.callbacks"]
    assert len(lines) == 6
    assert lines[0].startswith("early exaggeration, iteration 10: KL divergence ")
    assert lines[-1].startswith(
        f"optimization, iteration 60: KL divergence {embedding.kl_divergence:.4f}, "
    )
    assert lines[-1].endswith(" iterations per second")


def test_snapshots(blobs):
    snapshots = Snapshots()
    embedding = TSNE(**QUICK, callbacks=snapshots).fit(blobs)
    assert snapshots.iterations == [10, 20, 30, 40, 50, 60]
    assert all(type(each) is np.ndarray for each in snapshots.positions)
    np.testing.assert_array_equal(snapshots.positions[-1], embedding)
    assert (snapshots.positions[0] != snapshots.positions[1]).any()
    assert snapshots.errors[-1] == embedding.kl_divergence


def test_checkpoint_and_exact_resume(blobs, tmp_path):
    path = tmp_path / "run-{iteration}.tsne"
    whole = TSNE(**QUICK, callbacks=Checkpoint(path)).fit(blobs)
    names = [f"run-{i}.tsne" for i in (10, 20, 30, 40, 50, 60)]
    assert sorted(os.listdir(tmp_path)) == names
    resumed = tsnekit.load(tmp_path / "run-30.tsne").optimize(30)
    np.testing.assert_array_equal(resumed, whole)


def test_checkpoint_in_one_file(blobs, tmp_path):
    path = tmp_path / "run.tsne"
    whole = TSNE(**QUICK, callbacks=Checkpoint(path, data=True)).fit(blobs)
    assert os.listdir(tmp_path) == ["run.tsne"]
    np.testing.assert_array_equal(tsnekit.load(path), whole)
    assert tsnekit.load(path).transform(blobs[:2]).shape == (2, 2)


def test_checkpoint_while_points_are_fixed(embedding, tmp_path):
    path = tmp_path / "run-{iteration}.tsne"
    fixed = np.arange(100) < 30
    settings = {"fixed": fixed, "callbacks": Checkpoint(path), "callbacks_every_iters": 8}
    whole = embedding.optimize(20, **settings)
    resumed = tsnekit.load(tmp_path / "run-8.tsne").optimize(12, fixed=fixed)
    np.testing.assert_array_equal(resumed, whole)


def test_stop_on_convergence(embedding):
    settings = {"learning_rate": 20, "callbacks_every_iters": 10}
    stopped = embedding.optimize(5000, callbacks=StopOnConvergence(1e-3), **settings)
    assert 50 < stopped.state.iteration < 3000
    finer = embedding.optimize(5000, callbacks=StopOnConvergence(1e-5), **settings)
    assert finer.state.iteration > stopped.state.iteration
    assert finer.kl_divergence < stopped.kl_divergence
    patient = embedding.optimize(5000, callbacks=StopOnConvergence(1e-3, patience=8), **settings)
    assert patient.state.iteration > stopped.state.iteration


def test_early_exaggeration_is_not_convergence(blobs):
    model = TSNE(**QUICK, callbacks=StopOnConvergence(tolerance=1e9, patience=1))
    # The second call of the second phase ends the optimization, and no earlier call does.
    assert model.fit(blobs).state.iteration == 20 + 20


class Clock:
    """Replaces the module `time`. Each call of the callbacks takes a second."""

    now = 0.0

    def monotonic(self):
        return self.now

    def __call__(self, iteration, error, embedding):
        self.now += 1


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("tsnekit.callbacks.time", clock)
    return clock


def test_time_limit_spans_both_phases_of_a_fit_and_starts_again_with_the_next_fit(blobs, clock):
    model = TSNE(**QUICK, callbacks=[clock, TimeLimit(3)])
    assert model.fit(blobs).state.iteration == 30
    assert model.fit(blobs).state.iteration == 30


def test_a_time_limit_belongs_to_one_embedding_until_it_is_reset(embedding, clock):
    limit = TimeLimit(3)
    settings = {"callbacks": [clock, limit], "callbacks_every_iters": 10, "inplace": True}
    embedding.optimize(20, **settings)
    embedding.optimize(90, **settings)
    assert embedding.state.iteration == 30
    embedding.optimize(90, **settings)
    assert embedding.state.iteration == 40
    limit.reset()
    embedding.optimize(90, **settings)
    assert embedding.state.iteration == 70
    other = embedding.copy()
    other.optimize(90, **settings)
    assert other.state.iteration == 100


def test_copies_of_a_time_limit_do_not_have_its_clock(embedding, clock):
    limit = TimeLimit(3)
    settings = {"callbacks_every_iters": 10, "inplace": True}
    embedding.optimize(20, callbacks=[clock, limit], **settings)
    for copied in (copy.deepcopy(limit), pickle.loads(pickle.dumps(limit))):
        iteration = embedding.state.iteration
        embedding.optimize(90, callbacks=[clock, copied], **settings)
        assert embedding.state.iteration == iteration + 30


@pytest.mark.parametrize("every", [5, 50])
def test_exaggeration_is_not_convergence_in_a_phase_of_any_name(embedding, every):
    stop = StopOnConvergence(tolerance=1e9, patience=1)
    settings = {"callbacks": stop, "callbacks_every_iters": every}
    assert embedding.optimize(100, exaggeration=12, **settings).state.iteration == 100
    assert embedding.optimize(150, **settings).state.iteration == 2 * every


def test_a_map_that_is_exaggerated_to_the_end_can_converge(blobs):
    stop = StopOnConvergence(tolerance=1e9, patience=1)
    model = TSNE(**QUICK, exaggeration=4, callbacks=stop)
    assert model.fit(blobs).state.iteration == 20 + 20


def test_a_callback_is_told_which_embedding_starts(embedding):
    class Watcher:
        started = ()

        def optimization_about_to_start(self, embedding):
            self.started += (embedding,)

        def __call__(self, iteration, error, embedding):
            assert embedding is self.started[-1]

    watcher = Watcher()
    embedding.optimize(10, callbacks=watcher, callbacks_every_iters=5, inplace=True)
    assert watcher.started[0] is embedding


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: StopOnConvergence(-1), ValueError, "tolerance must be at least 0"),
        (lambda: StopOnConvergence(patience=0), ValueError, "patience must be at least 1"),
        (lambda: TimeLimit(0), ValueError, "seconds must be greater than 0"),
        (lambda: TimeLimit("long"), TypeError, "seconds must be a real number"),
    ],
)
def test_bad_parameters(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_models_with_callbacks_can_be_cloned():
    model = TSNE(callbacks=[ErrorLogger(), Snapshots(), StopOnConvergence(), TimeLimit(3)])
    assert [type(each) for each in clone(model).callbacks] == [
        type(each) for each in model.callbacks
    ]
