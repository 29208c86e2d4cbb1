"""Ready-made callbacks."""

import logging
import os
import time

import numpy as np
import pytest
from sklearn.base import clone

import tsnekit
from tsnekit import TSNE
from tsnekit.callbacks import (
    Callback,
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


def test_checkpoint_while_points_are_pinned(embedding, tmp_path):
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


def test_early_exaggeration_is_no_convergence(blobs):
    model = TSNE(**QUICK, callbacks=StopOnConvergence(tolerance=1e9, patience=1))
    # Ended by the second call of the second phase, none before that.
    assert model.fit(blobs).state.iteration == 20 + 20


def test_time_limit_spans_both_phases(blobs):
    class Slow(Callback):
        def __call__(self, iteration, error, embedding, state):
            time.sleep(0.05)

    limit = TimeLimit(0.12)
    model = TSNE(**QUICK, callbacks=[Slow(), limit])
    assert model.fit(blobs).state.iteration in (20, 30)
    assert model.fit(blobs).state.iteration == 10
    limit.reset()
    assert model.fit(blobs).state.iteration > 10


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
