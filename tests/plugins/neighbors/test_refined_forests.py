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


@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_rows_keep_their_names_in_another_order(monkeypatch, copies, n_jobs):
    """Many rows are searched leaf by leaf, but lists name the rows of the data."""
    monkeypatch.setattr(forest, "FEW_ROWS", 100)
    few = np.unique(np.round(clusters(2500, 4)), axis=0)  # whose distances have many ties
    X = np.random.default_rng(0).permutation(np.repeat(few, copies, axis=0))
    fitted = ForestSearch().fit(X, problem(X, needs_query=True, n_jobs=n_jobs))
    new = X[:200] + np.float32(0.5)
    among, others = fitted.neighbors(20), fitted.query(new, 20)
    truth = exact(X)
    for rows, graph, true in (
        (X, among, truth.neighbors(20)),
        (new, others, truth.query(new, 20)),
    ):
        assert np.mean(graph.distances <= true.distances[:, -1:]) > 0.98
        away = np.sqrt(((rows[:, None].astype(float) - X[graph.indices]) ** 2).sum(axis=2))
        np.testing.assert_allclose(graph.distances, away, rtol=1e-6)
        ties = np.diff(graph.distances, axis=1) == 0
        assert ties.any()
        if copies == 1:
            assert (np.diff(graph.indices, axis=1)[ties] > 0).all()
    assert (among.indices != np.arange(len(X))[:, None]).all()


@both
def test_the_forest_grows_again_after_pickling(search):
    X = clusters(3000, 10)
    fitted = search().fit(X, problem(X))
    fitted.neighbors(15)
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.query(X[:50], 9).indices, fitted.query(X[:50], 9).indices)


@both
def test_another_seed_grows_other_trees(search):
    X = np.random.default_rng(0).normal(size=(3000, 25))  # a few neighbors are missed
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
