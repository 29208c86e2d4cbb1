"""Descent and the momentum optimizer against plain NumPy."""

import numpy as np
import pytest

from tsnekit._descent.course import Course, resolve_learning_rate
from tsnekit._descent.endings import FixedLength
from tsnekit._descent.loop import Centering, Progress, descend
from tsnekit.interfaces import Phase
from tsnekit.plugins.optimizers.momentum import MomentumOptimizer


def phase(**changes):
    return Phase(**({"name": "test", "n_iter": 1, "learning_rate": 2.0, "momentum": 0.8} | changes))


def course(**changes):
    return Course(phase=phase(**changes), ending=FixedLength(changes.get("n_iter", 1)))


def reference_steps(Y, gradients, *, rate, momentum, max_grad_norm=None, max_step_norm=None):
    Y = Y.astype(np.float64).copy()
    update, gains = np.zeros_like(Y), np.ones_like(Y)
    for gradient in gradients:
        gradient = clipped(gradient.astype(np.float64), max_grad_norm)
        same = np.sign(update) * np.sign(gradient) > 0
        gains = np.maximum(np.where(same, gains * 0.8, gains + 0.2), 0.01)
        update = clipped(momentum * update - rate * gains * gradient, max_step_norm)
        Y += update
    return Y


def clipped(rows, bound):
    if bound is None:
        return rows
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows * np.minimum(1, bound / np.maximum(norms, 1e-300))


@pytest.mark.parametrize("d", [1, 2, 3, 4])
@pytest.mark.parametrize("clips", [{}, {"max_grad_norm": 0.7}, {"max_step_norm": 1.1}])
def test_momentum_steps_equal_numpy(d, clips):
    rng = np.random.default_rng(0)
    Y = rng.normal(size=(5000, d)).astype(np.float32)
    gradients = rng.normal(size=(12, 5000, d)).astype(np.float32)
    expected = reference_steps(Y, gradients, rate=2.0, momentum=0.8, **clips)
    optimizer = MomentumOptimizer()
    optimizer.start(Y)
    for gradient in gradients:
        optimizer.step(Y, gradient, phase(**clips))
    # If an update is zero except for rounding, its sign may differ, and so may the gain. In 1-D all
    # clipped gradients have the same size, and their sums often cancel.
    close = np.isclose(Y, expected, rtol=2e-5, atol=2e-4)
    assert close.mean() > (0.98 if d == 1 else 0.999)


def test_gains_have_a_floor():
    Y = np.zeros((1, 2), dtype=np.float32)
    optimizer = MomentumOptimizer()
    optimizer.start(Y)
    for _ in range(60):
        # The step turns the update against the gradient. It is turned back, so that signs agree.
        update = optimizer.state()["update"]
        optimizer.step(Y, np.where(update == 0, 1, update).astype(np.float32), phase(momentum=0))
        optimizer.restore({"update": -update, "gains": optimizer.state()["gains"]})
    assert optimizer.state()["gains"].min() >= np.float32(0.01)


def test_state_is_a_copy_and_restores():
    Y = np.ones((4, 2), dtype=np.float32)
    first = MomentumOptimizer()
    first.start(Y)
    first.step(Y, np.ones_like(Y), phase())
    saved = first.state()
    second = MomentumOptimizer()
    second.restore(saved)
    other = Y.copy()
    first.step(Y, np.ones_like(Y), phase())
    second.step(other, np.ones_like(Y), phase())
    np.testing.assert_array_equal(Y, other)


class Pull:
    """The gradient of half the squared distance to a target."""

    def __init__(self, target):
        self.target = target

    def gradient(self, Y, out, exaggeration):
        np.subtract(Y, self.target, out=out)

    def kl_divergence(self, Y):
        return float(((Y - self.target) ** 2).sum() / 2)


def test_descent_finds_the_minimum_and_observers_see_every_iteration():
    Y = np.random.default_rng(1).normal(size=(50, 2)).astype(np.float32)
    optimizer = MomentumOptimizer()
    optimizer.start(Y)
    seen, also_seen = [], []
    descend(
        Y,
        Pull(np.float32(3)),
        optimizer,
        course(n_iter=300, learning_rate=0.1),
        observers=[
            lambda iteration, in_force: seen.append(iteration),
            lambda iteration, in_force: also_seen.append(in_force.name and iteration),
        ],
    )
    np.testing.assert_allclose(Y, 3, atol=1e-3)
    assert seen == also_seen == list(range(1, 301))


def test_recentering_keeps_the_mean_at_the_origin():
    Y = (np.random.default_rng(2).normal(size=(9001, 3)) + 100).astype(np.float32)
    optimizer = MomentumOptimizer()
    optimizer.start(Y)
    steps = course(n_iter=1, learning_rate=1e-6)
    descend(Y, Pull(np.float32(7)), optimizer, steps, recenter=Centering(3, 1))
    np.testing.assert_allclose(Y.mean(axis=0, dtype=np.float64), 0, atol=1e-5)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_steps_do_not_depend_on_threads(n_jobs):
    rng = np.random.default_rng(3)
    start = rng.normal(size=(20_000, 2)).astype(np.float32)
    results = []
    for jobs in (1, n_jobs):
        Y = start.copy()
        optimizer = MomentumOptimizer()
        optimizer.start(Y)
        steps = course(n_iter=5, n_jobs=jobs)
        descend(Y, Pull(np.float32(1)), optimizer, steps, recenter=Centering(2, jobs))
        results.append(Y)
    np.testing.assert_array_equal(*results)


def test_learning_rate():
    assert resolve_learning_rate("auto", 1200, 12.0) == 100
    assert resolve_learning_rate(200, 1200, 12.0) == 200


class Impatient:
    """Ends a phase as soon as it is asked."""

    at_most, reason_at_most = 50, "patience"

    def looks_at(self, iteration):
        return True

    def reason(self, iteration, divergence):
        return "impatience"


class PullWithDivergence(Pull):
    def gradient_and_divergence(self, Y, out, exaggeration):
        self.gradient(Y, out, exaggeration)
        return self.kl_divergence(Y)


@pytest.mark.parametrize(("before", "taken"), [(None, 0), (1.0, 0), (2.0, 6)])
def test_no_phase_ends_while_exaggeration_fades(before, taken):
    Y = np.ones((5, 2), dtype=np.float32)
    optimizer = MomentumOptimizer()
    optimizer.start(Y)
    progress = Progress(exaggeration=before)
    fading = Course(phase=phase(), ending=Impatient(), fade=0.1, learning_rate=0.1)
    gradient = PullWithDivergence(np.float32(3))
    assert descend(Y, gradient, optimizer, fading, progress=progress) == "impatience"
    assert progress.iteration == taken


def test_a_recentering_that_fails_takes_the_step_back():
    Y = np.random.default_rng(4).normal(size=(40, 2)).astype(np.float32)
    optimizer = MomentumOptimizer()
    optimizer.start(Y)
    progress = Progress()
    kept = []

    def recenter(positions):
        positions -= 1
        if len(kept) == 2:
            raise ConnectionError("no answer")
        kept.append((positions.copy(), optimizer.state()))

    with pytest.raises(ConnectionError, match="no answer"):
        descend(
            Y,
            Pull(np.float32(3)),
            optimizer,
            course(n_iter=5),
            recenter=recenter,
            progress=progress,
        )
    np.testing.assert_array_equal(Y, kept[-1][0])
    for name, values in kept[-1][1].items():
        np.testing.assert_array_equal(optimizer.state()[name], values)
    assert progress.iteration == 2
    assert progress.exaggeration == 1.0
