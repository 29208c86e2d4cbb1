"""Rows and columns for which a metric has no value."""

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist

from helpers.neighbors import problem
from tsnekit.plugins.neighbors.annoy import AnnoySearch
from tsnekit.plugins.neighbors.exact import ExactSearch
from tsnekit.plugins.neighbors.forest import ForestSearch
from tsnekit.plugins.neighbors.hnsw import HNSWSearch
from tsnekit.plugins.neighbors.pynndescent import PyNNDescentSearch

ROW = {"cosine": 0.0, "correlation": 2.5}
SEARCHES = {
    "exact": ExactSearch,
    "annoy": AnnoySearch,
    "forest": ForestSearch,
    "hnsw": HNSWSearch,
    "pynndescent": PyNNDescentSearch,
}


def table(metric, n=200):
    X = np.random.default_rng(0).normal(size=(n, 6))
    X[[3, 77]] = ROW[metric]
    return X


def expected(X, metric):
    with np.errstate(invalid="ignore", divide="ignore"):
        D = cdist(X, X, metric)
    D[[3, 77]] = D[:, [3, 77]] = 1
    D[3, 77] = D[77, 3] = 0
    np.fill_diagonal(D, np.inf)
    return np.sort(D, axis=1)[:, :9]


def fit(search, X, metric, **facts):
    return search.fit(X, problem(X, metric=metric, **facts))


@pytest.mark.parametrize("metric", ROW)
@pytest.mark.parametrize("name", SEARCHES)
def test_rows_without_a_direction(name, metric):
    if metric == "correlation" and name in ("annoy", "hnsw"):
        pytest.skip("does not have the metric")
    X = table(metric)
    found = fit(SEARCHES[name](), X, metric).neighbors(9)
    np.testing.assert_allclose(found.distances, expected(X, metric), atol=1e-6)


@pytest.mark.parametrize("metric", ROW)
def test_sparse_rows_without_a_direction(metric):
    X = table(metric)
    found = fit(ExactSearch(), sparse.csr_matrix(X), metric).neighbors(9)
    np.testing.assert_allclose(found.distances, expected(X, metric), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("metric", ROW)
def test_descent_over_rows_without_a_direction(metric, make):
    X = table(metric)
    found = fit(PyNNDescentSearch(min_rows=0), make(X), metric).neighbors(9)
    true = expected(X, metric)
    # The search is approximate. A missed neighbor is replaced by a later one, at a true distance.
    assert np.mean(found.distances <= true[:, -1:] + 1e-6) >= 0.98
    assert (found.distances >= true - 1e-6).all()
    both_without = [3, 77]
    np.testing.assert_allclose(found.distances[both_without], true[both_without], atol=1e-6)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix])
def test_equal_rows_of_zeros_are_at_distance_0(make):
    X = np.abs(table("cosine"))
    found = fit(ExactSearch(), make(X), "braycurtis").neighbors(9)
    assert found.indices[3, 0] == 77
    assert found.distances[3, 0] == 0
    assert found.distances[3, 1] == 1


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix])
def test_a_row_without_neighbors_is_named(make):
    X = np.abs(table("cosine"))
    message = (
        r"row 3 has a finite .* 1 other.* metric 'jensenshannon' is not defined.*another metric"
    )
    with pytest.raises(ValueError, match=message):
        fit(ExactSearch(), make(X), "jensenshannon").neighbors(9)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("metric", ["seuclidean", "mahalanobis"])
def test_a_constant_column_is_named(metric, make):
    X = np.random.default_rng(0).normal(size=(60, 4))
    X[:, 2] = 0.1
    with pytest.raises(ValueError, match=rf"metric '{metric}' .* column 2 is constant; leave"):
        fit(ExactSearch(), make(X), metric)


def test_dependent_columns_are_refused():
    X = np.random.default_rng(0).normal(size=(60, 3)) * [1, 1e-6, 1e6]
    fit(ExactSearch(), X, "mahalanobis")  # columns may have any scale
    X[:, 2] = X[:, 0] + X[:, 1]
    with pytest.raises(ValueError, match=r"mahalanobis.*columns are dependent.*give VI"):
        fit(ExactSearch(), X, "mahalanobis")
