"""Affinities that are not symmetric: gradient and divergence are those of (P + P^T) / 2."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.neighbors import kneighbors_graph

from tsnekit import TSNE, TSNEEmbedding
from tsnekit._descent import symmetry
from tsnekit._descent.symmetry import is_symmetric, symmetric
from tsnekit.affinity import PerplexityBasedNN, PrecomputedAffinities
from tsnekit.interfaces import SparseAffinities


def matrix_of(P):
    P = scipy.sparse.csr_matrix(P, dtype=np.float32)
    arrays = P.indptr.astype(np.int64), P.indices.astype(np.int32), P.data
    return SparseAffinities(*arrays, P.shape)


def random_matrix(n=60, density=0.2, seed=0):
    return scipy.sparse.random(n, n, density, random_state=seed, format="csr", dtype=np.float32)


@pytest.mark.parametrize("block", [7, 1 << 18])
def test_symmetry_is_recognized_to_the_bit(block, monkeypatch):
    monkeypatch.setattr(symmetry, "BLOCK", block)
    for seed in range(20):
        directed = random_matrix(seed=seed)
        joint = matrix_of(directed + directed.T)
        assert is_symmetric(joint)
        assert not is_symmetric(matrix_of(directed))
        off_diagonal = np.flatnonzero(
            joint.indices != np.repeat(np.arange(60), np.diff(joint.indptr))
        )
        entry = off_diagonal[seed]
        joint.data[entry] = np.nextafter(joint.data[entry], np.float32(2))
        assert not is_symmetric(joint)


@pytest.mark.parametrize(
    ("P", "expected"),
    [
        (np.zeros((5, 5)), True),
        (np.diag([1.0, 2, 3]), True),
        (np.eye(4)[::-1], True),
        ([[0, 1, 0], [0, 0, 1], [1, 0, 0]], False),  # as many entries in rows as in columns
        ([[0, 1, 2], [2, 0, 1], [1, 2, 0]], False),  # the same values on both sides
        ([[0, 1, 0, 0], [2, 0, 0, 0], [0, 0, 0, 2], [0, 0, 1, 0]], False),
        (np.pad(np.ones((2, 2)), (0, 3)), True),  # empty rows at the end
        (np.pad(np.ones((2, 2)), (3, 0)), True),
    ],
)
def test_small_cases_of_symmetry(P, expected):
    assert is_symmetric(matrix_of(P)) == expected


def test_the_symmetric_part_keeps_the_total():
    directed = random_matrix()
    joint = symmetric(matrix_of(directed))
    assert is_symmetric(joint)
    dense = directed.toarray()
    found = scipy.sparse.csr_matrix((joint.data, joint.indices, joint.indptr), (60, 60)).toarray()
    np.testing.assert_array_equal(found, (dense + dense.T) / 2)
    assert symmetric(joint) is joint


def test_affinities_of_the_core_are_symmetric_to_the_bit(blobs):
    for symmetrize in ("mean", "max"):
        affinities = PerplexityBasedNN(blobs, perplexity=10, symmetrize=symmetrize)
        assert is_symmetric(affinities.matrix)


@pytest.mark.parametrize("method", ["exact", "barnes_hut", "fft", "mesh"])
def test_a_directed_graph_gives_the_map_of_its_symmetric_part(blobs, method):
    graph = kneighbors_graph(blobs, 10)
    start = np.random.default_rng(0).normal(size=(300, 2)) * 1e-4
    maps = [
        TSNEEmbedding(start, PrecomputedAffinities(P), negative_gradient_method=method)
        for P in (graph, (graph + graph.T) / 2)
    ]
    directed, joint = (each.optimize(100, learning_rate=20) for each in maps)
    np.testing.assert_array_equal(directed, joint)
    assert directed.kl_divergence == joint.kl_divergence
    assert (directed.affinities.P != directed.affinities.P.T).nnz


def test_the_divergence_of_a_directed_graph_is_that_of_its_symmetric_part(blobs):
    affinities = PerplexityBasedNN(blobs, perplexity=10, symmetrize="none")
    settings = {"n_iter": 250, "early_exaggeration_iter": 100, "random_state": 0}
    directed = TSNE(**settings, negative_gradient_method="exact").fit(affinities=affinities)
    P = affinities.P.toarray()
    P = (P + P.T) / 2
    Y = np.asarray(directed, dtype=float)
    w = 1 / (1 + ((Y[:, None] - Y[None]) ** 2).sum(axis=2))
    np.fill_diagonal(w, 0)
    edges = P > 0
    expected = (P[edges] * np.log(P[edges] / (w / w.sum())[edges])).sum()
    assert directed.kl_divergence == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("dof", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_step_follows_the_slope_of_the_reported_divergence(seed, dof):
    """Whatever P, the gradient that is stepped along is that of the divergence that is told."""
    n = 25
    P = random_matrix(n, 0.3, seed)
    affinities = PrecomputedAffinities(P + scipy.sparse.eye(n, k=1) / 10)
    start = np.random.default_rng(seed).normal(size=(n, 2)).astype(np.float32)

    def divergence(positions):
        return TSNEEmbedding(
            positions, affinities, dof=dof, negative_gradient_method="exact"
        ).kl_divergence

    embedding = TSNEEmbedding(start, affinities, dof=dof, negative_gradient_method="exact")
    still = {"learning_rate": 1.0, "momentum": 0.0, "max_step_norm": None}
    step = np.asarray(embedding.optimize(1, **still)) - start
    step -= step.mean(axis=0)
    for seed_of_way in range(3):
        way = np.random.default_rng(seed_of_way).normal(size=(n, 2)).astype(np.float32)
        way -= way.mean(axis=0)
        slope = (divergence(start + 0.01 * way) - divergence(start - 0.01 * way)) / 0.02
        # The gradient is kept without its factor 4, and all gains are 1.2 in the first step.
        assert slope == pytest.approx(-4 / 1.2 * (way * step).sum(), rel=2e-2, abs=2e-4)


def test_whole_gradients_get_symmetric_affinities(blobs, fake_entry_points):
    (entry_point,) = fake_entry_points("tsnekit-good")
    method = entry_point.load().Method()
    graph = kneighbors_graph(blobs, 10)
    start = np.random.default_rng(0).normal(size=(300, 2))
    affinities = PrecomputedAffinities(graph)
    whole, exact = (
        TSNEEmbedding(start, affinities, negative_gradient_method=each)
        for each in (method, "exact")
    )
    assert whole.kl_divergence == pytest.approx(exact.kl_divergence, rel=1e-5)
    np.testing.assert_allclose(whole.optimize(1), exact.optimize(1), atol=1e-3)
