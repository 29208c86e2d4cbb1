"""Calibration to a perplexity against double precision."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from helpers.weights import effective_perplexity
from tsnekit._native import perplexity as native


def calibrate(distances, perplexities, *, mixture=False, n_threads=1):
    distances = np.ascontiguousarray(distances, dtype=np.float32)
    perplexities = np.atleast_1d(np.asarray(perplexities, dtype=np.float64))
    weights = np.empty_like(distances)
    precision = np.empty((len(distances), len(perplexities)))
    status = np.empty(precision.shape, dtype=np.int32)
    native.calibrate(distances, perplexities, mixture, weights, precision, status, n_threads)
    return weights, precision, status


def reference(distances, perplexity):
    """Return the precision and the weights of one row, in double precision, by bisection."""
    squared = distances.astype(np.float64) ** 2
    shifted = squared - squared.min()

    def excess(log_precision):
        log_weights = -np.exp(log_precision) * shifted
        p = np.exp(log_weights)
        total = p.sum()
        return np.log(total) - (p @ log_weights) / total - np.log(perplexity)

    center = -np.log(shifted.max())
    precision = np.exp(brentq(excess, center - 20, center + 80, xtol=1e-14, rtol=1e-14))
    p = np.exp(-precision * shifted)
    return precision, p / p.sum()


def gaussian_distances(n_features, n=300, k=90, seed=0):
    """Return distances to nearest neighbors among Gaussian points."""
    X = np.random.default_rng(seed).normal(size=(n, n_features))
    squared = (X**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squared[:, None] + squared - 2 * X @ X.T, 0))
    return np.sort(distances, axis=1)[:, 1 : k + 1].astype(np.float32)


@pytest.mark.parametrize("perplexity", [1.5, 5, 30, 60])
@pytest.mark.parametrize("n_features", [2, 50, 768, 10_000])
def test_fault_1_perplexity_holds_in_any_dimension(n_features, perplexity):
    weights, _, status = calibrate(gaussian_distances(n_features), perplexity)
    assert (status > 0).all()
    np.testing.assert_allclose(effective_perplexity(weights), perplexity, rtol=1e-5)


@pytest.mark.parametrize("n_features", [2, 50, 768])
@pytest.mark.parametrize("perplexity", [3, 30])
def test_agrees_with_double_precision(n_features, perplexity):
    distances = gaussian_distances(n_features, n=120)
    weights, precision, _ = calibrate(distances, perplexity)
    for row, p, beta in zip(distances, weights, precision[:, 0], strict=True):
        expected_beta, expected = reference(row, perplexity)
        np.testing.assert_allclose(beta, expected_beta, rtol=1e-4)
        np.testing.assert_allclose(p, expected, rtol=1e-3, atol=2e-6)


def test_agrees_with_scikit_learn():
    from sklearn.manifold import _utils

    distances = gaussian_distances(10)
    theirs = _utils._binary_search_perplexity(distances**2, 30.0, 0)
    np.testing.assert_allclose(calibrate(distances, 30)[0], theirs, rtol=2e-3, atol=1e-6)


@settings(deadline=None, max_examples=100)
@given(
    st.integers(2, 200),
    st.floats(0.05, 0.95),
    st.floats(-30, 30),
    st.floats(0.1, 40),
    st.integers(0, 2**32 - 1),
)
def test_any_distances(k, share, log_unit, shape, seed):
    distances = np.random.default_rng(seed).gamma(shape, size=(4, k)) * 10**log_unit
    distances = distances.astype(np.float32)
    perplexity = 1 + share * (k - 1)
    weights, _, status = calibrate(distances, perplexity)
    np.testing.assert_allclose(weights.sum(axis=1, dtype=np.float64), 1, rtol=1e-6)
    assert (weights >= 0).all()
    order = np.argsort(distances, axis=1)
    assert (np.diff(np.take_along_axis(weights, order, axis=1), axis=1) <= 0).all()
    reached = np.abs(effective_perplexity(weights) / perplexity - 1) < 1e-5
    # If distances differ by more decades than floats have, the perplexity is missed and reported.
    assert (reached | (status[:, 0] <= 0)).all()
    # A perplexity can only be out of reach if some distances are 0 in single precision.
    if shape > 1:
        assert (status > 0).all()


@pytest.mark.parametrize("value", [0.0, 1.0, 3e38])
def test_all_equidistant(value):
    weights, precision, status = calibrate(np.full((3, 90), value), 30)
    np.testing.assert_allclose(weights, 1 / 90, rtol=1e-6)
    assert (status == native.UNREACHABLE).all()
    assert (precision == 0).all()


def test_more_ties_than_the_perplexity():
    weights, _, status = calibrate([[0] * 45 + [1] * 45], 30)
    assert status[0, 0] == native.UNREACHABLE
    np.testing.assert_allclose(weights[0, :45], 1 / 45, rtol=1e-6)
    assert (weights[0, 45:] == 0).all()


def test_fewer_ties_than_the_perplexity():
    weights, _, status = calibrate([[0] * 20 + [1] * 70], 30)
    assert status[0, 0] > 0
    np.testing.assert_allclose(effective_perplexity(weights), 30, rtol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_distances_that_are_not_finite(bad):
    _, _, status = calibrate([[1, 2, 3, 4], [1, 2, bad, 4]], 2)
    assert status[0, 0] > 0
    assert status[1, 0] == native.NOT_FINITE


@pytest.mark.parametrize("unit", [1e-38, 1e-20, 1e18, 1e37])
def test_any_unit(unit):
    distances = np.linspace(1, 3, 90)[None]
    weights, _, status = calibrate(distances * unit, 30)
    assert status[0, 0] > 0
    np.testing.assert_allclose(weights, calibrate(distances, 30)[0], rtol=2e-4)


def test_few_evaluations():
    _, _, status = calibrate(gaussian_distances(50, n=1_000), 30)
    assert status.mean() < 5
    assert status.max() < 15


@pytest.mark.parametrize("n_threads", [2, 3, 16])
def test_same_bits_for_any_number_of_threads(n_threads):
    distances = np.tile(gaussian_distances(20), (5, 1))
    for expected, got in zip(
        calibrate(distances, [5, 30]),
        calibrate(distances, [5, 30], n_threads=n_threads),
        strict=True,
    ):
        np.testing.assert_array_equal(got, expected)


def test_fault_29_each_scale_is_calibrated_by_itself():
    distances = gaussian_distances(20)
    scales = [30, 5, 60, 2]
    _, together, status = calibrate(distances, scales)
    assert (status > 0).all()
    for h, perplexity in enumerate(scales):
        _, alone, _ = calibrate(distances, perplexity)
        np.testing.assert_allclose(together[:, h], alone[:, 0], rtol=1e-4)


def test_mean_of_scales():
    distances = gaussian_distances(20, n=100)
    weights, _, _ = calibrate(distances, [5, 30])
    for row, p in zip(distances, weights, strict=True):
        expected = (reference(row, 5)[1] + reference(row, 30)[1]) / 2
        np.testing.assert_allclose(p, expected, rtol=1e-3, atol=2e-6)


def test_mixture_of_scales():
    distances = gaussian_distances(4, n=100)
    weights, _, _ = calibrate(distances, [5, 30], mixture=True)
    for row, p in zip(distances, weights, strict=True):
        density = np.zeros(len(row))
        for perplexity in (5, 30):
            beta, _ = reference(row, perplexity)
            density += np.sqrt(beta) * np.exp(-beta * row.astype(np.float64) ** 2)
        np.testing.assert_allclose(p, density / density.sum(), rtol=2e-3, atol=2e-6)


def test_mixture_where_densities_underflow():
    distances = gaussian_distances(768)
    weights, _, status = calibrate(distances, [5, 30], mixture=True)
    assert (status > 0).all()
    np.testing.assert_allclose(weights.sum(axis=1, dtype=np.float64), 1, rtol=1e-6)


@pytest.mark.parametrize("precision", [0.0, 1e-3, 0.7, 1e6, 1e300])
def test_gaussian_weights(precision):
    distances = gaussian_distances(5)
    weights = np.empty_like(distances)
    native.gaussian_weights(distances, precision, weights, 2)
    squared = distances.astype(np.float64) ** 2
    expected = np.exp(-precision * (squared - squared.min(axis=1, keepdims=True)))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(weights, expected, rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize("isa", ["baseline", "avx2"])
def test_every_instruction_set(isa, tmp_path):
    distances = gaussian_distances(50, n=100)
    np.save(tmp_path / "distances.npy", distances)
    code = (
        "import sys, numpy as np; from tsnekit._native import perplexity, system;"
        "d = np.load(sys.argv[1]); w = np.empty_like(d);"
        "perplexity.calibrate(d, np.array([30.0]), False, w, np.empty((len(d), 1)),"
        " np.empty((len(d), 1), np.int32), 1);"
        "np.save(sys.argv[2], w); print(system.instruction_set())"
    )
    paths = [str(tmp_path / "distances.npy"), str(tmp_path / "weights.npy")]
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, *paths],
        env=os.environ | {"TSNEKIT_ISA": isa},
        capture_output=True,
        text=True,
        check=True,
    )
    if done.stdout.strip() != isa:
        pytest.skip(f"this processor has no {isa}")
    weights = np.load(tmp_path / "weights.npy")
    np.testing.assert_allclose(effective_perplexity(weights), 30, rtol=1e-5)
    np.testing.assert_allclose(weights, calibrate(distances, 30)[0], rtol=1e-4, atol=1e-8)
