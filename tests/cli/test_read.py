"""Arrays, cells and labels in the forms that users have, and what the command line reads."""

import json

import numpy as np
import pytest
from scipy import sparse

from tsnekit.cli import main
from tsnekit.cli._read import Data, Reading, read_data, read_labels

X = np.random.default_rng(0).normal(size=(24, 5))
CODES = np.arange(24) % 12
QUICK = ["--perplexity=5", "--n-iter=20", "--early-exaggeration-iter=20", "--n-jobs=1", "--quiet"]


def test_sparse_matrices(tmp_path):
    matrix = sparse.random(30, 20, density=0.2, format="coo", random_state=0)
    sparse.save_npz(tmp_path / "counts.npz", matrix)
    found = read_data(str(tmp_path / "counts.npz")).X
    np.testing.assert_array_equal(found.toarray(), matrix.toarray())
    assert main(["embed", str(tmp_path / "counts.npz"), "--pca=4", *QUICK]) == 0


def test_images_are_rows(tmp_path):
    images = np.arange(24.0).reshape(4, 3, 2)
    np.save(tmp_path / "images.npy", images)
    found = read_data(str(tmp_path / "images.npy"))
    np.testing.assert_array_equal(found.X, images.reshape(4, 6))
    assert "(4, 3, 2)" in found.notes[0]


def test_arrays_without_a_known_name(tmp_path):
    np.savez(tmp_path / "t.npz", counts=X, genes=X[0])
    with pytest.raises(ValueError, match="choose one of its arrays with --key: counts, g"):
        read_data(str(tmp_path / "t.npz"))
    np.testing.assert_array_equal(read_data(str(tmp_path / "t.npz"), Reading(key="counts")).X, X)


def test_labels_saved_as_objects(tmp_path):
    text = np.array(["a", "b"] * 12, dtype=object)
    np.savez(tmp_path / "t.npz", X=X, y=text)
    found = read_data(str(tmp_path / "t.npz"))
    np.testing.assert_array_equal(found.X, X)
    assert found.labels is None
    assert "array 'y' of" in found.notes[0]
    np.save(tmp_path / "y.npy", text, allow_pickle=True)
    with pytest.raises(ValueError, match=r"y\.npy holds .* save text as str"):
        read_labels(str(tmp_path / "y.npy"), Data(X))


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00v", b"PK\x03\x04 cut off", b"text"])
def test_damaged_arrays_are_named(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} is not a"):
        read_data(str(path))


def labels_of(tmp_path, lines, name="labels.txt", data=None, encoding="utf-8", **options):
    path = tmp_path / name
    path.write_text("".join(f"{line}\n" for line in lines), encoding=encoding)
    return read_labels(str(path), Data(X) if data is None else data, **options)[0]


@pytest.mark.parametrize("name", ["labels.txt", "labels.csv", "labels.tsv"])
class TestLabels:
    """Labels are the same for every ending of the file name."""

    def test_numbers_are_numbers(self, tmp_path, name):
        np.testing.assert_array_equal(labels_of(tmp_path, CODES, name), CODES)
        np.testing.assert_array_equal(labels_of(tmp_path, X[:, 0], name), X[:, 0])

    def test_text(self, tmp_path, name):
        given = [f"type {code}" for code in CODES]
        assert list(labels_of(tmp_path, given, name)) == given

    def test_quotes_are_no_part_of_a_label(self, tmp_path, name):
        assert list(labels_of(tmp_path, ['"A, b"'] * 24, name)) == ["A, b"] * 24

    def test_a_byte_order_mark_is_no_part_of_a_label(self, tmp_path, name):
        assert set(labels_of(tmp_path, ["A", "B"] * 12, name, encoding="utf-8-sig")) == {"A", "B"}

    @pytest.mark.parametrize("missing", ["", "NA", "nan"])
    @pytest.mark.parametrize("place", [0, 5, 23])
    def test_missing_labels(self, tmp_path, name, missing, place):
        given = ["A", "B"] * 12
        given[place] = missing
        found = labels_of(tmp_path, given, name)
        kept = np.delete(np.arange(24), place)
        assert found[place] != found[place]
        assert list(found[kept]) == [given[i] for i in kept]

    def test_as_many_lines_as_rows_have_no_header(self, tmp_path, name):
        given = ["celltype", *("AB" * 12)]
        assert list(labels_of(tmp_path, given, name)) == list("AB" * 12)
        assert list(labels_of(tmp_path, given[:24], name)) == given[:24]
        assert labels_of(tmp_path, ["age", *CODES], name).name == "age"

    def test_another_number_of_rows(self, tmp_path, name):
        with pytest.raises(ValueError, match="has 22 labels, but the data has 24 rows"):
            labels_of(tmp_path, CODES[:22], name)


def test_labels_in_one_of_several_columns(tmp_path):
    lines = ["id,type", *(f"s{i},{'AB'[i % 2]}" for i in range(24))]
    with pytest.raises(ValueError, match=r"2 columns \('id', 'type'\).*--label-column"):
        labels_of(tmp_path, lines)
    assert list(labels_of(tmp_path, lines, column="type")) == list("AB" * 12)
    with pytest.raises(ValueError, match="no column 'typ'"):
        labels_of(tmp_path, lines, column="typ")


def test_labels_of_rows_that_were_left_out(tmp_path):
    kept = np.array([0, 3, 7])
    data = Data(X[kept], n_rows=24, rows=kept)
    np.testing.assert_array_equal(labels_of(tmp_path, CODES, data=data), CODES[kept])


def test_from_a_table_to_a_map(tmp_path, capsys):
    import pandas as pd

    frame = pd.DataFrame(X.copy(), columns=list("abcde"), index=[f"cell {i}" for i in range(24)])
    frame["kind"] = ["x", "y"] * 12
    frame.iloc[3, 1] = np.nan
    source, output = tmp_path / "cells.csv", tmp_path / "map.csv"
    frame.to_csv(source)
    arguments = [
        "embed", str(source), "--label-column", "kind", "--missing", "drop", "--json",
        "--output", str(output), "--plot", str(tmp_path / "p.svg"),
    ]  # fmt: skip
    assert main([*arguments, *QUICK]) == 0
    shown = capsys.readouterr()
    summary = json.loads(shown.out)
    assert (summary["n_samples"], summary["n_features"]) == (23, 5)
    notes = shown.err.splitlines()
    assert all(line.startswith("tsnekit: note: ") for line in notes)
    assert len(notes) == 2
    joined = frame.join(pd.read_csv(output, index_col="id"))
    assert joined["tsne1"].isna().sum() == 1
    assert "<!-- kind -->" in (tmp_path / "p.svg").read_text()


@pytest.mark.parametrize("name", ["none.h5ad", "cut.h5ad"])
def test_damaged_files_of_cells(tmp_path, capsys, name):
    pytest.importorskip("anndata")
    (tmp_path / name).write_bytes(b"\x89HDF\r\n\x1a\n" if name == "cut.h5ad" else b"")
    assert main(["embed", str(tmp_path / name), *QUICK]) == 2
    assert "is not a whole .h5ad file" in capsys.readouterr().err


def test_cells_without_x(tmp_path, capsys):
    anndata = pytest.importorskip("anndata")
    import pandas as pd

    cells = anndata.AnnData(obs=pd.DataFrame(index=[f"c{i}" for i in range(24)]))
    cells.obsm["X_pca"] = X
    cells.write_h5ad(tmp_path / "a.h5ad")
    output = tmp_path / "map.csv"
    assert main(["embed", str(tmp_path / "a.h5ad"), "--output", str(output), *QUICK]) == 0
    assert list(pd.read_csv(output)["id"]) == list(cells.obs_names)
    del cells.obsm["X_pca"]
    cells.obsm["other"] = X
    cells.write_h5ad(tmp_path / "b.h5ad")
    capsys.readouterr()
    assert main(["embed", str(tmp_path / "b.h5ad"), *QUICK]) == 2
    assert "--use-rep must be a key of adata.obsm (other)" in capsys.readouterr().err
