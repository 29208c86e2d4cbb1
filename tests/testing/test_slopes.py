"""Gradients beside finite differences, also of losses that bend sharply."""

import numpy as np
import pytest

from tsnekit.testing._slopes import check_slopes

BEND = 0.01
Y = np.random.default_rng(0).normal(size=(40, 1)).astype(np.float32)
Y[0] = 0.05


def loss(Y):
    return float(np.mean(np.log(Y.astype(float) ** 2 + BEND**2)))


def gradient(Y):
    return 2 * Y / (Y.astype(float) ** 2 + BEND**2) / len(Y)


def test_a_loss_that_bends_more_sharply_than_the_longer_steps_show():
    check_slopes(loss, gradient(Y), Y, 0.02)


@pytest.mark.parametrize("factor", [0.9, 1.1, -1])
def test_a_wrong_gradient_of_it(factor):
    with pytest.raises(AssertionError, match=r"changes by .* \(steps of 0\.1\) or .* \(steps of"):
        check_slopes(loss, factor * gradient(Y), Y, 0.02)
