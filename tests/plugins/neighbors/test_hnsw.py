"""The search by hnswlib."""

import numpy as np
import pytest

from helpers.neighbors import problem, recall
from tsnekit.plugins.neighbors.hnsw import HNSWSearch, has_metric


@pytest.fixture
def sorted_clusters():
    """Rows sorted by cluster. A graph that is built in this order is bad."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(30, 20)) * 10
    return (np.repeat(centers, 100, axis=0) + rng.normal(size=(3000, 20))).astype(np.float32)


@pytest.mark.parametrize("k", [5, 30, 90])
def test_recall_of_sorted_rows(sorted_clusters, k):
    assert recall(HNSWSearch(), sorted_clusters, k, n_jobs=2) > 0.98


@pytest.mark.parametrize("option", ["M", "ef_construction", "ef"])
def test_options_are_checked(option):
    with pytest.raises(ValueError, match=f"{option} must be at least"):
        HNSWSearch(**{option: 0})
    with pytest.raises(TypeError, match=f"{option} must be an integer"):
        HNSWSearch(**{option: "many"})


def test_ef_below_k_does_no_harm(sorted_clusters):
    X = sorted_clusters[:500]
    graph = HNSWSearch(ef=1).fit(X, problem(X)).neighbors(40)
    assert graph.indices.min() >= 0


def test_metrics_are_hnswlibs():
    assert has_metric("euclidean")
    assert has_metric("cosine")
    # hnswlib also has "ip", which is not a distance
    for name in ("ip", "manhattan", "correlation", "nonsense"):
        assert not has_metric(name)
    assert not has_metric("euclidean", True)
