"""The kernels of several perplexities."""

import numpy as np
import pytest

from helpers.weights import distances
from tsnekit.plugins.affinities.multiscale import MultiscaleKernel
from tsnekit.plugins.affinities.multiscale_mixture import MultiscaleMixtureKernel
from tsnekit.plugins.affinities.perplexity import PerplexityKernel

KERNELS = [MultiscaleKernel, MultiscaleMixtureKernel]


@pytest.mark.parametrize("kind", KERNELS)
def test_one_scale_is_the_perplexity_kernel(kind):
    rows = distances(100, 60)
    np.testing.assert_allclose(
        kind(perplexities=[20]).weights(rows), PerplexityKernel(perplexity=20).weights(rows)
    )


def test_multiscale_is_the_mean_of_its_scales():
    rows = distances(100, 60)
    scales = [PerplexityKernel(perplexity=value, k_neighbors=60).weights(rows) for value in (5, 20)]
    np.testing.assert_allclose(
        MultiscaleKernel(perplexities=(5, 20)).weights(rows),
        np.mean(scales, axis=0),
        rtol=1e-4,
        atol=1e-8,
    )


def test_mixture_is_the_sum_of_gaussian_densities():
    rows = distances(100, 60)
    density = np.zeros(rows.shape)
    for value in (5, 20):
        found = PerplexityKernel(perplexity=value, k_neighbors=60).calibrate(rows)
        density += np.sqrt(found.precision) * np.exp(-found.precision * rows.astype(float) ** 2)
    np.testing.assert_allclose(
        MultiscaleMixtureKernel(perplexities=(5, 20)).weights(rows),
        density / density.sum(axis=1, keepdims=True),
        rtol=1e-3,
        atol=1e-7,
    )


@pytest.mark.parametrize("kind", KERNELS)
def test_fault_29_order_of_scales_does_not_matter(kind):
    rows = distances(200, 90)
    np.testing.assert_allclose(
        kind(perplexities=[30, 5]).weights(rows),
        kind(perplexities=[5, 30]).weights(rows),
        rtol=1e-3,
        atol=1e-8,
    )
    assert kind(perplexities=[30, 5]).calibrate(rows).converged.all()


@pytest.mark.parametrize("kind", KERNELS)
def test_too_large_perplexities_become_one_with_one_warning(kind):
    kernel = kind(perplexities=[5, 100, 300])
    with pytest.warns(UserWarning, match="perplexity 300 is too large for 90 neighbors") as record:
        assert kernel.n_neighbors(91) == 90
    assert len(record) == 1
    assert kernel.calibrate(distances(91, 90)).precision.shape == (91, 2)


@pytest.mark.parametrize("kind", KERNELS)
@pytest.mark.parametrize("perplexity", [30, 30.0, np.float32(30), np.array(30)])
def test_a_scalar_is_one_perplexity(kind, perplexity):
    kernel = kind(perplexities=perplexity)
    assert kernel.perplexities == (30.0,)
    assert kernel.n_neighbors(10_000) == 90


@pytest.mark.parametrize("kind", KERNELS)
@pytest.mark.parametrize("perplexities", [[30, 300], (30, 300.0), np.array([30, 300])])
def test_number_of_neighbors(kind, perplexities):
    assert kind(perplexities=perplexities).n_neighbors(10_000) == 900


@pytest.mark.parametrize("kind", KERNELS)
@pytest.mark.parametrize(
    ("perplexities", "error"),
    [
        (None, TypeError),
        ("30", TypeError),
        ([], TypeError),
        ([30, 0], ValueError),
        ([30, np.nan], ValueError),
        ([30, "300"], TypeError),
    ],
)
def test_bad_perplexities(kind, perplexities, error):
    with pytest.raises(error, match="perplexities"):
        kind(perplexities=perplexities)
