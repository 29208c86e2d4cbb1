import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.neighbors import kneighbors_graph

from tsnekit import TSNE
from tsnekit._util.validation import check_data, check_integer, check_positions, check_real
from tsnekit.affinity import PerplexityBasedNN


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


@pytest.mark.parametrize(
    ("value", "error"),
    [(2.0, TypeError), (True, TypeError), (0, ValueError), (2**31, ValueError)],
)
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
def test_columns_that_are_not_numbers_are_named(column, message):
    frame = pd.DataFrame({"a": [1.0, 2.0], "kind": column})
    with pytest.raises(ValueError, match=rf"data must have columns of numbers only, but {message}"):
        check_data(frame, name="data")


def test_many_columns_that_are_not_numbers():
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


# -- Equal data in another representation ----------------------------------------------------------


def counts(n=200, p=30):
    return np.random.default_rng(0).poisson(0.6, size=(n, p)).astype(np.float64)


def in_parts(X):
    """Split every entry into two parts, with columns from last to first."""
    whole = scipy.sparse.csr_matrix(X)
    rows = [slice(a, b) for a, b in zip(whole.indptr[:-1], whole.indptr[1:], strict=True)]
    indices = np.concatenate([np.tile(whole.indices[row][::-1], 2) for row in rows])
    data = np.concatenate([np.outer([0.75, 0.25], whole.data[row][::-1]).ravel() for row in rows])
    return scipy.sparse.csr_matrix((data, indices, whole.indptr * 2), whole.shape)


def with_zeros(X):
    full = scipy.sparse.csr_matrix(X + 1)
    full.data -= 1
    return full


def unsorted(X):
    rows = scipy.sparse.csr_matrix(X)
    for a, b in zip(rows.indptr[:-1], rows.indptr[1:], strict=True):
        rows.indices[a:b] = rows.indices[a:b][::-1].copy()
        rows.data[a:b] = rows.data[a:b][::-1].copy()
    rows.has_sorted_indices = True  # a flag that SciPy does not check
    return rows


def wide_indices(X):
    rows = scipy.sparse.csr_matrix(X)
    rows.indices, rows.indptr = rows.indices.astype(np.int64), rows.indptr.astype(np.int64)
    return rows


SPARSE = {
    "in parts": in_parts,
    "with zeros": with_zeros,
    "unsorted": unsorted,
    "64-bit indices": wide_indices,
    "coo": lambda X: in_parts(X).tocoo(),
    "csc": lambda X: scipy.sparse.csc_matrix(with_zeros(X)),
    "dok": scipy.sparse.dok_matrix,
    "bsr": scipy.sparse.bsr_matrix,
    "csr_array": lambda X: scipy.sparse.csr_array(in_parts(X)),
    "sparse frame": lambda X: pd.DataFrame.sparse.from_spmatrix(with_zeros(X)),
    "longdouble": lambda X: scipy.sparse.csr_matrix(X).astype(np.longdouble),
}


@pytest.mark.parametrize("convert", SPARSE.values(), ids=SPARSE)
def test_sparse_data_is_what_it_adds_up_to(convert):
    given = convert(counts())
    before = given.copy()
    checked = check_data(given)
    whole = scipy.sparse.csr_matrix(counts())
    for part in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(checked, part), getattr(whole, part))
    assert checked.dtype == np.float64
    if not scipy.sparse.issparse(given):
        return
    assert given.nnz == before.nnz
    assert given.dtype == before.dtype
    for part in ("indices", "data"):
        if hasattr(given, part):
            np.testing.assert_array_equal(getattr(given, part), getattr(before, part))


@pytest.mark.parametrize("convert", [in_parts, with_zeros, unsorted])
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "jaccard"])
def test_sparse_data_has_the_affinities_of_what_it_adds_up_to(convert, metric):
    options = {"perplexity": 15, "metric": metric, "method": "exact"}
    X = counts() + np.eye(200, 30)
    fitted = PerplexityBasedNN(scipy.sparse.csr_matrix(X), **options)
    other = PerplexityBasedNN(convert(X), **options)
    assert abs(other.P - fitted.P).max() == 0
    new = X[:5] + 0.25 * (X[:5] > 0)
    found = other.to_new(convert(new)) - fitted.to_new(scipy.sparse.csr_matrix(new))
    assert abs(found).max() == 0


def test_a_stored_zero_is_a_distance():
    twice = np.repeat(np.random.default_rng(0).normal(size=(60, 3)), 2, axis=0)
    graph = kneighbors_graph(twice, 20, mode="distance")
    fitted = TSNE(metric="precomputed", perplexity=5).prepare_initial(graph).affinities
    nearest = fitted.knn_index.neighbors(1)
    np.testing.assert_array_equal(nearest.indices[:, 0], np.arange(120) ^ 1)
    named = PerplexityBasedNN(graph, perplexity=5, metric="precomputed")
    assert abs(named.P - fitted.P).max() == 0


class Subclass(np.ndarray):
    def __getitem__(self, key):
        raise AssertionError("a sub-class changes what arrays do")


DENSE = {
    "list": np.ndarray.tolist,
    "tuples": lambda X: tuple(map(tuple, X)),
    "rows": list,
    "big-endian": lambda X: X.astype(">f8"),
    "masked, nothing": np.ma.masked_array,
    "matrix": np.asmatrix,
    "sub-class": lambda X: X.view(Subclass),
    "objects": lambda X: X.astype(object),
    "decimals": lambda X: np.array([[Decimal(v) for v in row] for row in X.tolist()]),
    "columns": np.asfortranarray,
    "int64": lambda X: X.astype(np.int64),
    "int32, big-endian": lambda X: X.astype(">i4"),
    "frame": pd.DataFrame,
    "nullable": lambda X: pd.DataFrame(X).astype("Float64"),
    "nullable integers": lambda X: pd.DataFrame(X).astype("Int64"),
    "categories": lambda X: pd.DataFrame(X).astype("category"),
    "objects in a frame": lambda X: pd.DataFrame(X).astype(object),
}


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("convert", DENSE.values(), ids=DENSE)
def test_dense_data_in_another_representation(convert):
    X = counts(60, 5)
    checked = check_data(convert(X))
    np.testing.assert_array_equal(checked, X)
    assert type(checked) is np.ndarray
    assert checked.dtype == np.float64
    assert checked.flags.c_contiguous
    np.testing.assert_array_equal(check_positions(convert(X), name="Y"), X)


def test_small_types_in_another_representation():
    flags = counts(60, 5) > 0
    for given in (flags, flags.tolist(), flags.astype(np.uint8), pd.DataFrame(flags)):
        np.testing.assert_array_equal(check_data(given), flags)
    for given in (flags.astype(">f4"), flags.astype(">i2"), flags.astype(np.int8)):
        assert check_data(given).dtype == np.float32
        np.testing.assert_array_equal(check_data(given), flags)
    sums = scipy.sparse.csr_matrix(
        (np.ones(3, bool), np.array([0, 0, 1]), np.array([0, 2, 3])), (2, 2)
    )
    np.testing.assert_array_equal(check_data(sums).toarray(), sums.toarray())


def masked():
    return np.ma.masked_array(np.ones((4, 2)), mask=np.eye(4, 2))


REFUSED = {
    "masked": (masked, "has 2 masked values; fill them in"),
    "masked rows": (lambda: list(masked()), "has 2 masked values"),
    "complex": (lambda: np.ones((4, 2)) * 1j, "is complex128; take the real part"),
    "complex objects": (lambda: (np.ones((4, 2)) * 1j).astype(object), "complex"),
    "dates": (lambda: np.zeros((4, 2), "M8[D]"), r"datetime64\[D\]; subtract a date and divide"),
    "times": (lambda: np.zeros((4, 2), "m8[s]"), r"timedelta64\[s\]; divide it by a unit"),
    "time objects": (lambda: [[datetime.timedelta(1), 1.0]] * 4, "timedelta; divide it by a unit"),
    "date objects": (lambda: [[datetime.date(2020, 1, 1), 1.0]] * 4, "date; subtract a date"),
    "records": (lambda: np.zeros((4, 2), [("a", float)]), "structured_to_unstructured"),
    "words": (lambda: [["a", "b"]] * 4, "name"),
    "ragged": (lambda: [[1.0], [1.0, 2.0]], "name"),
    "missing": (lambda: np.array([[None, 1.0]] * 4), "name"),
    "date frame": (lambda: pd.DataFrame({"a": pd.to_datetime(["2020-01-01"] * 4)}), "seconds"),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_data_that_is_not_a_table_of_numbers_is_refused_by_name(make, message):
    for check in (check_data, check_positions):
        with pytest.raises((TypeError, ValueError), match="name") as caught:
            check(make(), name="name")
        assert caught.match(message)


def test_complex_sparse_data_is_refused():
    with pytest.raises(ValueError, match="Complex data not supported: X is complex128"):
        check_data(scipy.sparse.csr_matrix(np.eye(3) * 1j))


def test_positions_that_are_text_are_refused():
    with pytest.raises(ValueError, match="Y must be an array of numbers"):
        check_positions(np.ones((3, 2)).astype(str), name="Y")


def test_a_broken_sparse_matrix_is_refused_before_anything_reads_it():
    broken = scipy.sparse.csr_matrix(counts(20, 4))
    broken.indices[3] = 2**30
    with pytest.raises(ValueError, match="X is a broken sparse matrix"):
        check_data(broken)
