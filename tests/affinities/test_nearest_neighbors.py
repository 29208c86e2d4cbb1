"""Searches and known neighbors, by the names of openTSNE."""

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors, kneighbors_graph

from tsnekit import TSNE, nearest_neighbors
from tsnekit.affinity import NeighborIndex, PerplexityBasedNN

SEARCHES = ["Sklearn", "Annoy", "NNDescent", "HNSW", "KNNIndex"]


@pytest.mark.parametrize("name", SEARCHES)
def test_searches_by_name(X, new, name):
    index = getattr(nearest_neighbors, name)(X, 15, metric="cosine", random_state=0, n_jobs=2)
    assert isinstance(index, NeighborIndex)
    indices, distances = index.build()
    found = NearestNeighbors(n_neighbors=15, metric="cosine").fit(X).kneighbors()
    np.testing.assert_allclose(distances[:, :5], found[0][:, :5], rtol=1e-3, atol=1e-6)
    assert indices.shape == (120, 15)
    indices, distances = index.query(new, 3)
    assert indices.shape == distances.shape == (7, 3)
    affinities = PerplexityBasedNN(perplexity=5, knn_index=index)
    assert affinities.to_new(new).shape == (7, 120)


def test_options_of_a_search_and_bad_ones(X):
    assert nearest_neighbors.HNSW(X, 5, ef=50, random_state=0).build()[0].shape == (120, 5)
    with pytest.raises(TypeError, match="'efs' is not an option of 'hnsw'"):
        nearest_neighbors.HNSW(X, 5, efs=50)
    with pytest.raises(ValueError, match="k must be at least 1"):
        nearest_neighbors.Sklearn(X, 0)


@pytest.mark.parametrize("with_self", [False, True])
def test_precomputed_neighbors(X, with_self):
    tree = NearestNeighbors(n_neighbors=30).fit(X)
    distances, indices = tree.kneighbors(X if with_self else None)
    index = nearest_neighbors.PrecomputedNeighbors(indices, distances)
    built, lengths = index.build()
    assert built.shape == lengths.shape == (120, 29 if with_self else 30)
    assert not (built == np.arange(120)[:, None]).any()
    P = PerplexityBasedNN(perplexity=9, knn_index=index).P
    assert abs(P - PerplexityBasedNN(X, perplexity=9).P).max() < 1e-9
    with pytest.raises(ValueError, match="must not name a neighbor of a row twice"):
        nearest_neighbors.PrecomputedNeighbors(np.zeros((5, 2), int), np.zeros((5, 2)))


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_matrix])
def test_precomputed_distances(X, convert):
    index = nearest_neighbors.PrecomputedDistanceMatrix(convert(cdist(X, X)), k=30)
    assert index.build()[0].shape == (120, 30)
    P = PerplexityBasedNN(perplexity=10, knn_index=index).P
    assert abs(P - PerplexityBasedNN(X, perplexity=10).P).max() < 1e-8
    some = nearest_neighbors.PrecomputedDistanceMatrix(kneighbors_graph(X, 8, mode="distance"))
    assert some.build()[0].shape == (120, 8)
    with pytest.raises(ValueError, match="square"):
        nearest_neighbors.PrecomputedDistanceMatrix(X)


def test_known_neighbors_are_refused_as_a_search(X):
    index = nearest_neighbors.Sklearn(X, 5)
    for use in (lambda: TSNE(neighbors=index).fit(X), lambda: PerplexityBasedNN(X, method=index)):
        with pytest.raises(TypeError, match="give known neighbors as knn_index to a class"):
            use()
