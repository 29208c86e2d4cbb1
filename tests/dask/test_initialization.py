"""Starting positions on a cluster are those of one machine."""

import numpy as np
import pytest
from scipy import sparse

from helpers.delayed_rows import LocalClient, delayed_rows
from helpers.neighbors import exact

pytest.importorskip("distributed", reason="dask and distributed are missing")

from tsnekit import initialization
from tsnekit.affinity._matrix import joint_affinities, to_scipy
from tsnekit.affinity._search import build_kernel
from tsnekit.dask import _initialization, _principal, _spectral
from tsnekit.dask._blocks import Blocks
from tsnekit.dask._initialization import check_initialization, initial_positions
from tsnekit.interfaces import SparseAffinities
from tsnekit.plugins.initializers.pca import PCAInitializer
from tsnekit.plugins.initializers.random import RandomInitializer


def start(client, X, parts=(), blocks=None, chunks=3, **options):
    blocks = blocks or Blocks.even(X.shape[0], 3)
    return initial_positions(client, delayed_rows(X, chunks), blocks, parts, **options)


def check_pca(client, X, **options):
    found = start(client, X, initialization="pca", seed=3, **options)
    # The solver of one machine is random for many columns, and not exact.
    solver = "full" if X.shape[1] > X.shape[0] else "auto"
    expected = initialization.pca(X, svd_solver=solver, random_state=3)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pca_is_that_of_one_machine(client, digits, dtype):
    check_pca(client, digits[0].astype(dtype), chunks=[1, 1000, 796])


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_pca_of_very_large_and_small_numbers(client, blobs, scale):
    check_pca(client, blobs * np.float32(scale))


def test_pca_far_from_the_origin(client, blobs):
    check_pca(client, blobs.astype(np.float64) + 1e6)


def test_pca_of_sparse_rows(client, digits):
    check_pca(client, sparse.csr_matrix(digits[0]))


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_pca_of_many_columns(client, digits, kind, monkeypatch):
    monkeypatch.setattr(_principal, "MAX_COVARIANCE", 10)
    check_pca(client, kind(digits[0]))


def test_pca_of_more_columns_than_rows(client):
    X = np.random.default_rng(0).normal(size=(30, 2500)) * np.linspace(1, 3, 30)[:, None]
    check_pca(client, X)


def test_pca_of_equal_rows_is_random(client):
    X = np.ones((20, 4), dtype=np.float32)
    found = start(client, X, initialization="pca", seed=1)
    assert np.allclose(found, initialization.pca(X, random_state=1))


def test_random_positions_are_those_of_one_machine(client, blobs):
    found = start(client, blobs, initialization="random", seed=5, n_components=3)
    assert np.array_equal(found, initialization.random(300, 3, 5).astype(np.float32))
    found = start(client, blobs, initialization=RandomInitializer(std=2.0), seed=5)
    assert np.array_equal(found, initialization.random(300, 2, 5, std=2.0).astype(np.float32))


def test_given_positions_are_kept(client, blobs):
    array = pytest.importorskip("dask.array")
    given = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32) * 1e-4
    assert np.array_equal(start(client, blobs, initialization=given), given)
    lazy = array.from_array(given, chunks=(100, 2))
    assert np.array_equal(start(client, blobs, initialization=lazy), given)
    with pytest.raises(ValueError, match=r"shape \(300, 3\), got \(300, 2\)"):
        start(client, blobs, initialization=lazy, n_components=3)
    with pytest.raises(ValueError, match="initialization holds NaN"):
        start(client, blobs, initialization=lazy * np.nan)


def parts_of(client, P, blocks):
    parts = []
    for b in range(len(blocks)):
        rows = blocks.range(b)
        places = slice(P.indptr[rows.start], P.indptr[rows.stop])
        parts.append(
            SparseAffinities(
                P.indptr[rows.start : rows.stop + 1] - places.start,
                P.indices[places],
                P.data[places],
                (rows.stop - rows.start, blocks.n_samples),
            )
        )
    return client.scatter(parts)


def affinities_of(X, k):
    kernel = build_kernel("perplexity", perplexity=k / 3)
    graph = exact(X).neighbors(k)
    return joint_affinities(graph.indices, kernel.weights(graph.distances))


def check_spectral(X, k, blocks):
    client = LocalClient()
    P = affinities_of(X, k)
    found = start(client, X, parts_of(client, P, blocks), blocks, initialization="spectral",
                  seed=2)  # fmt: skip
    expected = initialization.spectral(P, random_state=2)
    for axis in range(expected.shape[1]):
        sign = np.sign(found[:, axis] @ expected[:, axis])
        assert np.allclose(sign * found[:, axis], expected[:, axis], rtol=1e-3, atol=1e-8)


def test_spectral_is_that_of_one_machine(digits):
    check_spectral(digits[0][:400], 30, Blocks((0, 100, 101, 400)))


@pytest.mark.parametrize("gathered", [20_000, 0])
def test_spectral_of_a_graph_in_parts(gathered, monkeypatch):
    monkeypatch.setattr(_spectral, "GATHERED_ROWS", gathered)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2)) * [3, 1]
    X[150:] += 100
    order = rng.permutation(200)
    check_spectral(X[order], 12, Blocks.even(200, 3))


def test_products_on_a_cluster(client, blobs):
    P, blocks = affinities_of(blobs, 9), Blocks.even(300, 3)
    x = np.random.default_rng(0).normal(size=300).astype(np.float32)
    graph = _spectral._DistributedGraph(client, parts_of(client, P, blocks), blocks)
    whole = to_scipy(P)
    assert np.array_equal(graph @ x, whole @ x)
    assert np.array_equal(
        graph.sum(axis=1, dtype=np.float64), np.asarray(whole.sum(axis=1, dtype=np.float64)).ravel()
    )
    assert np.array_equal(graph.toarray(), whole.toarray())


def test_components_of_a_long_chain():
    client = LocalClient()
    n = 500
    order = np.random.default_rng(1).permutation(n)
    chain = sparse.coo_matrix((np.ones(n - 1), (order[:-1], order[1:])), (n, n))
    P = (chain + chain.T).tocsr().astype(np.float32)
    P[order[200], order[201]] = P[order[201], order[200]] = 0  # stored, and no connection
    blocks = Blocks.even(n, 4)
    graph = _spectral._DistributedGraph(client, parts_of(client, P, blocks), blocks)
    labels = graph.components()
    assert len(np.unique(labels)) == 2
    assert len(set(labels[order[:201]])) == len(set(labels[order[201:]])) == 1


class Unregistered:
    def __call__(self, source, n_components, rng):
        raise AssertionError


@pytest.mark.parametrize(
    ("given", "params", "message"),
    [
        (Unregistered(), None, "is not registered"),
        ("pca", {"svd_solver": "full"}, "svd_solver must be 'auto' on a cluster, got 'full'"),
        (PCAInitializer(svd_solver="full"), None, "svd_solver must be 'auto'"),
        (np.zeros((5, 2)), None, r"initialization must have shape \(10, 2\)"),
        ("nowhere", None, "'nowhere' is not the name of a registered initializer"),
    ],
)
def test_bad_input_is_refused(given, params, message):
    with pytest.raises(ValueError, match=message):
        check_initialization(given, params, n_samples=10, n_components=2)


def test_an_initializer_that_needs_all_data_is_refused(monkeypatch):
    monkeypatch.setattr(_initialization, "SHARED", ("pca",))
    with pytest.raises(ValueError, match="'spectral' needs all affinities in one place"):
        check_initialization("spectral", None, n_samples=10, n_components=2)
