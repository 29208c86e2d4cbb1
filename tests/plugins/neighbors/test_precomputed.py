"""Distances and graphs that another program computed."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.neighbors import KNeighborsTransformer, kneighbors_graph

from helpers.neighbors import exact, problem
from tsnekit.plugins.neighbors.precomputed import PrecomputedSearch


def fit(X, **options):
    return PrecomputedSearch(**options).fit(X, problem(X, metric="precomputed"))


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(100, 4))


@pytest.fixture
def truth(rows):
    return exact(rows).neighbors(8)


def same(graph, truth):
    np.testing.assert_array_equal(graph.indices, truth.indices)
    np.testing.assert_allclose(graph.distances, truth.distances, rtol=1e-5)


def test_graph_of_scikit_learn(rows, truth):
    graph = kneighbors_graph(rows, 8, mode="distance")
    same(fit(graph).neighbors(8), truth)


def test_transformer_of_scikit_learn_which_counts_the_row_itself(rows, truth):
    graph = KNeighborsTransformer(n_neighbors=8, mode="distance").fit_transform(rows)
    assert graph.nnz == 100 * 9
    same(fit(graph).neighbors(8), truth)


def test_a_stored_zero_is_a_distance(rows):
    twice = np.concatenate([rows, rows])
    graph = kneighbors_graph(twice, 3, mode="distance")
    found = fit(graph).neighbors(3)
    np.testing.assert_array_equal(found.indices[:, 0], (np.arange(200) + 100) % 200)
    np.testing.assert_allclose(found.distances[:, 0], 0, atol=1e-6)


@pytest.mark.parametrize("with_self", [False, True])
def test_pair_of_indices_and_distances(rows, truth, with_self):
    own = np.arange(100)[:, None]
    indices, distances = truth.indices, truth.distances
    if with_self:
        indices = np.concatenate([indices, own], axis=1)
        distances = np.concatenate([distances, np.zeros((100, 1))], axis=1)
    flipped = (indices[:, ::-1], distances[:, ::-1])
    search = fit(rows, graph=flipped)
    same(search.neighbors(8), truth)
    with pytest.raises(ValueError, match="k=9 neighbors are needed, but the graph only has 8"):
        search.neighbors(9)
    with pytest.raises(ValueError, match="new rows"):
        search.query(rows, 3)


def test_distances_that_are_not_symmetric_are_read_by_row(rows):
    D = np.random.default_rng(1).random((30, 30))
    np.fill_diagonal(D, 0)
    graph = fit(D).neighbors(4)
    np.fill_diagonal(D, np.inf)
    np.testing.assert_array_equal(graph.indices, np.argsort(D, axis=1)[:, :4])


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix])
def test_the_diagonal_is_zero(rows, truth, make):
    D = np.linalg.norm(rows[:, None] - rows, axis=2)
    np.fill_diagonal(D, 1e-6)  # as rounding may make it
    same(fit(make(D)).neighbors(8), truth)
    np.fill_diagonal(D, 0)
    D[3, 3] = 1
    with pytest.raises(ValueError, match=r"diagonal .* must be 0, but row 3 is at distance 1 from"):
        fit(make(D))


def test_similarities_are_refused(rows):
    similarities = np.exp(-np.linalg.norm(rows[:, None] - rows, axis=2))
    with pytest.raises(ValueError, match="matrix of similarities"):
        fit(similarities)


def test_too_few_stored_distances(rows):
    graph = kneighbors_graph(rows, 5, mode="distance")
    with pytest.raises(ValueError, match="row 0 of the sparse matrix only holds 5"):
        fit(graph).neighbors(6)


@pytest.mark.parametrize(
    ("distances", "message"),
    [
        (np.ones((3, 4)), r"square matrix of distances, got \(3, 4\)"),
        (np.full((3, 3), -1.0), "not negative"),
        (np.full((3, 3), np.nan), "finite"),
        (sparse.csr_matrix([[0, -1.0], [1, 0]]), "not negative"),
    ],
)
def test_bad_matrices_of_distances(distances, message):
    with pytest.raises(ValueError, match=message):
        fit(distances)


@pytest.mark.parametrize(
    ("graph", "error", "message"),
    [
        (5, TypeError, "pair of arrays"),
        ((np.zeros((3, 2), int), np.zeros((3, 1))), ValueError, "of the same shape"),
        ((np.zeros((3, 2)), np.zeros((3, 2))), TypeError, "must be integers"),
        ((np.full((3, 1), 3), np.zeros((3, 1))), ValueError, "from 0 to 2"),
        ((np.full((3, 1), -1), np.zeros((3, 1))), ValueError, "from 0 to 2"),
        ((np.ones((3, 2), int), np.zeros((3, 2))), ValueError, "twice"),
        ((np.ones((3, 1), int), np.full((3, 1), np.nan)), ValueError, "finite"),
    ],
)
def test_bad_graphs(graph, error, message):
    with pytest.raises(error, match=message):
        PrecomputedSearch(graph=graph)


def test_graph_of_another_data_set(rows, truth):
    with pytest.raises(ValueError, match="the neighbor graph has 100 rows, but the data has 99"):
        fit(rows[:99], graph=(truth.indices, truth.distances))
