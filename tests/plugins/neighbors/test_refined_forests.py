"""Annoy and the native forest, refined."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from helpers.neighbors import exact, problem, recall, share_found
from tsnekit.plugins.neighbors import annoy, forest
from tsnekit.plugins.neighbors.annoy import AnnoySearch
from tsnekit.plugins.neighbors.forest import ForestSearch

MNIST = Path(__file__).parents[4] / "shared" / "data" / "mnist70k.npz"

both = pytest.mark.parametrize("search", [AnnoySearch, ForestSearch])


def clusters(n, p, seed=0):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(20, p)) * 2
    return (centers[rng.integers(20, size=n)] + rng.normal(size=(n, p))).astype(np.float32)


@both
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "correlation", "manhattan"])
@pytest.mark.parametrize("p", [2, 10, 300])
@pytest.mark.parametrize("k", [5, 60])
def test_recall_at_the_default(search, metric, p, k):
    if metric == "correlation" and search is AnnoySearch:
        pytest.skip("Annoy does not have it")
    if metric == "correlation" and p == 2:
        pytest.skip("the correlation of two features is 1 or -1")
    assert recall(search(), clusters(4000, p), k, metric=metric) > 0.98


@pytest.mark.parametrize("search", [AnnoySearch(n_trees=1), ForestSearch(n_trees=2)])
def test_recall_in_few_features(search):
    assert recall(search, clusters(4000, 10), 30) > 0.98


@both
def test_recall_without_clusters(search):
    """If a sample shows that one pass is not enough, the next pass follows more links."""
    X = np.random.default_rng(0).normal(size=(4000, 40))
    assert recall(search(), X, 30) > 0.985


@both
def test_recall_of_bits(search):
    bits = clusters(4000, 64) > 0
    found = search().fit(bits, problem(bits, metric="hamming")).neighbors(15)
    truth = exact(bits, metric="hamming").neighbors(15)
    assert np.mean(found.distances <= truth.distances[:, -1:]) > 0.98  # there are many ties


@both
def test_new_rows(search):
    X, new = clusters(4000, 10), clusters(300, 10, seed=0)
    found = search().fit(X, problem(X, needs_query=True)).query(new, 15)
    truth = exact(X).query(new, 15)
    assert share_found(found, truth) > 0.98
    assert np.mean(found.distances == truth.distances) > 0.97  # the same kernel, the same bits


@both
def test_the_forest_grows_again_after_pickling(search):
    X = clusters(3000, 10)
    fitted = search().fit(X, problem(X))
    fitted.neighbors(15)
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.query(X[:50], 9).indices, fitted.query(X[:50], 9).indices)


@both
def test_another_seed_grows_other_trees(search):
    X = np.random.default_rng(0).normal(size=(3000, 60))  # so hard that some neighbors are missed
    graphs = [search().fit(X, problem(X, seed=seed)).neighbors(20) for seed in (1, 2)]
    assert (graphs[0].indices != graphs[1].indices).any()


@pytest.mark.parametrize(
    ("search", "option", "least"),
    [(AnnoySearch, "n_trees", 1), (ForestSearch, "n_trees", 2), (ForestSearch, "leaf_size", 2)],
)
def test_options_are_checked(search, option, least):
    for few in (least - 1, -3):
        with pytest.raises(ValueError, match=f"{option} must be at least {least}, got {few}"):
            search(**{option: few})
    with pytest.raises(TypeError, match=f"{option} must be an integer"):
        search(**{option: 2.5})


def test_metrics_are_annoys():
    for name in ("euclidean", "cosine", "manhattan", "hamming"):
        assert annoy.has_metric(name)
    # Annoy also has "dot" and "angular", which are not distances of SciPy
    for name in ("dot", "angular", "correlation", "jaccard", "nonsense"):
        assert not annoy.has_metric(name)
    assert not annoy.has_metric("euclidean", True)


def test_metrics_are_those_of_the_native_layer():
    for name in ("euclidean", "sqeuclidean", "cosine", "correlation", "manhattan", "hamming"):
        assert forest.has_metric(name)
        assert not forest.has_metric(name, True)
    assert not forest.has_metric("jaccard")


@pytest.mark.slow
@both
def test_mnist_at_the_default(search):
    if not MNIST.exists():
        pytest.skip(f"{MNIST} is not there")
    X = np.load(MNIST)["X"][::7].astype(np.float32).reshape(10_000, -1) / 255
    assert recall(search(), X, 90, n_jobs=2) > 0.98
