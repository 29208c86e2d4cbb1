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


def test_fault_13_frames_of_polars():
    polars = pytest.importorskip("polars")
    base = np.arange(12.0).reshape(4, 3)
    for dtype in (polars.Float64, polars.Float32, polars.Int8, polars.UInt64, polars.Boolean):
        frame = polars.DataFrame(base).cast(dtype)
        checked = check_data(frame)
        np.testing.assert_array_equal(checked, frame.to_numpy())
        assert checked.flags.c_contiguous
        assert checked.dtype.kind == "f"
    with pytest.raises(ValueError, match="X contains NaN"):
        check_data(polars.DataFrame({"a": [1.0, None], "b": [1, 2]}))
    named = polars.DataFrame({"a": [1.0, 2.0], "type": ["x", "y"], "day": [None, "z"]})
    with pytest.raises(ValueError, match=r"but 'type' \(String\), 'day' \(String\) are not"):
        check_data(named)


def test_frames_of_pandas_with_their_own_dtypes():
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5], "c": [True, False, True]})
    wanted = frame.to_numpy(dtype=float)
    for given in (
        frame,
        frame.convert_dtypes(),
        frame.astype(object),
        frame.astype({"a": "category"}),
        frame.astype("float32"),
    ):
        np.testing.assert_array_equal(check_data(given), wanted)
    with pytest.raises(ValueError, match="X contains NaN"):
        check_data(pd.DataFrame({"a": [1, None, 3]}, dtype="Int64"))


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["x", "y"], "'kind'"),
        (pd.Categorical(["x", "y"]), r"'kind' \(category\)"),
        (pd.to_datetime(["2020-01-01", "2020-01-02"]), r"'kind' \(datetime64"),
        (pd.to_timedelta([1, 2]), r"'kind' \(timedelta64"),
        ([[1], [2]], "'kind'"),
        ([1j, 2j], r"'kind' \(complex128\)"),
    ],
)
def test_columns_that_are_no_numbers_are_named(column, message):
    frame = pd.DataFrame({"a": [1.0, 2.0], "kind": column})
    with pytest.raises(ValueError, match=rf"data must have columns of numbers only, but {message}"):
        check_data(frame, name="data")


def test_many_columns_that_are_no_numbers():
    frame = pd.DataFrame({f"name{i}": ["a", "b"] for i in range(30)})
    with pytest.raises(ValueError, match=r"'name4' \(\w+\), \.\.\. are not"):
        check_data(frame)


@pytest.mark.parametrize("mode", ["r", "c"])
def test_fault_13_memory_mapped_data_is_not_read_into_memory(tmp_path, mode):
    np.save(tmp_path / "data.npy", np.arange(12.0, dtype=np.float32).reshape(4, 3))
    mapped = np.load(tmp_path / "data.npy", mmap_mode=mode)
    checked = check_data(mapped)
    assert np.shares_memory(checked, mapped)
    np.testing.assert_array_equal(checked, mapped)


@pytest.mark.parametrize(
    "kind", ["csc_matrix", "csc_array", "coo_matrix", "csr_array", "lil_array"]
)
def test_fault_14_sparse_rows_of_any_format(kind):
    dense = np.arange(12.0).reshape(4, 3) % 5
    given = getattr(scipy.sparse, kind)(dense)
    kept = given.copy()
    checked = check_data(given)
    assert checked.format == "csr"
    np.testing.assert_array_equal(checked.toarray(), dense)
    assert given.format == kept.format
    np.testing.assert_array_equal(given.toarray(), kept.toarray())


def test_sparse_rows_are_read_only_too():
    given = scipy.sparse.csr_matrix(np.eye(3, dtype=np.float32))
    for part in (given.data, given.indices, given.indptr):
        part.setflags(write=False)
    assert np.shares_memory(check_data(given).data, given.data)
    with pytest.raises(ValueError, match="X contains NaN"):
        check_data(scipy.sparse.csc_matrix([[np.nan, 0.0], [0.0, 1.0]]))


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
