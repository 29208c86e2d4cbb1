"""Symmetrisation against SciPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from tsnekit._native import symmetrize as native


def random_graph(n, k, seed=0):
    rng = np.random.default_rng(seed)
    if n < 500:
        order = np.argsort(rng.random((n, n - 1)), axis=1)[:, :k]
    else:
        order = np.stack([rng.choice(n - 1, size=k, replace=False) for _ in range(n)])
    indices = (order + (order >= np.arange(n)[:, None])).astype(np.int32)
    weights = rng.gamma(0.3, size=(n, k)).astype(np.float32) + np.float32(1e-6)
    weights /= weights.sum(axis=1, keepdims=True)
    return indices, weights


def symmetrize(indices, weights, *, use_max=False, n_threads=1):
    n, k = indices.shape
    indptr = np.empty(n + 1, dtype=np.int64)
    columns = np.empty(2 * n * k, dtype=np.int32)
    values = np.empty(2 * n * k, dtype=np.float32)
    assert native.symmetrize(indices, weights, use_max, indptr, columns, values, n_threads)
    return indptr, columns[: indptr[-1]], values[: indptr[-1]]


def expected(indices, weights, *, use_max):
    n, k = indices.shape
    W = sparse.csr_matrix(
        (weights.astype(np.float64).ravel(), indices.ravel(), np.arange(0, n * k + 1, k)), (n, n)
    )
    P = (W.maximum(W.T) if use_max else W + W.T).tocsr()
    P.sort_indices()
    return P / P.sum()


def check(indices, weights, *, use_max=False):
    indptr, columns, values = symmetrize(indices, weights, use_max=use_max)
    P = expected(indices, weights, use_max=use_max)
    np.testing.assert_array_equal(indptr, P.indptr)
    np.testing.assert_array_equal(columns, P.indices)
    np.testing.assert_allclose(values, P.data, rtol=1e-6)
    np.testing.assert_allclose(values.sum(dtype=np.float64), 1, rtol=1e-6)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_small_graphs(data):
    n = data.draw(st.integers(2, 70))
    k = data.draw(st.integers(1, n - 1))
    use_max = data.draw(st.booleans())
    check(*random_graph(n, k, data.draw(st.integers(0, 1_000))), use_max=use_max)


@pytest.mark.parametrize("use_max", [False, True])
@pytest.mark.parametrize(("n", "k"), [(513, 30), (3_000, 128), (5_000, 7), (600, 599)])
def test_graphs_of_several_buckets(n, k, use_max):
    check(*random_graph(n, k), use_max=use_max)


def test_a_row_that_is_everybodys_neighbor():
    n, k = 2_000, 5
    indices, weights = random_graph(n, k, 3)
    indices[:1500] = np.sort(indices[:1500] % 499 + 1500, axis=1)
    indices[:1500] = 1500 + (np.arange(k) * 90 + indices[:1500, :1]) % 499
    indices[:-1, 0] = n - 1
    check(indices, weights)


def test_no_edge_runs_both_ways():
    n, k = 1_500, 20
    indices = ((np.arange(n)[:, None] + np.arange(1, k + 1)) % n).astype(np.int32)
    weights = np.full((n, k), 1 / k, dtype=np.float32)
    assert symmetrize(indices, weights)[0][-1] == 2 * n * k
    check(indices, weights)


def test_all_edges_run_both_ways():
    n, k = 1_500, 20
    offsets = np.concatenate([np.arange(1, k // 2 + 1), -np.arange(1, k // 2 + 1)])
    indices = ((np.arange(n)[:, None] + offsets) % n).astype(np.int32)
    weights = np.full((n, k), 1 / k, dtype=np.float32)
    assert symmetrize(indices, weights)[0][-1] == n * k
    check(indices, weights)


def test_edges_of_weight_0_are_kept():
    indices, weights = random_graph(900, 10)
    weights[:, 3:] = 0
    weights[::2, 2] = np.float32(1e-45)
    indptr, columns, _ = symmetrize(indices, weights)
    full_indptr, full_columns, _ = symmetrize(indices, np.full_like(weights, 0.1))
    np.testing.assert_array_equal(indptr, full_indptr)
    np.testing.assert_array_equal(columns, full_columns)


@pytest.mark.parametrize("n_threads", [2, 3, 16])
def test_fault_19_threaded_with_the_same_bits(n_threads):
    indices, weights = random_graph(6_000, 40)
    for one, several in zip(
        symmetrize(indices, weights), symmetrize(indices, weights, n_threads=n_threads), strict=True
    ):
        np.testing.assert_array_equal(several, one)


@pytest.mark.parametrize("bad", [-1, 50, np.iinfo(np.int32).max, np.iinfo(np.int32).min])
def test_neighbors_outside_the_rows(bad):
    indices, weights = random_graph(50, 4)
    indices[30, 2] = bad
    out = np.empty(51, np.int64), np.empty(400, np.int32), np.empty(400, np.float32)
    assert not native.symmetrize(indices, weights, False, *out, 2)
    assert not native.sort_rows(indices, weights, 50, 1.0, out[1][:200], out[2][:200], 2)


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("k", [1, 2, 3, 31, 90, 200])
def test_sort_rows(k, n_threads):
    rng = np.random.default_rng(k)
    n, n_columns = 1_001, 300
    indices = np.argsort(rng.random((n, n_columns)), axis=1)[:, :k].astype(np.int32)
    weights = rng.random((n, k), dtype=np.float32)
    columns, values = np.empty(n * k, np.int32), np.empty(n * k, np.float32)
    assert native.sort_rows(indices, weights, n_columns, 0.25, columns, values, n_threads)
    order = np.argsort(indices, axis=1)
    np.testing.assert_array_equal(columns.reshape(n, k), np.take_along_axis(indices, order, axis=1))
    np.testing.assert_array_equal(
        values.reshape(n, k), np.take_along_axis(weights, order, axis=1) / 4
    )
