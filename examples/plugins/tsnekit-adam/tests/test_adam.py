"""Tests of the parts that only this optimizer has."""

import numpy as np
import pytest
from tsnekit_adam import Adam

from tsnekit import TSNE, load
from tsnekit.interfaces import Phase

PHASE = Phase(name="descent", n_iter=1, learning_rate=1000.0, momentum=0.9)


def reference(Y, gradients, step_size, beta1, beta2, epsilon):
    """Adam as in the paper, in float64."""
    Y, m, v = Y.astype(float), 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        Y = Y - step_size * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + epsilon)
    return Y


def test_is_the_adam_of_the_paper():
    rng = np.random.default_rng(0)
    Y = rng.normal(size=(50, 2)).astype(np.float32)
    gradients = rng.normal(size=(30, 50, 2)).astype(np.float32)
    expected = reference(Y, gradients.astype(float), 0.1, 0.9, 0.99, 1e-6)
    optimizer = Adam(step_size=0.1, beta=0.99, epsilon=1e-6)
    optimizer.start(Y)
    for gradient in gradients:
        optimizer.step(Y, gradient, PHASE)
    np.testing.assert_allclose(Y, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step_size": 0}, "step_size must be greater than 0"),
        ({"beta": 1}, "beta must be from 0 to below 1"),
        ({"beta": float("nan")}, "beta"),
        ({"epsilon": -1}, "epsilon must be greater than 0"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Adam(**options)


def test_a_saved_map_goes_on_to_the_bit(tmp_path):
    X = np.random.default_rng(0).normal(size=(150, 5))
    model = TSNE(optimizer="adam", perplexity=10, n_iter=20, random_state=0)
    embedding = model.fit(X)
    embedding.save(tmp_path / "map.tsne")
    loaded = load(tmp_path / "map.tsne")
    np.testing.assert_array_equal(loaded.optimize(10), embedding.optimize(10))


def test_descends_on_a_map():
    X = np.random.default_rng(0).normal(size=(150, 5))
    first, last = (
        TSNE(optimizer="adam", perplexity=10, n_iter=n, random_state=0).fit(X).kl_divergence
        for n in (0, 250)
    )
    assert last < first
