"""Rows transformed so that a simpler metric gives the distances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from scipy.spatial.distance import cdist

from tsnekit.plugins.neighbors._rows.spaces import VectorSpace, unit_rows

SCIPY = {"manhattan": "cityblock"}
KERNELS = {"sqeuclidean": "sqeuclidean", "manhattan": "cityblock", "hamming": "hamming"}


def through_kernel(space, queries, rows):
    found = cdist(queries, rows, KERNELS[space.kernel])
    if space.kernel == "hamming":
        found *= rows.shape[1]
    return space.restore(found.astype(np.float32))


@pytest.mark.parametrize("metric", sorted(VectorSpace.METRICS))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_distances_are_those_of_scipy(metric, dtype):
    rng = np.random.default_rng(0)
    X, new = (np.round(rng.normal(size=(n, 9)) * 2).astype(dtype) + dtype(0.25) for n in (40, 15))
    space = VectorSpace(metric)
    rows = space.fit_rows(X).values
    name = SCIPY.get(metric, metric)
    assert rows.dtype == np.float32
    assert rows.flags.c_contiguous
    np.testing.assert_allclose(through_kernel(space, rows, rows), cdist(X, X, name), atol=2e-6)
    queries = space.rows(new).values
    np.testing.assert_allclose(through_kernel(space, queries, rows), cdist(new, X, name), atol=2e-6)


def test_float32_rows_are_not_copied():
    X = np.ones((5, 3), dtype=np.float32)
    assert VectorSpace("euclidean").fit_rows(X).values is X


def test_far_from_the_origin_double_precision_is_not_lost():
    X = np.random.default_rng(0).normal(size=(50, 4)) + 1e9
    for metric in ("euclidean", "manhattan"):
        space = VectorSpace(metric)
        rows = space.fit_rows(X).values
        expected = cdist(X, X, SCIPY.get(metric, metric))
        np.testing.assert_allclose(through_kernel(space, rows, rows), expected, rtol=1e-5)


def test_hamming_tells_values_that_float32_does_not():
    X = np.array([[2**53, 1.0], [2**53 - 1, 1.0]])
    space = VectorSpace("hamming")
    rows = space.fit_rows(X).values
    assert through_kernel(space, rows, rows)[0, 1] == 0.5
    new = space.rows(np.array([[2**53 - 2, 1.0], [2**53, 2.0]])).values
    np.testing.assert_array_equal(through_kernel(space, new, rows), [[0.5, 0.5], [0.5, 1.0]])


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_unit_rows_of_any_size(scale):
    X = np.random.default_rng(0).normal(size=(20, 6)) * scale
    np.testing.assert_allclose(np.linalg.norm(unit_rows(X), axis=1), 1, rtol=1e-6)


def test_rows_of_zeros_are_alike_and_at_right_angles_to_others():
    X = np.array([[0.0, 0], [1, 2], [0, 0], [-3, 1]])
    space = VectorSpace("cosine")
    rows = space.fit_rows(X).values
    D = through_kernel(space, rows, rows)
    np.testing.assert_allclose(D[0], [0, 1, 0, 1], atol=1e-7)


def test_rows_of_equal_values_have_no_correlation():
    X = np.array([[0.1] * 7, [0.3] * 7, [1, 2, 3, 4, 5, 6, 7.5]])
    space = VectorSpace("correlation")
    rows = space.fit_rows(X).values
    D = through_kernel(space, rows, rows)
    np.testing.assert_allclose(D, [[0, 0, 1], [0, 0, 1], [1, 1, 0]], atol=1e-7)


@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 6), st.integers(1, 5)),
        elements=st.floats(-1e6, 1e6, width=32),
    )
)
def test_sparse_unit_rows_are_those_of_the_array(X):
    # Small float32 numbers become 0 when they are scaled. sklearn and NumPy round the others alike.
    X[np.abs(X) < 1e-3] = 0
    np.testing.assert_allclose(unit_rows(sparse.csr_matrix(X)).toarray(), unit_rows(X), atol=1e-6)
