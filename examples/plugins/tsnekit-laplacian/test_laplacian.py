"""Tests of the formula and the options of this kernel, and of a map with it."""

import numpy as np
import pytest
from tsnekit_laplacian import LaplacianKernel

from tsnekit import TSNE

DISTANCES = np.sort(np.random.default_rng(0).gamma(9.0, size=(100, 90)), axis=1)


@pytest.mark.parametrize("perplexity", [1.5, 5, 30])
def test_rows_have_the_perplexity(perplexity):
    p = LaplacianKernel(perplexity=perplexity).weights(DISTANCES.astype(np.float32))
    entropy = -(p * np.log(np.maximum(p, 1e-30))).sum(axis=1)
    np.testing.assert_allclose(np.exp(entropy), perplexity, rtol=1e-4)


def test_log_weights_are_linear_in_the_distance():
    log_p = np.log(LaplacianKernel().weights(DISTANCES.astype(np.float32))[0])
    slopes = np.diff(log_p) / np.diff(DISTANCES[0])
    np.testing.assert_allclose(slopes, slopes.mean(), rtol=1e-2)


@pytest.mark.parametrize("perplexity", [0, 0.5, -3, float("nan")])
def test_bad_options_are_refused(perplexity):
    with pytest.raises(ValueError, match="perplexity must be at least 1"):
        LaplacianKernel(perplexity=perplexity)


def test_makes_a_map():
    X = np.random.default_rng(0).normal(size=(120, 5))
    embedding = TSNE(affinity="laplacian", perplexity=10, n_iter=20, random_state=0).fit(X)
    assert np.isfinite(np.asarray(embedding)).all()
    assert embedding.backends["affinity"].origin == "tsnekit-laplacian 0.1.0"
