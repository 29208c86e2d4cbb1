"""The core checks what backends return, and its errors name them."""

import dataclasses
import logging

import numpy as np
import pytest
import scipy.sparse

from helpers.brute_force import BruteForce
from tsnekit import TSNE, TSNEEmbedding, affinity
from tsnekit._backends.measuring import check_distances
from tsnekit.affinity import NeighborIndex
from tsnekit.errors import ContractError
from tsnekit.interfaces import NeighborGraph, SearchProblem

N, P, K = 80, 5, 6


@pytest.fixture(scope="module", name="X")
def data():
    return np.random.default_rng(0).normal(size=(N, P)) * 3


# -- Neighbor searches -----------------------------------------------------------------------------


def searching(change):
    """Return a search whose graphs are changed."""

    class Changed(BruteForce):
        def neighbors(self, k):
            return change(super().neighbors(k))

        def query(self, X, k):
            return change(super().query(X, k))

    return Changed()


def with_indices(change):
    def changed(graph):
        indices = graph.indices.copy()
        replaced = change(indices)
        return NeighborGraph(indices if replaced is None else replaced, graph.distances)

    return changed


def with_distances(change):
    def changed(graph):
        distances = graph.distances.copy()
        replaced = change(distances)
        return NeighborGraph(graph.indices, distances if replaced is None else replaced)

    return changed


def put(row, place, value):
    def change(array):
        array[row, place] = value

    return change


GRAPHS = {
    "nothing": (lambda graph: None, "returned None, not a NeighborGraph"),
    "tuple": (lambda graph: (graph.indices, graph.distances), "returned a tuple, not a Neighbor"),
    "list": (with_indices(lambda a: a.tolist()), "returned a list as indices"),
    "int64": (with_indices(lambda a: a.astype(np.int64)), "array of int64 as indices, not .*int32"),
    "float64": (with_distances(np.float64), "array of float64 as distances, not .* float32"),
    "order": (with_indices(np.asfortranarray), "indices that are not C-contiguous"),
    "strided": (with_distances(lambda a: np.repeat(a, 2, axis=1)[:, ::2]), "not C-contiguous"),
    "too few": (with_indices(lambda a: a[:, :-1].copy()), r"indices of shape .*, not \("),
    "flat": (with_distances(np.ravel), "distances of shape"),
    "range": (with_indices(put(7, 2, N)), f"returned {N} as a neighbor of row 7; rows are from 0"),
    "negative row": (with_indices(put(7, 2, -1)), "returned -1 as a neighbor of row 7"),
    "twice": (with_indices(lambda a: put(3, 1, a[3, 0])(a)), "twice as a neighbor of row 3"),
    "NaN": (with_distances(put(5, 2, np.nan)), "not finite, such as nan, for row 5"),
    "NaN first": (with_distances(put(5, 0, np.nan)), "not finite, such as nan, for row 5"),
    "infinite": (with_distances(put(5, -1, np.inf)), "not finite, such as inf, for row 5"),
    "negative": (with_distances(put(5, 0, -1)), "negative distances, such as -1, for row 5"),
    "descending": (with_distances(lambda a: a[:, ::-1].copy()), "distances that do not ascend"),
    "unordered": (with_distances(put(9, 0, 99)), "do not ascend, 99 before .*, for row 9"),
    "squared": (with_distances(np.square), "not those of metric 'euclidean'.*they are squared"),
    "halved": (with_distances(lambda a: a / 2), r"from row 0 to row .* of 100 are wrong\)"),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_that_break_the_contract(name, X):
    change, message = GRAPHS[name]
    search = searching(change)
    problem = SearchProblem(n_samples=N, n_features=P, needs_query=True)
    whose = r"neighbor search searching\.<locals>\.Changed of .*test_contracts"
    with pytest.raises(ContractError, match=f"{whose} .*{message}"):
        NeighborIndex.fit(X, search, problem).neighbors(K)
    with pytest.raises(ContractError, match=f"{whose} .*{message}"):
        NeighborIndex.fit(X, search, problem).query(X[:40] + 0.1, K)


def test_a_row_is_not_its_own_neighbor_but_a_new_row_may_be_like_one(X):
    problem = SearchProblem(n_samples=N, n_features=P, needs_query=True)

    def with_itself(graph):
        indices, distances = graph.indices.copy(), graph.distances.copy()
        indices[:, 1:], distances[:, 1:] = graph.indices[:, :-1], graph.distances[:, :-1]
        indices[:, 0], distances[:, 0] = np.arange(len(indices)), 0
        return NeighborGraph(indices, distances)

    index = NeighborIndex.fit(X, searching(with_itself), problem)
    with pytest.raises(ContractError, match="returned row 0 as its own neighbor"):
        index.neighbors(K)
    plain = NeighborIndex.fit(X, BruteForce(), problem)
    assert (plain.query(X[:3], K).indices[:, 0] == np.arange(3)).all()


def test_a_fit_that_returns_nothing(X):
    class Silent(BruteForce):
        def fit(self, X, problem):
            super().fit(X, problem)

    with pytest.raises(
        ContractError, match=r"Silent of .* returned None from fit, which must retu"
    ):
        TSNE(perplexity=5, neighbors=Silent()).fit(X)


def test_the_message_names_distribution_and_version(X, fake_entry_points, monkeypatch):
    from tsnekit._backends.registry import Registry

    registry = Registry(fake_entry_points("tsnekit-good"))
    monkeypatch.setattr("tsnekit._backends.registry._load_registry", lambda: registry)
    kind = registry.get("neighbors", "good_neighbors").load()
    monkeypatch.setattr(kind, "neighbors", lambda self, k: None)
    whose = r"neighbor search 'good_neighbors' of tsnekit-good 1\.2 returned None"
    with pytest.raises(ContractError, match=whose):
        TSNE(perplexity=5, neighbors="good_neighbors").fit(X)


METRICS = ["euclidean", "sqeuclidean", "cosine", "correlation", "manhattan", "chebyshev"]
METRICS += ["canberra", "braycurtis", "seuclidean", "mahalanobis", "jensenshannon"]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("take", [np.asarray, scipy.sparse.csr_matrix])
def test_distances_are_measured_in_any_metric(X, metric, take):
    rows = take(np.abs(X))
    affinities = affinity.Uniform(rows, k_neighbors=K, metric=metric, method="exact")
    index = affinities.knn_index
    graph, search, problem = index.neighbors(K), index.search, index.problem
    check_distances(graph, search, problem, rows, rows)
    wrong = NeighborGraph(graph.indices, graph.distances * np.float32(1.05))
    with pytest.raises(ContractError, match=f"of metric '{metric}'.* of 100 are wrong"):
        check_distances(wrong, search, problem, rows, rows)
    # One wrong row in four is enough.
    part = graph.distances.copy()
    part[::4] *= np.float32(1.05)
    with pytest.raises(ContractError):
        check_distances(NeighborGraph(graph.indices, part), search, problem, rows, rows)


def test_distances_with_parameters_and_given_ones(X):
    weighted = affinity.Uniform(
        X, k_neighbors=K, metric="minkowski", metric_params={"p": 3}, method="exact"
    ).knn_index
    graph = weighted.neighbors(K)
    plain = dataclasses.replace(weighted.problem, metric_params={"p": 1.1})
    with pytest.raises(ContractError, match="'minkowski'"):
        check_distances(graph, weighted.search, plain, X, X)
    D = np.sqrt(((X[:, None] - X[None]) ** 2).sum(axis=2))
    given = affinity.Uniform(D, k_neighbors=K, metric="precomputed").knn_index
    graph = given.neighbors(K)
    with pytest.raises(ContractError, match="'precomputed'"):
        check_distances(graph, given.search, given.problem, 2 * D, 2 * D)


def test_a_metric_that_only_the_search_has_is_not_measured(X, caplog):
    class Own(BruteForce):
        def fit(self, X, problem):
            return super().fit(X, dataclasses.replace(problem, metric="euclidean"))

    problem = SearchProblem(n_samples=N, n_features=P, metric="hellinger")
    with caplog.at_level(logging.INFO, logger="tsnekit"):
        NeighborIndex.fit(X, Own(), problem).neighbors(K)
    (line,) = [each for each in caplog.messages if "measured again" in each]
    assert "hellinger" in line


# -- Initializers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        (lambda n, d: None, "None, not an array of floats"),
        (lambda n, d: np.zeros((n, d), dtype=int), "an array of int64, not an array of floats"),
        (lambda n, d: np.zeros((n, d + 1)), r"positions of shape \(80, 3\), not \(80, 2\)"),
        (lambda n, d: np.full((n, d), np.nan), "positions that are not finite"),
        (lambda n, d: np.full((n, d), 1e30), "positions that are not finite, or beyond"),
    ],
)
def test_positions_that_break_the_contract(positions, message, X):
    class Wrong:
        def __call__(self, source, n_components, rng):
            return positions(source.n_samples, n_components)

    whose = r"initializer test_positions.*Wrong of .*test_contracts"
    with pytest.raises(ContractError, match=f"{whose} returned {message}"):
        TSNE(perplexity=5, initialization=Wrong()).fit(X)


# -- Gradient methods ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def affinities(X):
    return affinity.Uniform(X, k_neighbors=K, method="exact")


class Repulsive:
    """A repulsion that is right until its last call; then `end` changes it."""

    def __init__(self, end, last=1):
        self.end, self.last = end, last

    def plan(self, problem):
        calls = []

        def repulsion(Y, out, row_z=None):
            calls.append(1)
            sources = Y if problem.reference is None else problem.reference
            offset = Y[:, None].astype(float) - sources[None]
            w = 1 / (1 + (offset**2).sum(axis=2))
            if problem.reference is None:
                np.fill_diagonal(w, 0)
            total = float(w.sum())
            if len(calls) >= self.last:
                return self.end(Y, out, total)
            out[:] = (w[:, :, None] ** 2 * offset).sum(axis=1)
            return total

        return repulsion


def fill(value, total=None):
    def end(Y, out, z):
        out[...] = value
        return z if total is None else total

    return end


def leave(Y, out, z):
    return z


@pytest.mark.parametrize(
    ("end", "last", "message"),
    [
        (fill(np.nan), 1, "not finite in iteration 1: .* for point 0, and .* 80 of 80 points"),
        (fill(np.inf), 4, "not finite in iteration 4"),
        (leave, 1, "not finite in iteration 1"),
        (fill(0, total=np.nan), 1, "returned nan as the normalization"),
        (lambda Y, out, z: None, 1, "returned None as the normalization"),
    ],
)
def test_forces_that_are_not_finite(end, last, message, affinities, X):
    start = X[:, :2] * 1e-2
    method = Repulsive(end, last)
    embedding = TSNEEmbedding(start, affinities, negative_gradient_method=method)
    with pytest.raises(ContractError, match=rf"gradient method Repulsive of .* .*{message}"):
        embedding.optimize(6, inplace=True)
    assert embedding.state.iteration == last - 1
    assert np.isfinite(embedding).all()


class Whole:
    def __init__(self, gradient=0.0, divergence=1.0, fills=True):
        self.values = gradient, divergence, fills

    def plan(self, problem):
        class Planned:
            def gradient(self, Y, out, exaggeration, values=self.values):
                if values[2]:
                    out[...] = values[0]

            def kl_divergence(self, Y, values=self.values):
                return values[1]

        return Planned()


def test_whole_gradients_that_break_the_contract(affinities, X):
    def embedding(method):
        return TSNEEmbedding(X[:, :2], affinities, negative_gradient_method=method)

    assert embedding(Whole()).optimize(2).kl_divergence == 1
    for method in (Whole(np.nan), Whole(fills=False)):
        with pytest.raises(ContractError, match=r"gradient method Whole of .* not finite in itera"):
            embedding(method).optimize(1)
    for value in (np.nan, None, "1"):
        with pytest.raises(ContractError, match=r"returned .* as the KL divergence"):
            _ = embedding(Whole(divergence=value)).kl_divergence

    class Planless:
        def plan(self, problem):
            pass

    with pytest.raises(ContractError, match=r"Planless of .* returned None from plan"):
        embedding(Planless()).optimize(1)


def test_forces_of_new_points_without_their_normalization(affinities, X):
    from tsnekit import PartialTSNEEmbedding

    reference = TSNEEmbedding(X[:, :2], affinities)
    weights = scipy.sparse.csr_matrix(np.full((3, N), 1 / N, dtype=np.float32))
    partial = PartialTSNEEmbedding(
        X[:3, :2], reference, weights, negative_gradient_method=Repulsive(fill(0.0))
    )
    with pytest.raises(ContractError, match=r"Repulsive of .* returned nan as the sum of row_z"):
        partial.optimize(1)


def test_a_map_that_diverges_is_not_the_fault_of_a_method(affinities, X):
    embedding = TSNEEmbedding(X[:, :2], affinities, negative_gradient_method="exact")
    with pytest.raises(ValueError, match="the optimization diverged") as caught:
        embedding.optimize(50, learning_rate=1e20, momentum=30, max_step_norm=None)
    assert not isinstance(caught.value, ContractError)


# -- Optimizers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (None, "returned None as its state"),
        ([], "returned a list as its state"),
        ({"step": 3}, "has a int in its state, as 'step'"),
        ({"names": np.array(["a"])}, "has an array of <U1 in its state"),
        ({1: np.zeros(3)}, "has a state with the name 1"),
        ({"m": np.array([1, np.nan])}, "not finite in its state, in 'm'"),
    ],
)
def test_states_that_break_the_contract(state, message, affinities, X):
    class Stateful:
        def start(self, Y):
            pass

        def step(self, Y, gradient, phase):
            pass

        def state(self):
            return state

        def restore(self, state):
            pass

    embedding = TSNEEmbedding(X[:, :2], affinities, optimizer=Stateful())
    with pytest.raises(ContractError, match=f"optimizer .*Stateful of .* {message}"):
        embedding.optimize(1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_row_that_is_far_out_is_not_compared(dtype):
    """A search in float32 moves such a row, by more than the tolerance."""
    X = np.array([[17.0], [1.9e16], [0.0], [0.0], [0.0]], dtype=dtype)
    affinities = affinity.Uniform(X, k_neighbors=4, method="exact")
    assert np.isfinite(affinities.P.data).all()
