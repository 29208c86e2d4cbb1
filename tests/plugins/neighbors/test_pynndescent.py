"""PyNNDescent, without waiting for it to compile."""

import logging
import operator

import numpy as np
import pytest
from scipy import sparse

from tsnekit.interfaces import SearchProblem
from tsnekit.plugins.neighbors.exact import ExactSearch
from tsnekit.plugins.neighbors.pynndescent import PyNNDescentSearch, can_compile, has_metric


def problem(X, **facts):
    return SearchProblem(
        n_samples=X.shape[0], n_features=X.shape[1], sparse=sparse.issparse(X), **facts
    )


class FakeIndex:
    """What PyNNDescent found, with the gaps that it may leave."""

    def __init__(self, X, k):
        D = np.linalg.norm(X[:, None] - X, axis=2)
        indices = np.argsort(D, axis=1, kind="stable")[:, :k].astype(np.int32)
        self.neighbor_graph = indices, np.take_along_axis(D, indices, axis=1).astype(np.float32)
        self.n_neighbors = k
        for row in (3, 50):
            for part, gap in zip(self.neighbor_graph, (-1, np.inf), strict=True):
                part[row, k // 2 :] = gap


@pytest.mark.parametrize("metric", ["euclidean", "minkowski"])
def test_fault_16_gaps_are_filled_by_true_neighbors(metric):
    """A neighbor of -1 is no neighbor."""
    X = np.random.default_rng(0).normal(size=(120, 5)).astype(np.float32)
    search = PyNNDescentSearch(min_rows=0).fit(X, problem(X, metric=metric))
    search._index = FakeIndex(X, 13)
    graph = search.neighbors(12)
    truth = ExactSearch().fit(X, problem(X, metric=metric)).neighbors(12)
    np.testing.assert_array_equal(graph.indices, truth.indices)
    np.testing.assert_allclose(graph.distances, truth.distances, rtol=1e-5)


def test_few_rows_are_searched_exhaustively(caplog):
    X = np.random.default_rng(0).normal(size=(300, 5))
    with caplog.at_level(logging.INFO, "tsnekit"):
        graph = PyNNDescentSearch().fit(X, problem(X)).neighbors(7)
    assert "too few rows" in caplog.text
    truth = ExactSearch().fit(X, problem(X)).neighbors(7)
    np.testing.assert_array_equal(graph.indices, truth.indices)


def test_metrics_are_those_that_mean_what_scipy_means():
    for name in ("euclidean", "cosine", "correlation", "canberra", "jaccard", "haversine"):
        assert has_metric(name)
    # inner products are no distances; SciPy takes the scale of seuclidean from the data, and
    # its russellrao puts a row at some distance from itself
    for name in ("dot", "inner_product", "seuclidean", "russellrao", "nonsense"):
        assert not has_metric(name)
    assert has_metric("jaccard", True)
    assert not has_metric("haversine", True)


def test_functions_that_can_be_compiled():
    import numba

    def plain(a, b):
        total = 0.0
        for i in range(a.shape[0]):
            total += abs(a[i] - b[i])
        return total

    assert can_compile(plain)
    assert can_compile(numba.njit(plain))
    assert not can_compile(lambda a, b: operator.length_hint(a) + object())
    assert not can_compile(print)


@pytest.mark.parametrize("option", ["n_trees", "n_iters"])
def test_options_are_checked(option):
    with pytest.raises(ValueError, match=f"{option} must be at least 1"):
        PyNNDescentSearch(**{option: 0})
    with pytest.raises(TypeError, match="min_rows must be an integer"):
        PyNNDescentSearch(min_rows=None)
