"""The kernels of a given number of neighbors."""

import numpy as np
import pytest

from helpers.weights import distances
from tsnekit.plugins.affinities.fixed_sigma import FixedSigmaKernel
from tsnekit.plugins.affinities.uniform import UniformKernel

KERNELS = [FixedSigmaKernel, UniformKernel]


@pytest.mark.parametrize("sigma", [0.3, 1, 50])
def test_fixed_sigma_against_double_precision(sigma):
    rows = distances(100, 30)
    log_weights = -(rows.astype(np.float64) ** 2) / (2 * sigma**2)
    expected = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        FixedSigmaKernel(sigma=sigma).weights(rows), expected, rtol=2e-5, atol=1e-7
    )


def test_fixed_sigma_far_below_the_distances():
    rows = distances(100, 30) + 1e4
    weights = FixedSigmaKernel(sigma=1e-200).weights(rows.astype(np.float32))
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)


def test_uniform():
    np.testing.assert_array_equal(
        UniformKernel(k_neighbors=8).weights(distances(5, 8)), np.full((5, 8), 0.125)
    )


@pytest.mark.parametrize("kind", KERNELS)
def test_number_of_neighbors(kind):
    assert kind(k_neighbors=15).n_neighbors(1_000) == 15
    with pytest.warns(UserWarning, match="k_neighbors=15 is too large: each row has 9 neighbors"):
        assert kind(k_neighbors=15).n_neighbors(10) == 9


@pytest.mark.parametrize("kind", KERNELS)
@pytest.mark.parametrize(
    ("k_neighbors", "error"),
    [(0, ValueError), (-1, ValueError), (2.0, TypeError), ("3", TypeError)],
)
def test_bad_number_of_neighbors(kind, k_neighbors, error):
    with pytest.raises(error, match="k_neighbors must be"):
        kind(k_neighbors=k_neighbors)


@pytest.mark.parametrize(
    ("sigma", "error"),
    [(0, ValueError), (-1, ValueError), (np.inf, ValueError), ("1", TypeError), (None, TypeError)],
)
def test_bad_sigma(sigma, error):
    with pytest.raises(error, match="sigma must be"):
        FixedSigmaKernel(sigma=sigma)


def test_distances_must_be_finite():
    with pytest.raises(ValueError, match="distances to neighbors must be finite"):
        FixedSigmaKernel().weights(np.array([[1, np.nan]], dtype=np.float32))
