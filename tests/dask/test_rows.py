"""What X may be on a cluster, and what is said of everything else."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

pytest.importorskip("distributed", reason="dask and distributed are missing")

import dask
import dask.array as da

from tsnekit.dask import _cluster, _rows


@pytest.fixture(name="X")
def data():
    return np.random.default_rng(0).normal(size=(20, 3))


def computed(rows):
    return dask.compute(*rows.chunks, scheduler="synchronous")


def test_chunks_of_an_array_are_its_rows(X):
    rows = _rows.rows_of(da.from_array(X, chunks=(8, 3)), None)
    assert rows.sizes == (8, 8, 4)
    assert (rows.n_samples, rows.n_features, rows.sparse) == (20, 3, False)
    np.testing.assert_array_equal(np.concatenate(computed(rows)), X)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("float32", "float32"), ("float64", "float64"), ("uint8", "float32"), ("int64", "float64")],
)
def test_types_are_those_of_a_fit_in_memory(X, given, kept):
    rows = _rows.rows_of(da.from_array(np.abs(X * 10).astype(given), chunks=(8, 3)), None)
    assert rows.dtype == kept
    assert {each.dtype for each in computed(rows)} == {np.dtype(kept)}


def test_empty_chunks_are_left_out(X):
    rows = _rows.rows_of(da.from_array(X, chunks=((8, 0, 12), 3)), None)
    assert rows.sizes == (8, 12)
    np.testing.assert_array_equal(np.concatenate(computed(rows)), X)


def sparse_rows(X, meta):
    dense = da.from_array(np.where(X > 0, X, 0), chunks=(8, 3))
    return dense.map_blocks(csr_matrix, meta=meta)


def test_sparse_chunks(X):
    rows = _rows.rows_of(sparse_rows(X, csr_matrix((0, 0))), None)
    assert rows.sparse
    chunks = computed(rows)
    assert all(isinstance(each, csr_matrix) for each in chunks)
    np.testing.assert_array_equal(np.concatenate([c.toarray() for c in chunks]), np.maximum(X, 0))


def test_sparse_chunks_that_dask_takes_for_dense(X):
    rows = _rows.rows_of(sparse_rows(X, np.zeros((0, 0))), None)
    with pytest.raises(ValueError, match=r"chunk 0 of X \(rows 0 to 7\) is sparse, but .* meta="):
        computed(rows)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda X: X.compute(), TypeError, r"got ndarray; .* dask.array.from_array"),
        (lambda X: csr_matrix(X.compute()), TypeError, r"got csr_matrix; .*from_array"),
        (lambda X: pd.DataFrame(X.compute()), TypeError, r"got DataFrame; .*from_pandas"),
        (lambda X: "big.zarr", TypeError, r"got str; open a file with .*open_rows"),
        (lambda X: X[X[:, 0] > 0], ValueError, r"X\.compute_chunk_sizes\(\)"),
        (lambda X: X.rechunk((8, 2)), ValueError, r"3 columns are in 2 chunks; call X\.rechunk"),
        (lambda X: X[:, 0], ValueError, "two-dimensional"),
        (lambda X: X[:, :0], ValueError, "at least one column"),
        (lambda X: X.astype(complex), ValueError, "Complex data"),
        (lambda X: X.astype("datetime64[s]"), TypeError, "must hold numbers"),
        (lambda X: X.astype("U5"), ValueError, "X"),
    ],
)
def test_what_is_refused_before_anything_is_read(X, change, error, message):
    given = change(da.from_array(X, chunks=(8, 3)))
    with pytest.raises(error, match=message):
        _rows.rows_of(given, None)


@pytest.mark.parametrize("sparse", [False, True])
def test_nan_in_a_chunk_is_found_by_its_task(X, sparse):
    X[13, 1] = np.nan
    given = da.from_array(X, chunks=(8, 3))
    given = given.map_blocks(csr_matrix, meta=csr_matrix((0, 0))) if sparse else given
    rows = _rows.rows_of(given, None)
    with pytest.raises(
        ValueError, match=r"chunk 1 of X \(rows 8 to 15\).*first such row is row 13"
    ):
        computed(rows)


def test_new_rows_must_be_like_the_data(X):
    like = _rows.rows_of(da.from_array(X, chunks=(8, 3)), None)
    with pytest.raises(ValueError, match="new has 2 features, but the fitted data has 3"):
        _rows.rows_of(da.from_array(X[:, :2], chunks=(8, 2)), None, name="new", like=like)
    sparse = _rows.rows_of(sparse_rows(X, csr_matrix((0, 0))), None, like=like)
    assert all(isinstance(each, np.ndarray) for each in computed(sparse))


# -- Files -----------------------------------------------------------------------------------------


def test_numpy_files_are_read_chunk_by_chunk(X, tmp_path):
    np.save(tmp_path / "X.npy", X)
    opened = _rows.open_rows(tmp_path / "X.npy", chunk_rows=7)
    assert opened.chunks == ((7, 7, 6), (3,))
    np.testing.assert_array_equal(opened.compute(scheduler="synchronous"), X)
    assert _rows.open_rows(tmp_path / "X.npy").numblocks == (1, 1)


def test_a_file_that_changed_is_not_the_one_that_was_opened(X, tmp_path):
    np.save(tmp_path / "X.npy", X)
    opened = _rows.open_rows(tmp_path / "X.npy", chunk_rows=7)
    np.save(tmp_path / "X.npy", X[:19])
    with pytest.raises(ValueError, match="has changed since it was opened"):
        opened.compute(scheduler="synchronous")


def test_zarr_arrays_in_chunks_of_whole_rows(X, tmp_path):
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(tmp_path / "X.zarr", shape=X.shape, dtype=X.dtype, chunks=(6, 2))
    array[:] = X
    opened = _rows.open_rows(tmp_path / "X.zarr", chunk_rows=6)
    assert opened.chunks == ((6, 6, 6, 2), (3,))
    np.testing.assert_array_equal(opened.compute(scheduler="synchronous"), X)
    assert _rows.open_rows(tmp_path / "X.zarr").numblocks == (1, 1)


def test_zarr_groups_need_the_name_of_an_array(X, tmp_path):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(tmp_path / "g.zarr", mode="w")
    group.create_array("X", shape=X.shape, dtype=X.dtype)[:] = X
    with pytest.raises(ValueError, match=r"a group and no array \(X\); name .* component"):
        _rows.open_rows(tmp_path / "g.zarr")
    assert _rows.open_rows(tmp_path / "g.zarr", component="X").shape == X.shape


def test_files_that_cannot_be_opened(X, tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.zarr, \.parquet, \.npy"):
        _rows.open_rows("X.csv")
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        _rows.open_rows(tmp_path / "X.npy")
    np.save(tmp_path / "X.npy", X.ravel())
    with pytest.raises(ValueError, match=r"rows and columns, but its shape is \(60,\)"):
        _rows.open_rows(tmp_path / "X.npy")
    (tmp_path / "bad.npy").write_bytes(b"no array")
    with pytest.raises(ValueError, match=r"not a whole \.npy file"):
        _rows.open_rows(tmp_path / "bad.npy")
    with pytest.raises(ValueError, match="component names an array in a Zarr group"):
        _rows.open_rows(tmp_path / "X.npy", component="X")
    with pytest.raises(ValueError, match="chunk_rows must be at least 1"):
        _rows.open_rows(tmp_path / "X.npy", chunk_rows=0)


# -- On a cluster ----------------------------------------------------------------------------------


def test_frames(client, X, tmp_path):
    frames = pytest.importorskip("dask.dataframe")
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).astype({"a": "float32"})
    frame.to_parquet(tmp_path / "X.parquet")
    for given in (
        frames.from_pandas(frame, npartitions=3),
        _rows.open_rows(tmp_path / "X.parquet"),
    ):
        rows = _rows.rows_of(given, client)
        assert rows.n_samples == 20
        assert rows.feature_names == ("a", "b", "c")
        assert rows.dtype == np.float64
        found = np.concatenate(client.gather(client.compute(rows.chunks)))
        np.testing.assert_array_equal(found, frame.to_numpy())
    with pytest.raises(ValueError, match="lacks 'a'"):
        _rows.rows_of(given.rename(columns={"a": "z"}), client, like=rows)
    with pytest.raises(ValueError, match="columns of numbers only, but 'd'"):
        _rows.rows_of(given.assign(d="text"), client)


# -- Clients ---------------------------------------------------------------------------------------


def test_clients_that_cannot_be_used(client):
    from distributed import Client

    with pytest.raises(ValueError, match="there is no Dask client; make one first"):
        _cluster.find_client(None)
    with pytest.raises(TypeError, match=r"must be a distributed\.Client or None, got str"):
        _cluster.find_client("tcp://127.0.0.1:8786")
    closed = Client(client.scheduler.address, set_as_default=False)
    closed.close()
    with pytest.raises(ValueError, match="client is closed"):
        _cluster.find_client(closed)
    assert _cluster.find_client(client) is client
    with client.as_current():
        assert _cluster.find_client(None) is client


def test_a_task_cannot_wait_for_its_own_cluster(client):
    with pytest.raises(ValueError, match="cannot be used within a task"):
        client.submit(_cluster.find_client, None).result()


def versions(**worker):
    own = {"tsnekit": "1.2.3", "python": "3.11.7.final.0", "numpy": "2.1.0"}
    return {
        "client": {"packages": own},
        "workers": {"tcp://1.2.3.4:5": {"packages": own | worker}},
    }


def test_versions_of_client_and_workers_must_agree():
    _cluster.check_versions(versions())
    _cluster.check_versions(versions(python="3.11.9.final.0", numpy="2.1.3"))
    for package, other in (("tsnekit", "1.2.4"), ("python", "3.12.7.final.0"), ("numpy", "2.0.0")):
        with pytest.raises(
            ValueError, match=rf"the same {package}, but .* worker tcp://1\.2\.3\.4"
        ):
            _cluster.check_versions(versions(**{package: other}))
    with pytest.raises(ValueError, match=r"has 1\.2\.3 and worker .* has none"):
        _cluster.check_versions(versions(tsnekit=None))


def test_the_workers_of_the_tests_have_the_versions_of_the_client(client):
    threads = _cluster.check_cluster(client)
    assert sorted(threads.values()) == [1, 1]


@pytest.mark.parametrize(("given", "meant"), [(None, 1), (1, 1), (8, 8), (-1, 4), (-2, 3), (-9, 1)])
def test_threads_are_those_that_dask_gave_the_smallest_worker(given, meant):
    assert _cluster.threads_of(given, {"a": 4, "b": 8}) == meant
