import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from tsnekit.validation import check_data, check_integer, check_positions, check_real


@pytest.mark.parametrize("value", ["3", None, 1j, True, np.bool_(True), [1.0]])
def test_real_numbers_only(value):
    with pytest.raises(TypeError, match="theta must be a real number"):
        check_real("theta", value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1, -0.001])
def test_real_out_of_bounds(value):
    with pytest.raises(ValueError, match=r"theta must be (finite|at least 0), got"):
        check_real("theta", value, at_least=0)


def test_real_and_integer_pass():
    assert check_real("theta", np.float32(0.5), at_least=0) == 0.5
    assert check_real("dof", 1, above=0) == 1.0
    assert check_integer("k", np.int32(3), at_least=1) == 3
    with pytest.raises(ValueError, match="dof must be greater than 0, got 0"):
        check_real("dof", 0, above=0)


@pytest.mark.parametrize(("value", "error"), [(2.0, TypeError), (True, TypeError), (0, ValueError)])
def test_fault_36_integers(value, error):
    with pytest.raises(error, match="k must be"):
        check_integer("k", value, at_least=1)


@pytest.mark.parametrize(
    ("X", "error"),
    [
        ([[1.0, np.nan]], "X contains NaN"),
        ([[1.0, np.inf]], "X contains infinity"),
        ([["a", "b"]], "could not convert string to float"),
        ([1.0, 2.0], "1D array"),
        (np.empty((0, 3)), "0 sample"),
        (np.empty((3, 0)), "0 feature"),
        (np.zeros((2, 2, 2)), "dim 3"),
    ],
)
def test_bad_data(X, error):
    with pytest.raises(ValueError, match=error):
        check_data(X)


def test_fault_13_kinds_of_data():
    base = np.arange(12.0).reshape(4, 3)
    for given in (base, base.tolist(), pd.DataFrame(base), np.asfortranarray(base), base[::1]):
        checked = check_data(given)
        assert checked.flags.c_contiguous
        np.testing.assert_array_equal(checked, base)
    for small in (bool, np.uint8, np.int16):
        assert check_data(base.astype(small)).dtype == np.float32
    assert check_data(base.astype(np.int32)).dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fault_13_good_data_is_not_copied(dtype):
    X = np.ones((5, 2), dtype=dtype)
    X.setflags(write=False)
    assert np.shares_memory(check_data(X), X)


def test_sparse_becomes_csr():
    assert check_data(scipy.sparse.random(5, 4, 0.5, format="coo")).format == "csr"


def test_feature_count():
    with pytest.raises(ValueError, match="X has 2 features, but the fitted data has 3"):
        check_data(np.zeros((2, 2)), n_features=3)


def test_positions_are_copied_to_float32():
    given = np.zeros((3, 2))
    checked = check_positions(given, name="initialization", n_samples=3, n_components=2)
    assert checked.dtype == np.float32
    checked += 1
    assert not given.any()


@pytest.mark.parametrize(
    ("Y", "error"),
    [
        (np.zeros(3), "initialization must be two-dimensional"),
        (np.zeros((4, 2)), r"initialization must have shape \(3, 2\), got \(4, 2\)"),
        ([["a", "b"]] * 3, "initialization must be an array of numbers"),
        (np.full((3, 2), np.nan), "initialization holds NaN"),
    ],
)
def test_fault_33_bad_positions(Y, error):
    with pytest.raises(ValueError, match=error):
        check_positions(Y, name="initialization", n_samples=3, n_components=2)


def test_fault_33_overflow_is_caught():
    with pytest.raises(ValueError, match="beyond 1e\\+15"):
        check_positions(np.full((3, 2), 1e300), name="initialization")
