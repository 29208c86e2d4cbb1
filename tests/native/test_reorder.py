import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from tsnekit._native.reorder import curve_order, gather_rows, permute_affinities


@pytest.mark.parametrize("d", [1, 2, 3, 5, 40])
def test_curve_visits_every_point_once_and_stays_near(d):
    Y = np.random.default_rng(0).random(size=(4000, d)).astype(np.float32)
    order = np.empty(4000, dtype=np.int32)
    curve_order(Y, order, 2)
    assert sorted(order) == list(range(4000))
    if d <= 3:
        steps = np.linalg.norm(np.diff(Y[order], axis=0), axis=1).mean()
        assert steps < 0.4 * np.linalg.norm(np.diff(Y, axis=0), axis=1).mean()


def test_one_dimension_is_sorted_and_ties_keep_their_order():
    Y = np.random.default_rng(1).integers(0, 50, size=(1000, 1)).astype(np.float32)
    order = np.empty(1000, dtype=np.int32)
    curve_order(Y, order, 1)
    np.testing.assert_array_equal(order, np.argsort(Y[:, 0], kind="stable"))


@pytest.mark.parametrize("value", [0.0, 3.5, -1e30])
def test_constant_points_keep_their_order(value):
    order = np.empty(100, dtype=np.int32)
    curve_order(np.full((100, 2), value, dtype=np.float32), order, 1)
    np.testing.assert_array_equal(order, np.arange(100))


@given(seed=st.integers(0, 2**31), n=st.integers(1, 60), threads=st.integers(1, 3))
@settings(max_examples=50, deadline=None)
def test_permuted_affinities_equal_scipy(seed, n, threads):
    rng = np.random.default_rng(seed)
    P = scipy.sparse.random(n, n, 0.2, format="csr", dtype=np.float32, random_state=rng)
    order = rng.permutation(n).astype(np.int32)
    indptr = np.empty(n + 1, dtype=np.int64)
    indices, data = np.empty(P.nnz, dtype=np.int32), np.empty(P.nnz, dtype=np.float32)
    given_arrays = P.indptr.astype(np.int64), P.indices.astype(np.int32), P.data
    permute_affinities(*given_arrays, order, indptr, indices, data, threads)
    permuted = scipy.sparse.csr_matrix((data, indices, indptr), shape=(n, n)).toarray()
    np.testing.assert_array_equal(permuted, P.toarray()[order][:, order])


def test_gathered_rows():
    rng = np.random.default_rng(2)
    Y, order = rng.random((9000, 3), dtype=np.float32), rng.permutation(9000).astype(np.int32)
    out = np.empty_like(Y)
    gather_rows(Y, order, out, 2)
    np.testing.assert_array_equal(out, Y[order])
