"""Files of other programs: columnar tables, cytometers; and no traceback from any reader."""

import gzip
import shutil
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import io, sparse

from tsnekit.cli import main
from tsnekit.cli._columns import ColumnOptions
from tsnekit.cli._read import Reading, read_data

pytestmark = pytest.mark.filterwarnings("ignore:The 'future.infer_string' option is deprecated")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 5))
COUNTS = RNG.poisson(1, size=(24, 6))
IDS = [f"cell{i}-1" for i in range(24)]
GENES = [f"ENSG{i}" for i in range(6)]
QUICK = ["--perplexity=5", "--n-iter=20", "--early-exaggeration-iter=20", "--n-jobs=1", "--quiet"]


# -- Tables with typed columns ---------------------------------------------------------------------


@pytest.fixture
def frame():
    frame = pd.DataFrame(X.copy(), columns=list("abcde"))
    frame.insert(0, "id", IDS)
    frame["kind"] = pd.Categorical(["x", "y", "z"] * 8)
    return frame


def write_arrow(frame, path):
    pyarrow = pytest.importorskip("pyarrow")
    for part in ("parquet", "feather"):
        pytest.importorskip(f"pyarrow.{part}")
    table = pyarrow.Table.from_pandas(frame)
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(table, path)
    elif path.suffix == ".feather":
        pyarrow.feather.write_feather(table, path)
    else:
        with pyarrow.ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table)
    return str(path)


@pytest.mark.parametrize("ending", [".parquet", ".arrow", ".feather"])
@pytest.mark.parametrize("index", [False, True])
def test_arrow(frame, tmp_path, ending, index):
    given = frame.set_index("id") if index else frame
    path = write_arrow(given, tmp_path / f"t{ending}")
    found = read_data(path, Reading(columns=ColumnOptions(label_column="kind")))
    np.testing.assert_array_equal(found.X, X)
    assert list(found.ids) == IDS
    assert found.ids_name == "id"
    assert list(found.names) == list("abcde")
    assert list(found.labels) == list(frame["kind"])


def test_columns_that_may_be_missing(tmp_path):
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None, 3], dtype="Int64"),
            "flag": pd.array([True, False, True], dtype="boolean"),
            "unsure": [True, None, False],
        }
    )
    path = write_arrow(frame, tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=r"\(whole: 1, unsure: 1\), the first in row 1\."):
        read_data(path)
    found = read_data(path, Reading(columns=ColumnOptions(missing="drop")))
    np.testing.assert_array_equal(found.X, [[1, 1, 1], [3, 1, 0]])
    assert list(found.rows) == [0, 2]


def test_a_column_of_vectors_is_the_data(frame, tmp_path):
    frame = frame[["id", "kind", "a"]].assign(vector=list(X))
    path = write_arrow(frame, tmp_path / "t.parquet")
    found = read_data(path, Reading(columns=ColumnOptions(label_column="kind")))
    np.testing.assert_array_equal(found.X, X)
    assert found.names[1] == "vector[1]"
    assert list(found.ids) == IDS
    assert "holds vectors of 5 elements, which are the features; 'id', 'a' are not" in " ".join(
        found.notes
    )
    both = read_data(path, Reading(columns=ColumnOptions(columns=["a", "vector"])))
    np.testing.assert_array_equal(both.X, np.column_stack([X[:, 0], X]))
    ragged = frame.assign(vector=[row[: i % 2 + 1] for i, row in enumerate(X)])
    path = write_arrow(ragged, tmp_path / "r.parquet")
    with pytest.raises(ValueError, match="'vector' holds vectors of 1 to 2 elements"):
        read_data(path)
    path = write_arrow(frame.assign(more=list(X)), tmp_path / "two.parquet")
    with pytest.raises(ValueError, match=r"2 columns of vectors .* --columns says which"):
        read_data(path)


def test_an_index_of_several_levels(frame, tmp_path):
    path = write_arrow(frame.set_index(["kind", "id"]), tmp_path / "t.parquet")
    found = read_data(path, Reading(columns=ColumnOptions(label_column="kind", drop=["id"])))
    np.testing.assert_array_equal(found.X, X)
    assert list(found.labels) == list(frame["kind"])


def test_notes_of_the_index_that_pandas_does_not_understand(frame, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    table = pyarrow.Table.from_pandas(frame.drop(columns="kind"))
    noted = {b"pandas": b'{"index_columns": ["gone"], "column_indexes": [], "columns": [{}]}'}
    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(table.replace_schema_metadata(noted), path)
    np.testing.assert_array_equal(read_data(str(path)).X, X)


def test_dates_are_no_features(tmp_path):
    frame = pd.DataFrame({"x": [1.0, 2], "day": pd.to_datetime(["2020-01-02", "2020-01-03"])})
    path = write_arrow(frame, tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=r"column 'day' holds Timestamp.*in row 0.*--drop day"):
        read_data(path)


def write_fcs(path, markers=("", "CD3", "CD19", "")):
    flowio = pytest.importorskip("flowio")
    events = np.column_stack([X[:, :3], np.arange(24)]).astype(np.float32)
    with path.open("wb") as file:
        flowio.create_fcs(
            file,
            events.ravel(),
            ["FSC-A", "FITC-A", "PE-A", "Time"],
            opt_channel_names=list(markers),
        )
    return str(path)


def test_cytometers(tmp_path):
    found = read_data(write_fcs(tmp_path / "sample.fcs"))
    assert list(found.names) == ["FSC-A", "CD3", "CD19"]
    np.testing.assert_allclose(found.X, X[:, :3], atol=1e-6)
    assert "--transform arcsinh:150" in found.notes[0]
    assert "'Time' is the time and was left out" in found.notes[1]


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [
        ("t.parquet", "pyarrow", "arrow"),
        ("t.fcs", "flowio", "cytometry"),
        ("t.h5ad", "anndata", "scanpy"),
        ("t.h5", "h5py", "scanpy"),
    ],
)
def test_packages_that_are_not_installed(tmp_path, monkeypatch, name, package, extra):
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ValueError, match=rf"needs {package}: pip install 'tsnekit\[{extra}\]'"):
        read_data(str(tmp_path / name))


# -- Samples in columns ----------------------------------------------------------------------------


def test_samples_in_columns(tmp_path, capsys):
    frame = pd.DataFrame(X.T.copy(), index=[f"g{i}" for i in range(5)], columns=IDS)
    frame.index.name = "gene"
    path = tmp_path / "t.csv"
    frame.to_csv(path)
    found = read_data(str(path), Reading(transpose=True))
    np.testing.assert_allclose(found.X, X)
    assert list(found.ids) == IDS
    assert list(found.names) == [f"g{i}" for i in range(5)]
    output = tmp_path / "map.csv"
    assert main(["embed", str(path), "--transpose", "--output", str(output), *QUICK]) == 0
    joined = frame.T.join(pd.read_csv(output, index_col="id"))
    assert joined["tsne1"].notna().all()
    frame.iloc[2, 7] = np.nan
    frame.to_csv(path)
    with pytest.raises(ValueError, match=r"\(g2: 1\), the first in the column of sample cell7-1"):
        read_data(str(path), Reading(transpose=True))


def test_samples_in_columns_with_a_row_of_labels(tmp_path):
    frame = pd.DataFrame(X.T.copy(), index=[f"g{i}" for i in range(5)], columns=IDS).astype(object)
    frame.loc["kind"] = ["x", "y"] * 12
    frame.to_csv(tmp_path / "t.csv")
    reading = Reading(transpose=True, columns=ColumnOptions(label_column="kind"))
    found = read_data(str(tmp_path / "t.csv"), reading)
    np.testing.assert_allclose(found.X, X)
    assert list(found.labels) == ["x", "y"] * 12


def test_arrays_with_samples_in_columns(tmp_path):
    np.save(tmp_path / "t.npy", X.T)
    np.testing.assert_array_equal(read_data(str(tmp_path / "t.npy"), Reading(transpose=True)).X, X)


# -- What is wrong, where, and what to do ----------------------------------------------------------


@pytest.mark.parametrize("infinite", [False, True])
def test_holes_in_arrays(tmp_path, infinite):
    holes = X.copy()
    holes[3, 2] = np.inf if infinite else np.nan
    np.savez(tmp_path / "t.npz", X=holes, y=np.arange(24))
    path = str(tmp_path / "t.npz")
    lack = "missing or infinite" if infinite else "missing"
    message = rf"1 of 24 rows have {lack} values \(column 2: 1\), the first in row 3\. --missing"
    with pytest.raises(ValueError, match=message):
        read_data(path)
    found = read_data(path, Reading(columns=ColumnOptions(missing="drop")))
    assert list(found.labels) == [i for i in range(24) if i != 3]
    filled = read_data(path, Reading(columns=ColumnOptions(missing="mean"))).X
    assert filled[3, 2] == pytest.approx(np.delete(X[:, 2], 3).mean())


def test_records_are_a_table(tmp_path):
    records = np.array([(1.0, 2), (3.0, 4)], dtype=[("x", float), ("n", int)])
    np.save(tmp_path / "t.npy", records)
    found = read_data(str(tmp_path / "t.npy"))
    np.testing.assert_array_equal(found.X, [[1, 2], [3, 4]])
    assert list(found.names) == ["x", "n"]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array(["a", "b"]), r"its shape is \(2,\)"),
        (np.array([["a", "b"]]), "numbers, but its dtype is <U1"),
        (np.ones((2, 2), complex), "its dtype is complex128"),
        (np.float64(3), r"its shape is \(\)"),
        (np.ones((0, 3)), r"its shape is \(0, 3\)"),
    ],
)
def test_arrays_that_are_no_rows_of_numbers(tmp_path, array, message):
    np.save(tmp_path / "t.npy", array)
    with pytest.raises(ValueError, match=rf"t\.npy must hold.*{message}"):
        read_data(str(tmp_path / "t.npy"))


def test_unknown_endings_name_those_that_are_known(tmp_path):
    (tmp_path / "t.xlsx").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"t\.xlsx must be a .*\.parquet.*\.fcs"):
        read_data(str(tmp_path / "t.xlsx"))


SAMPLES = ["t.npy", "t.npz", "s.npz", "t.csv", "t.csv.gz", "t.parquet", "t.arrow", "t.fcs",
           "t.h5ad", "t.h5", "t.mtx", "t.mtx.gz"]  # fmt: skip


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """Write a file of each kind and return their bytes."""
    folder = tmp_path_factory.mktemp("samples")
    np.save(folder / "t.npy", X)
    np.savez(folder / "t.npz", X=X)
    sparse.save_npz(folder / "s.npz", sparse.csr_matrix(COUNTS))
    frame = pd.DataFrame(X, columns=list("abcde"))
    frame.to_csv(folder / "t.csv")
    frame.to_csv(folder / "t.csv.gz")
    io.mmwrite(folder / "t.mtx", sparse.coo_matrix(COUNTS))
    (folder / "t.mtx.gz").write_bytes(gzip.compress((folder / "t.mtx").read_bytes()))
    try:
        import pyarrow.parquet  # noqa: F401

        write_arrow(frame, folder / "t.parquet")
        write_arrow(frame, folder / "t.arrow")
    except ImportError:
        pass
    try:
        import anndata

        anndata.AnnData(X).write_h5ad(folder / "t.h5ad")
        shutil.copy(folder / "t.h5ad", folder / "t.h5")
    except ImportError:
        pass
    try:
        import flowio  # noqa: F401

        write_fcs(folder / "t.fcs")
    except ImportError:
        pass
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refusal(path):
    """Return why a file is not read, or None."""
    try:
        read_data(str(path))
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", SAMPLES)
def test_damaged_files_end_in_a_message(tmp_path, samples, name):
    """A file that is cut or changed is read, or refused by a ValueError with its name."""
    if name not in samples:
        pytest.skip("the package that writes it is not installed")
    whole = samples[name]
    rng = np.random.default_rng(0)
    path = tmp_path / name
    variants = [b"", b"\0" * 9, b"text\n", *(other for other in samples.values())]
    variants += [whole[: int(len(whole) * part)] for part in (0.1, 0.5, 0.9, 0.999)]
    for _ in range(12):
        changed = bytearray(whole)
        for place in rng.integers(len(whole), size=8):
            changed[place] = rng.integers(256)
        variants.append(bytes(changed))
    for content in variants:
        path.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            message = refusal(path)
        assert message is None or name in message
