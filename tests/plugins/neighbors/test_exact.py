"""Exact search: options, trees, metrics and precision."""

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist

from helpers.neighbors import problem
from tsnekit.plugins.neighbors import exact
from tsnekit.plugins.neighbors.exact import ExactSearch, has_metric
from tsnekit.plugins.neighbors.pynndescent import PyNNDescentSearch


def fit(X, metric="euclidean", *, algorithm="auto", **facts):
    return ExactSearch(algorithm=algorithm).fit(X, problem(X, metric=metric, **facts))


@pytest.fixture
def plane():
    return np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "cosine", "chebyshev", "haversine"])
def test_a_tree_finds_what_measuring_every_pair_does(plane, metric):
    brute = fit(plane, metric, algorithm="brute")
    tree = fit(plane, metric, algorithm="tree", n_jobs=2)
    np.testing.assert_allclose(
        tree.neighbors(9).distances, brute.neighbors(9).distances, rtol=1e-5, atol=1e-6
    )
    new = plane[:20] + np.float32(0.01)
    np.testing.assert_allclose(
        tree.query(new, 9).distances, brute.query(new, 9).distances, rtol=1e-5, atol=1e-6
    )


def test_many_rows_of_few_features_get_a_tree(monkeypatch, plane):
    asked = []
    original = exact._RowScan._ask_tree
    monkeypatch.setattr(
        exact._RowScan,
        "_ask_tree",
        lambda self, *args, **kwargs: asked.append(1) or original(self, *args, **kwargs),
    )
    fit(plane).neighbors(3)
    assert not asked
    monkeypatch.setattr(exact, "TREE_MIN_ROWS", 500)
    fit(plane).neighbors(3)
    assert asked


@pytest.mark.parametrize("metric", ["hamming", "canberra"])
def test_no_tree_for_the_metric(plane, metric):
    with pytest.raises(ValueError, match=r"algorithm='tree'.*" + metric):
        fit(plane, metric, algorithm="tree")


def test_unknown_algorithm():
    with pytest.raises(ValueError, match=r"algorithm must be one of .*'kd'"):
        ExactSearch(algorithm="kd")


def test_metrics_are_those_of_scipy_and_scikit_learn():
    assert has_metric("canberra")
    assert has_metric("jensenshannon")  # only in SciPy
    assert has_metric("haversine")  # only in scikit-learn
    assert has_metric("canberra", True)
    assert not has_metric("haversine", True)
    assert not has_metric("precomputed")
    assert not has_metric("angular")


def test_near_duplicates_far_from_the_origin():
    """|x|^2 + |y|^2 - 2 x.y, a difference of large numbers, would lose these distances."""
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(200, 20)) * 1e-3).astype(np.float32) + np.float32(100)
    graph = fit(X).neighbors(5)
    D = cdist(X.astype(float), X.astype(float))
    np.fill_diagonal(D, np.inf)
    np.testing.assert_allclose(graph.distances, np.sort(D, axis=1)[:, :5], rtol=1e-5)


def test_many_features():
    X = np.random.default_rng(0).normal(size=(60, 20_000))
    D = cdist(X, X)
    np.fill_diagonal(D, np.inf)
    found = fit(X).neighbors(5).distances
    np.testing.assert_allclose(found, np.sort(D, axis=1)[:, :5], rtol=1e-5)


def test_scale_of_seuclidean_and_mahalanobis_is_that_of_pdist():
    from scipy.spatial.distance import pdist, squareform

    X = np.random.default_rng(0).normal(size=(80, 4)) * [1, 2, 3, 4]
    for metric in ("seuclidean", "mahalanobis"):
        D = squareform(pdist(X, metric))
        np.fill_diagonal(D, np.inf)
        found = fit(X, metric).neighbors(6).distances
        np.testing.assert_allclose(found, np.sort(D, axis=1)[:, :6], rtol=1e-5)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix])
def test_weights_of_a_metric(metric, make):
    X = np.random.default_rng(0).normal(size=(80, 4))
    w = np.array([1.0, 0, 5, 2])
    D = cdist(X, X, metric, w=w)
    np.fill_diagonal(D, np.inf)
    found = fit(make(X), metric, metric_params={"w": w}).neighbors(6).distances
    np.testing.assert_allclose(found, np.sort(D, axis=1)[:, :6], rtol=1e-5)


@pytest.mark.parametrize(
    ("metric", "params", "message"),
    [
        ("minkowski", {"q": 3}, "'q' cannot be used with metric 'minkowski'"),
        (lambda a, b: 0.0, {"q": 3}, "'q' cannot be used with metric <lambda>"),
    ],
)
@pytest.mark.parametrize("search", [ExactSearch(), PyNNDescentSearch(min_rows=0)])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix])
def test_params_that_a_metric_cannot_use_are_refused(plane, search, make, metric, params, message):
    X = make(plane)
    with pytest.raises(ValueError, match=message):
        search.fit(X, problem(X, metric=metric, metric_params=params))
