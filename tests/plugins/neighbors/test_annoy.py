"""Annoy, refined."""

import numpy as np
import pytest

from tsnekit.interfaces import SearchProblem
from tsnekit.plugins.neighbors.annoy import AnnoySearch, has_metric
from tsnekit.plugins.neighbors.exact import ExactSearch


def problem(X, **facts):
    return SearchProblem(n_samples=X.shape[0], n_features=X.shape[1], **facts)


def clusters(n, p, seed=0):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(20, p)) * 2
    return (centers[rng.integers(20, size=n)] + rng.normal(size=(n, p))).astype(np.float32)


def recall(search, X, k, **facts):
    found = search.fit(X, problem(X, **facts)).neighbors(k)
    truth = ExactSearch().fit(X, problem(X, **facts)).neighbors(k)
    hits = [np.isin(a, b).mean() for a, b in zip(found.indices, truth.indices, strict=True)]
    return np.mean(hits)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("p", [2, 10, 300])
@pytest.mark.parametrize("k", [5, 60])
def test_recall_at_the_default(metric, p, k):
    assert recall(AnnoySearch(), clusters(4000, p), k, metric=metric) > 0.98


def test_recall_is_not_a_matter_of_the_trees():
    assert recall(AnnoySearch(n_trees=1), clusters(4000, 10), 30) > 0.98


def test_recall_without_clusters():
    """Rows without any structure in many dimensions are the hardest to search."""
    X = np.random.default_rng(0).normal(size=(4000, 40))
    assert recall(AnnoySearch(), X, 30) > 0.95


def test_new_rows():
    X, new = clusters(4000, 10), clusters(300, 10, seed=0)
    search = AnnoySearch().fit(X, problem(X, needs_query=True))
    truth = ExactSearch().fit(X, problem(X)).query(new, 15)
    found = search.query(new, 15)
    hits = [np.isin(a, b).mean() for a, b in zip(found.indices, truth.indices, strict=True)]
    assert np.mean(hits) > 0.98
    assert np.mean(found.distances == truth.distances) > 0.97  # the same kernel, the same bits


def test_another_seed_grows_other_trees():
    X = np.random.default_rng(0).normal(size=(3000, 60))  # hard enough that neighbors are missed
    graphs = [AnnoySearch().fit(X, problem(X, seed=seed)).neighbors(20) for seed in (1, 2)]
    assert (graphs[0].indices != graphs[1].indices).any()


@pytest.mark.parametrize("n_trees", [0, -3])
def test_too_few_trees(n_trees):
    with pytest.raises(ValueError, match=f"n_trees must be at least 1, got {n_trees}"):
        AnnoySearch(n_trees=n_trees)


def test_number_of_trees_is_an_integer():
    with pytest.raises(TypeError, match="n_trees must be an integer"):
        AnnoySearch(n_trees=2.5)


def test_metrics_are_annoys():
    assert [has_metric(name) for name in ("euclidean", "cosine", "manhattan", "hamming")] == [
        True
    ] * 4
    # "dot" and "angular" are Annoy's, but no distances that SciPy knows
    for name in ("dot", "angular", "correlation", "jaccard", "nonsense"):
        assert not has_metric(name)
    assert not has_metric("euclidean", True)


@pytest.mark.slow
def test_mnist_at_the_default():
    from tests.conftest import MNIST

    if not MNIST.exists():
        pytest.skip(f"{MNIST} is not there")
    X = np.load(MNIST)["X"][::7].astype(np.float32).reshape(10_000, -1) / 255
    assert recall(AnnoySearch(), X, 90, n_jobs=2) > 0.98
