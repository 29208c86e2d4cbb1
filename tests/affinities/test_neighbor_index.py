"""Neighbors that are found once and serve many affinities."""

import numpy as np
import pytest

from helpers.brute_force import BruteForce, brute
from tsnekit.affinity import NeighborIndex, PerplexityBasedNN, Uniform
from tsnekit.interfaces import NeighborGraph, SearchProblem


def test_index_finds_its_neighbors_once(X):
    search = BruteForce()
    index = NeighborIndex.fit(X, search, SearchProblem(n_samples=120, n_features=4))
    full = index.neighbors(40)
    few = index.neighbors(10)
    np.testing.assert_array_equal(few.indices, full.indices[:, :10])
    assert few.distances.flags.c_contiguous
    assert search.searches == [40]
    for bad in (0, 120, 500):
        with pytest.raises(ValueError, match="k"):
            index.neighbors(bad)


def test_an_index_serves_other_affinities(X, new):
    search = BruteForce()
    first = brute(X, method=search)
    second = Uniform(knn_index=first.knn_index, k_neighbors=7)
    assert search.searches == [30]
    assert abs(second.P - Uniform(X, k_neighbors=7, method=BruteForce()).P).max() == 0
    assert second.to_new(new).shape == (7, 120)


def test_a_given_graph(X, new):
    graph = BruteForce().fit(X, SearchProblem(n_samples=120, n_features=4)).neighbors(30)
    affinities = PerplexityBasedNN(knn_index=graph, perplexity=10)
    assert abs(affinities.P - brute(X).P).max() == 0
    with pytest.raises(
        ValueError, match="60 neighbors of each row are needed, but the given graph"
    ):
        affinities.set_perplexity(20)
    with pytest.raises(ValueError, match="only a neighbor graph was given"):
        affinities.to_new(new)


@pytest.mark.parametrize(
    ("indices", "distances", "message"),
    [
        (np.zeros((5, 2)), np.zeros((5, 3)), "the same shape"),
        (np.zeros(5), np.zeros(5), "the same shape"),
        (np.full((5, 2), 5), np.zeros((5, 2)), "from 0 to 4"),
        (np.full((5, 2), -1), np.zeros((5, 2)), "from 0 to 4"),
        (np.ones((5, 2)), np.full((5, 2), np.nan), "finite"),
        (np.ones((5, 2)), np.full((5, 2), -1.0), "not negative"),
    ],
)
def test_a_bad_graph(indices, distances, message):
    with pytest.raises(ValueError, match=message):
        Uniform(knn_index=NeighborGraph(indices, distances), k_neighbors=2)
