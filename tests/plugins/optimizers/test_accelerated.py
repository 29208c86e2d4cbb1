"""Momentum that grows, and steps that grow with it."""

import numpy as np
import pytest

from tsnekit.interfaces import Phase
from tsnekit.plugins.optimizers.accelerated import AcceleratedOptimizer
from tsnekit.plugins.optimizers.momentum import MomentumOptimizer


def phase(momentum, **changes):
    settings = {"name": "test", "n_iter": 1, "learning_rate": 2.0} | changes
    return Phase(momentum=momentum, **settings)


def walk(optimizer, phases):
    rng = np.random.default_rng(0)
    Y = rng.normal(size=(200, 2)).astype(np.float32)
    optimizer.start(Y)
    for each in phases:
        optimizer.step(Y, rng.normal(size=Y.shape).astype(np.float32), each)
    return Y


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.8])
def test_up_to_the_usual_momentum_it_takes_the_usual_steps(momentum):
    phases = [phase(momentum)] * 10
    found = walk(AcceleratedOptimizer(), phases)
    np.testing.assert_array_equal(found, walk(MomentumOptimizer(), phases))


@pytest.mark.parametrize(("momentum", "factor"), [(0.9, 2.0), (0.95, 4.0), (0.999, 10.0)])
def test_at_once_it_is_momentum_with_a_larger_learning_rate(momentum, factor):
    found = walk(AcceleratedOptimizer(growth=1.0), [phase(momentum)] * 10)
    expected = walk(MomentumOptimizer(), [phase(momentum, learning_rate=2.0 * factor)] * 10)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def momenta(optimizer, wanted):
    Y = np.zeros((3, 2), dtype=np.float32)
    optimizer.start(Y)
    found = []
    for momentum in wanted:
        optimizer.step(Y, np.ones_like(Y), phase(momentum))
        found.append(float(optimizer.state()["momentum"]))
    return found


def test_momentum_grows_from_step_to_step():
    found = momenta(AcceleratedOptimizer(), [0.95] * 60)
    np.testing.assert_allclose(found[:45], 1 - 0.2 * 0.97 ** np.arange(1, 46))
    assert found[45:] == [0.95] * 15


def test_momentum_falls_at_once_and_needs_no_growth_up_to_the_usual_one():
    found = momenta(AcceleratedOptimizer(), [0.95] * 60 + [0.5, 0.8, 0.95])
    assert found[60:62] == [0.5, 0.8]
    assert 0.8 < found[62] < 0.81


@pytest.mark.parametrize(
    ("growth", "error"), [(0, ValueError), (1.5, ValueError), ("fast", TypeError)]
)
def test_growth_is_checked(growth, error):
    with pytest.raises(error, match="growth must be"):
        AcceleratedOptimizer(growth=growth)
