"""Affinities that another program computed."""

import copy

import numpy as np
import pytest
from scipy import sparse

from tsnekit.affinity import PrecomputedAffinities


@pytest.mark.parametrize(
    "convert", [np.asarray, sparse.csr_matrix, sparse.coo_array, np.ndarray.tolist]
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.bool_])
def test_fault_32_precomputed_leaves_the_matrix_as_it_is(convert, dtype):
    matrix = np.random.default_rng(0).integers(0, 3, size=(20, 20))
    given = convert((matrix + matrix.T).astype(dtype))
    before = copy.deepcopy(given)
    affinities = PrecomputedAffinities(given)
    assert affinities.n_samples == 20
    assert affinities.P.sum(dtype=np.float64) == pytest.approx(1, abs=1e-6)
    if sparse.issparse(given):
        assert (abs(given.astype(float) - before.astype(float))).sum() == 0
        assert not np.shares_memory(affinities.matrix.data, given.data)
    else:
        np.testing.assert_array_equal(given, before)


def test_precomputed_adds_up_repeated_entries():
    matrix = np.array([[0.0, 2.0], [2.0, 0.0]])
    given = sparse.csr_matrix(([1.5, 0.5, 2.0, 0.0], [1, 1, 0, 1], [0, 2, 4]), (2, 2))
    affinities = PrecomputedAffinities(given, normalize=False)
    np.testing.assert_array_equal(affinities.P.toarray(), matrix)
    assert affinities.P.nnz == 2
    assert given.nnz == 4


def test_precomputed_without_normalization():
    matrix = np.array([[0.0, 2.0], [2.0, 0.0]])
    np.testing.assert_array_equal(
        PrecomputedAffinities(matrix, normalize=False).P.toarray(), matrix
    )


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.ones((3, 4)), "affinities must be square"),
        (np.full((3, 3), np.nan), "Input affinities contains NaN"),
        (np.full((3, 3), np.inf), "Input affinities contains infinity"),
        (sparse.csr_matrix(np.full((3, 3), np.nan)), "Input affinities contains NaN"),
        (np.array([[0, -1], [1, 0]]), "affinities must not be negative"),
        (sparse.csr_matrix([[0, -1], [1, 0]]), "affinities must not be negative"),
        (np.zeros((3, 3)), "affinities must not all be 0"),
        (np.ones(9), "Expected 2D array"),
        ([["a", "b"], ["c", "d"]], "affinities must be .*could not convert"),
        (np.eye(3) * 1j, "Complex data not supported: affinities is complex128"),
    ],
)
def test_fault_32_precomputed_refuses_bad_matrices(matrix, message):
    with pytest.raises(ValueError, match=message):
        PrecomputedAffinities(matrix)


def test_precomputed_has_no_affinities_of_new_rows():
    with pytest.raises(NotImplementedError, match="PrecomputedAffinities has no affinities of new"):
        PrecomputedAffinities(np.ones((3, 3))).to_new(np.ones((1, 3)))
