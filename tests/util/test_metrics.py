"""One name for each metric, and so one numerics."""

import math

import numpy as np
import pytest
from scipy import sparse

from tsnekit._util.metrics import BUILT_IN, canonical_metric, plain_metric
from tsnekit.affinity import PerplexityBasedNN


@pytest.mark.parametrize(
    ("metric", "params", "plain"),
    [
        ("euclidean", None, ("euclidean", None)),
        ("l1", {}, ("manhattan", None)),
        ("nan_euclidean", None, ("euclidean", None)),
        ("nan_euclidean", {"missing_values": -1}, ("nan_euclidean", {"missing_values": -1})),
        ("minkowski", None, ("euclidean", None)),
        ("p", {"p": 1}, ("manhattan", None)),
        ("minkowski", {"p": 2.0, "w": [1, 2]}, ("euclidean", {"w": [1, 2]})),
        ("minkowski", {"p": math.inf}, ("chebyshev", None)),
        ("minkowski", {"p": 3}, ("minkowski", {"p": 3})),
        (max, {"p": 1}, (max, {"p": 1})),
    ],
)
def test_plain_names(metric, params, plain):
    before = None if params is None else dict(params)
    assert plain_metric(metric, params) == plain
    assert params == before


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("metric", ["nan_euclidean", "minkowski"])
def test_another_name_has_the_same_neighbors(metric, convert):
    """The distances of scikit-learn cancel far from the origin."""
    X = np.random.default_rng(0).normal(size=(80, 3)) + 1e8
    found = PerplexityBasedNN(convert(X), perplexity=5, metric=metric).P
    expected = PerplexityBasedNN(X, perplexity=5).P
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.data, expected.data, rtol=1e-4)


def test_the_names_that_suggestions_know_are_those_of_the_libraries():
    from scipy.spatial.distance import cdist
    from sklearn.neighbors import VALID_METRICS

    # Some names of older versions are gone from newer ones, or mean another metric there.
    old = {"kulsinski", "kulczynski1", "wminkowski", "pyfunc"}
    there = {canonical_metric(metric) for metric in VALID_METRICS["brute"]}
    assert not there - old - BUILT_IN
    rows = np.array([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]])
    for name in BUILT_IN - there - old:
        cdist(rows, rows, name)  # SciPy has it
