"""The perplexity kernel: its options, its limits and its warnings."""

import warnings

import numpy as np
import pytest

from helpers.weights import distances, effective_perplexity
from tsnekit.errors import ConvergenceWarning
from tsnekit.plugins.affinities.perplexity import PerplexityKernel


@pytest.mark.parametrize(
    ("options", "n_samples", "k"),
    [
        ({}, 1_000, 90),
        ({"perplexity": 50}, 1_000, 150),
        ({"perplexity": 30.5}, 1_000, 91),
        ({"perplexity": 1}, 1_000, 3),
        ({"perplexity": 30, "k_neighbors": 60}, 1_000, 60),
        ({"perplexity": 30}, 91, 90),
    ],
)
def test_number_of_neighbors(options, n_samples, k):
    assert PerplexityKernel(**options).n_neighbors(n_samples) == k


@pytest.mark.parametrize("perplexity", [2, 30, 150, 400.5])
def test_fault_20_perplexity_above_100(perplexity):
    kernel = PerplexityKernel(perplexity=perplexity)
    weights = kernel.weights(distances(300, kernel.n_neighbors(5_000)))
    np.testing.assert_allclose(effective_perplexity(weights), perplexity, rtol=1e-5)


def test_too_large_a_perplexity_is_a_third_of_the_other_rows_with_one_warning():
    kernel = PerplexityKernel(perplexity=30)
    with pytest.warns(
        UserWarning, match="perplexity 30 is too large for 49 neighbors of each row; 16.33 is"
    ) as record:
        k = kernel.n_neighbors(50)
    assert k == 49
    assert len(record) == 1
    weights = kernel.weights(distances(50, k))
    np.testing.assert_allclose(effective_perplexity(weights), 49 / 3, rtol=1e-5)


def test_as_many_neighbors_as_rows_allow_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert PerplexityKernel(perplexity=12, k_neighbors=60).n_neighbors(50) == 49


@pytest.mark.parametrize("n_samples", [2, 3, 4])
def test_very_few_rows(n_samples):
    kernel = PerplexityKernel()
    with pytest.warns(UserWarning, match="perplexity 30 is too large"):
        k = kernel.n_neighbors(n_samples)
    weights = kernel.weights(distances(n_samples, k))
    np.testing.assert_allclose(effective_perplexity(weights), 1, rtol=1e-5)


def test_calibration_is_reported():
    found = PerplexityKernel(perplexity=5).calibrate(distances(40, 15))
    assert found.converged.all()
    assert found.n_evaluations.min() >= 1
    squared = distances(40, 15).astype(np.float64) ** 2
    weights = np.exp(-found.precision * (squared - squared[:, :1]))
    weights /= weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.weights, weights, rtol=1e-4, atol=1e-7)


def test_rows_that_did_not_converge_are_reported():
    rows = distances(40, 15)
    rows[3:5] = 1
    with pytest.warns(ConvergenceWarning, match="perplexity 5 was not reached in 2 of 40 rows"):
        found = PerplexityKernel(perplexity=5).calibrate(rows)
    np.testing.assert_array_equal(np.flatnonzero(~found.converged), [3, 4])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_distances_must_be_finite(bad):
    rows = distances(4, 15)
    rows[2, 14] = bad
    with pytest.raises(ValueError, match="distances to neighbors must be finite"):
        PerplexityKernel(perplexity=5).weights(rows)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"perplexity": 0}, ValueError, "perplexity must be at least 1, got 0"),
        ({"perplexity": -3}, ValueError, "perplexity must be at least 1"),
        ({"perplexity": 0.5}, ValueError, "perplexity must be at least 1"),
        ({"perplexity": np.nan}, ValueError, "perplexity must be finite"),
        ({"perplexity": np.inf}, ValueError, "perplexity must be finite"),
        ({"perplexity": "30"}, TypeError, "perplexity must be a real number, got '30'"),
        ({"perplexity": None}, TypeError, "perplexity must be a real number"),
        ({"perplexity": [30]}, TypeError, "perplexity must be a real number"),
        ({"perplexity": True}, TypeError, "perplexity must be a real number"),
        ({"k_neighbors": 0}, ValueError, "k_neighbors must be at least 1"),
        ({"k_neighbors": 29}, ValueError, "k_neighbors must be at least the perplexity, 30"),
        ({"k_neighbors": 40.0}, TypeError, "k_neighbors must be an integer"),
        ({"k_neighbors": "many"}, TypeError, "k_neighbors must be an integer"),
    ],
)
def test_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        PerplexityKernel(**options)
