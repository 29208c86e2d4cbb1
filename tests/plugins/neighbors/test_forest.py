"""The native forest, refined."""

import pickle

import numpy as np
import pytest

from tests.plugins.neighbors.test_annoy import clusters, problem, recall
from tsnekit.plugins.neighbors.exact import ExactSearch
from tsnekit.plugins.neighbors.forest import ForestSearch, has_metric


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "correlation", "manhattan"])
@pytest.mark.parametrize("p", [2, 10, 300])
@pytest.mark.parametrize("k", [5, 60])
def test_recall_at_the_default(metric, p, k):
    if metric == "correlation" and p == 2:
        pytest.skip("the correlation of two features is 1 or -1")
    assert recall(ForestSearch(), clusters(4000, p), k, metric=metric) > 0.98


def test_recall_is_not_a_matter_of_the_trees():
    assert recall(ForestSearch(n_trees=2), clusters(4000, 10), 30) > 0.98


def test_recall_without_clusters():
    """Where one pass is not enough, a sample shows it, and the next one follows more links."""
    X = np.random.default_rng(0).normal(size=(4000, 40))
    assert recall(ForestSearch(), X, 30) > 0.985


def test_recall_of_bits():
    bits = clusters(4000, 64) > 0
    found = ForestSearch().fit(bits, problem(bits, metric="hamming")).neighbors(15)
    truth = ExactSearch().fit(bits, problem(bits, metric="hamming")).neighbors(15)
    assert np.mean(found.distances <= truth.distances[:, -1:]) > 0.98  # there are many ties


def test_new_rows():
    X, new = clusters(4000, 10), clusters(300, 10, seed=0)
    search = ForestSearch().fit(X, problem(X, needs_query=True))
    truth = ExactSearch().fit(X, problem(X)).query(new, 15)
    found = search.query(new, 15)
    hits = [np.isin(a, b).mean() for a, b in zip(found.indices, truth.indices, strict=True)]
    assert np.mean(hits) > 0.98
    assert np.mean(found.distances == truth.distances) > 0.97  # the same kernel, the same bits


def test_the_forest_grows_again_after_pickling():
    X = clusters(3000, 10)
    search = ForestSearch().fit(X, problem(X))
    search.neighbors(15)
    copy = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(copy.query(X[:50], 9).indices, search.query(X[:50], 9).indices)


def test_another_seed_grows_other_trees():
    X = np.random.default_rng(0).normal(size=(3000, 60))  # hard enough that neighbors are missed
    graphs = [ForestSearch().fit(X, problem(X, seed=seed)).neighbors(20) for seed in (1, 2)]
    assert (graphs[0].indices != graphs[1].indices).any()


@pytest.mark.parametrize("option", ["n_trees", "leaf_size"])
def test_options_are_checked(option):
    with pytest.raises(ValueError, match=f"{option} must be at least ., got 0"):
        ForestSearch(**{option: 0})
    with pytest.raises(TypeError, match=f"{option} must be an integer"):
        ForestSearch(**{option: 2.5})


def test_metrics_are_those_of_the_native_layer():
    for name in ("euclidean", "sqeuclidean", "cosine", "correlation", "manhattan", "hamming"):
        assert has_metric(name)
        assert not has_metric(name, True)
    assert not has_metric("jaccard")
