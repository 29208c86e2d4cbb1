"""Neighbors that are found once and serve many affinities."""

import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
from sklearn.neighbors import kneighbors_graph

from helpers.brute_force import BruteForce, brute
from tsnekit import TSNE
from tsnekit.affinity import MultiscaleMixture, NeighborIndex, PerplexityBasedNN, Uniform
from tsnekit.interfaces import NeighborGraph, SearchProblem
from tsnekit.plugins.neighbors.precomputed import PrecomputedSearch


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


def graph_of(X, k=30):
    return BruteForce().fit(X, SearchProblem(n_samples=120, n_features=4)).neighbors(k)


def with_rows_themselves(graph):
    own = np.arange(120, dtype=np.int32)[:, None]
    return (
        np.concatenate([own, graph.indices], axis=1),
        np.concatenate([np.zeros((120, 1), dtype=np.float32), graph.distances], axis=1),
    )


def shuffled(graph):
    order = np.random.default_rng(0).permuted(np.tile(np.arange(31), (120, 1)), axis=1)
    return tuple(np.take_along_axis(part, order, axis=1) for part in with_rows_themselves(graph))


GRAPHS = [
    lambda graph: (graph.indices, graph.distances),
    lambda graph: (graph.indices.astype(np.int64), graph.distances.astype(np.float64)),
    lambda graph: (graph.indices.tolist(), graph.distances.tolist()),
    lambda graph: (graph.indices[:, ::-1], graph.distances[:, ::-1]),
    with_rows_themselves,
    shuffled,
]


@pytest.mark.parametrize("convert", GRAPHS)
def test_a_given_graph_may_be_in_any_order_and_hold_the_rows_themselves(X, new, convert):
    indices, distances = convert(graph_of(X))
    given = NeighborGraph(indices, distances)
    affinities = PerplexityBasedNN(knn_index=given, perplexity=10)
    assert abs(affinities.P - brute(X).P).max() < 1e-9
    assert affinities.P.diagonal().max() == 0
    with pytest.raises(ValueError, match="only a neighbor graph was given"):
        affinities.to_new(new)
    read = TSNE(neighbors=PrecomputedSearch(graph=(indices, distances)), perplexity=10)
    assert abs(read.prepare_initial(X).affinities.P - affinities.P).max() == 0


def test_a_graph_with_only_some_of_the_rows_themselves(X):
    graph = graph_of(X)
    indices, distances = graph.indices.copy(), graph.distances.copy()
    indices[::2, 1:], distances[::2, 1:] = indices[::2, :-1], distances[::2, :-1]
    indices[::2, 0], distances[::2, 0] = np.arange(0, 120, 2), 0
    taken = NeighborIndex.from_graph(NeighborGraph(indices, distances)).graph
    np.testing.assert_array_equal(taken.indices, graph.indices[:, :29])
    np.testing.assert_array_equal(taken.distances, graph.distances[:, :29])


def test_a_perplexity_too_large_for_a_graph_is_a_third_of_its_neighbors(X):
    graph = graph_of(X)
    with pytest.warns(UserWarning, match="perplexity 30 is too large for 30 neighbors .* 10 is"):
        affinities = PerplexityBasedNN(knn_index=graph, perplexity=30)
    assert abs(affinities.P - brute(X).P).max() == 0
    assert (affinities.perplexity, affinities.effective_perplexity_) == (30, 10)
    affinities.set_perplexity(5)
    assert affinities.effective_perplexity_ == 5
    with pytest.warns(UserWarning, match="perplexity 40 is too large for 30 neighbors .* 10 is"):
        affinities.set_perplexity(40)
    with pytest.warns(UserWarning, match="perplexity 300 is too large for 30 neighbors"):
        several = MultiscaleMixture(knn_index=graph, perplexities=[5, 300])
    assert several.effective_perplexities_ == (5, 10)
    with pytest.warns(UserWarning, match="k_neighbors=50 is too large: each row has 30 neighbors"):
        assert Uniform(knn_index=graph, k_neighbors=50).P.nnz > 0


@pytest.mark.parametrize(
    "given",
    [
        lambda X: {"X": X, "neighbors": PrecomputedSearch(graph=with_rows_themselves(graph_of(X)))},
        lambda X: {"X": kneighbors_graph(X, 30, mode="distance"), "metric": "precomputed"},
    ],
)
def test_every_kind_of_given_neighbors_lowers_the_perplexity_alike(X, given):
    parameters = given(X)
    data = parameters.pop("X")
    with pytest.warns(UserWarning, match="perplexity 25 is too large for 30 neighbors .* 10 is"):
        embedding = TSNE(perplexity=25, **parameters).prepare_initial(data)
    assert embedding.affinities.effective_perplexity_ == 10
    np.testing.assert_allclose(embedding.affinities.P.toarray(), brute(X).P.toarray(), atol=1e-8)


@pytest.mark.parametrize(
    ("indices", "distances", "error", "message"),
    [
        (np.zeros((5, 2), int), np.zeros((5, 3)), ValueError, "the same shape"),
        (np.zeros(5, int), np.zeros(5), ValueError, "the same shape"),
        (np.zeros((5, 2)), np.zeros((5, 2)), TypeError, "must be integers, got float64"),
        (np.full((5, 2), 5), np.zeros((5, 2)), ValueError, "from 0 to 4, got 5 to 5"),
        (np.full((5, 2), -1), np.zeros((5, 2)), ValueError, "from 0 to 4, got -1 to -1"),
        (np.ones((5, 2), int), np.zeros((5, 2)), ValueError, "row 0 has one twice"),
        (
            np.arange(5)[:, None],
            np.zeros((5, 1)),
            ValueError,
            "neighbors other than the row itself",
        ),
        (np.ones((5, 1), int), np.full((5, 1), np.nan), ValueError, "finite"),
        (np.ones((5, 1), int), np.full((5, 1), -1.0), ValueError, "not negative"),
        (np.ones((5, 1), int), np.full((5, 1), 1e300), ValueError, "single precision"),
        (np.ones((5, 1), int), np.full((5, 1), 1j), TypeError, "must be real numbers"),
    ],
)
def test_a_bad_graph(indices, distances, error, message):
    with pytest.raises(error, match=message):
        Uniform(knn_index=NeighborGraph(indices, distances), k_neighbors=1)
    with pytest.raises(error, match=message):
        PrecomputedSearch(graph=(indices, distances))


def test_threads_share_an_index(X, new):
    """All threads share one search, and no thread sees an unfinished search."""

    class Slow(BruteForce):
        busy = 0

        def fit(self, X, problem):
            with self.alone():
                return super().fit(X, problem)

        def neighbors(self, k):
            with self.alone():
                return super().neighbors(k)

        def query(self, X, k):
            with self.alone():
                return super().query(X, k)

        @contextmanager
        def alone(self):
            assert Slow.busy == 0, "two threads search at once"
            Slow.busy += 1
            time.sleep(0.01)
            yield
            Slow.busy -= 1

    search = Slow()
    problem = SearchProblem(n_samples=120, n_features=4)
    index = NeighborIndex(120, search=search, problem=problem, data=X)
    expected = graph_of(X, 20).indices
    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(index.neighbors, 20) for _ in range(8)]
        queried = [pool.submit(index.query, new, 3) for _ in range(8)]
        for each in found:
            np.testing.assert_array_equal(each.result().indices, expected)
        assert len({each.result().indices.tobytes() for each in queried}) == 1
    assert search.searches == [20]
    again = pickle.loads(pickle.dumps(PerplexityBasedNN(X, perplexity=5).knn_index))
    assert again.neighbors(3).indices.shape == (120, 3)
