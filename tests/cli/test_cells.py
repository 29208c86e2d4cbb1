"""Files of single cells: .h5ad, and what Cell Ranger writes."""

import gzip

import numpy as np
import pandas as pd
import pytest
from scipy import io, sparse

from tsnekit._drawing.labels import Values
from tsnekit.cli import main
from tsnekit.cli._read import Reading, read_data

pytestmark = pytest.mark.filterwarnings("ignore:The 'future.infer_string' option is deprecated")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 5))
COUNTS = RNG.poisson(1, size=(24, 6))
IDS = [f"cell{i}-1" for i in range(24)]
GENES = [f"ENSG{i}" for i in range(6)]
QUICK = ["--perplexity=5", "--n-iter=20", "--early-exaggeration-iter=20", "--n-jobs=1", "--quiet"]


@pytest.fixture
def cells(tmp_path):
    anndata = pytest.importorskip("anndata")
    adata = anndata.AnnData(COUNTS.astype(np.float32))
    adata.obs_names, adata.var_names = IDS, GENES
    adata.obs["type"] = pd.Categorical(["B", "T", "NK"] * 8, categories=["T", "B", "NK"])
    adata.uns["type_colors"] = np.array(["#ff0000", "#00ff00", "#0000ff"])
    adata.obsm["X_pca"] = X
    adata.layers["log"] = np.log1p(COUNTS)
    path = tmp_path / "cells.h5ad"
    adata.write_h5ad(path)
    return adata, str(path)


def test_representations_of_cells(cells):
    _, path = cells
    for reading, wanted in (
        (Reading(), X),
        (Reading(n_pcs=2), X[:, :2]),
        (Reading(n_pcs=0), COUNTS),
        (Reading(use_rep="X"), COUNTS),
        (Reading(layer="log"), np.log1p(COUNTS)),
    ):
        found = read_data(path, reading)
        np.testing.assert_allclose(found.X, wanted)
        assert list(found.ids) == IDS
        assert found.names == (GENES if wanted.shape[1] == 6 else None)


def test_colours_of_the_file_and_genes(cells, tmp_path):
    _, path = cells
    found = read_data(path, Reading(labels="type"))
    assert found.colors == {"T": "#ff0000", "B": "#00ff00", "NK": "#0000ff"}
    gene = read_data(path, Reading(labels="ENSG2")).labels
    assert isinstance(gene, Values)
    np.testing.assert_array_equal(gene.values, COUNTS[:, 2])
    logged = read_data(path, Reading(labels="ENSG2", layer="log")).labels
    np.testing.assert_allclose(logged.values, np.log1p(COUNTS[:, 2]))
    with pytest.raises(ValueError, match=r"nor a gene of .*did you mean 'type'"):
        read_data(path, Reading(labels="typ"))
    picture = tmp_path / "p.svg"
    for option in ("--labels=type", "--label-column=type"):
        assert main(["embed", path, option, "--plot", str(picture), *QUICK]) == 0
        assert "fill: #ff0000" in picture.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--n-pcs=9"], "--n-pcs must be at most 5, the columns of 'X_pca', got 9"),
        (["--n-pcs=2", "--use-rep=X"], "--n-pcs 2 is for a key of adata.obsm"),
        (["--layer=raw"], "--layer must be a key of adata.layers (log), got 'raw'"),
        (["--layer=log", "--use-rep=X_pca"], "it cannot be given with --use-rep 'X_pca'"),
        (["--transpose"], "--transpose is not for .h5ad files"),
    ],
)
def test_representations_that_are_not_there(cells, capsys, arguments, message):
    assert main(["embed", cells[1], *arguments, *QUICK]) == 2
    assert message in capsys.readouterr().err


def ten_x(folder, *, packed=True, beginning="", antibodies=0):
    """Write what Cell Ranger writes."""
    folder.mkdir(exist_ok=True)
    ending = ".gz" if packed else ""
    matrix = folder / f"{beginning}matrix.mtx"
    io.mmwrite(matrix, sparse.coo_matrix(COUNTS.T), field="integer")
    kinds = ["Gene Expression"] * (6 - antibodies) + ["Antibody Capture"] * antibodies
    lines = {
        "barcodes.tsv": IDS,
        "features.tsv": [f"{g}\tname{g}\t{kind}" for g, kind in zip(GENES, kinds, strict=True)],
    }
    for name, rows in lines.items():
        (folder / f"{beginning}{name}{ending}").write_bytes(
            (gzip.compress if packed else bytes)("".join(f"{row}\n" for row in rows).encode())
        )
    if packed:
        (folder / f"{beginning}matrix.mtx.gz").write_bytes(gzip.compress(matrix.read_bytes()))
        matrix.unlink()
    return folder / f"{beginning}matrix.mtx{ending}"


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("beginning", ["", "GSM1_"])
def test_folders_of_cell_ranger(tmp_path, packed, beginning):
    matrix = ten_x(tmp_path / "filtered", packed=packed, beginning=beginning)
    for source in (tmp_path / "filtered", matrix):
        found = read_data(str(source))
        np.testing.assert_array_equal(found.X.toarray(), COUNTS)
        assert list(found.ids) == IDS
        assert found.names == GENES
        assert "--transform log1p --pca 50" in found.notes[0]
    gene = read_data(str(matrix), Reading(labels="ENSG1")).labels
    np.testing.assert_array_equal(gene.values, COUNTS[:, 1])


def test_antibodies_are_left_out(tmp_path):
    ten_x(tmp_path / "filtered", antibodies=2)
    found = read_data(str(tmp_path / "filtered"))
    np.testing.assert_array_equal(found.X.toarray(), COUNTS[:, :4])
    assert "2 features of Antibody Capture were left out" in found.notes[1]


def test_matrices_without_names(tmp_path):
    io.mmwrite(tmp_path / "counts.mtx", sparse.coo_matrix(COUNTS))
    found = read_data(str(tmp_path / "counts.mtx")).X
    np.testing.assert_array_equal(found.toarray(), COUNTS)
    found = read_data(str(tmp_path / "counts.mtx"), Reading(transpose=True)).X
    np.testing.assert_array_equal(found.toarray(), COUNTS.T)


@pytest.mark.parametrize("version", [2, 3])
def test_h5_files_of_cell_ranger(tmp_path, version):
    h5py = pytest.importorskip("h5py")
    matrix = sparse.csc_matrix(COUNTS.T)
    with h5py.File(tmp_path / "filtered.h5", "w") as file:
        group = file.create_group("matrix" if version == 3 else "GRCh38")
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(matrix, name)
        group["shape"] = matrix.shape
        group["barcodes"] = np.array(IDS, dtype="S")
        if version == 2:
            group["genes"] = np.array(GENES, dtype="S")
        else:
            features = group.create_group("features")
            features["id"] = np.array(GENES, dtype="S")
            features["feature_type"] = np.array(["Gene Expression"] * 6, dtype="S")
    found = read_data(str(tmp_path / "filtered.h5"))
    np.testing.assert_array_equal(found.X.toarray(), COUNTS)
    assert list(found.ids) == IDS
    assert found.names == GENES


def test_what_cell_ranger_did_not_write(tmp_path):
    ten_x(tmp_path / "short")
    (tmp_path / "short" / "barcodes.tsv.gz").write_bytes(gzip.compress(b"one\n"))
    with pytest.raises(ValueError, match="there are names of 6 features and 1 barcodes"):
        read_data(str(tmp_path / "short"))
    (tmp_path / "short" / "barcodes.tsv.gz").unlink()
    with pytest.raises(ValueError, match=r"has no barcodes\.tsv and features\.tsv"):
        read_data(str(tmp_path / "short"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"is a folder without a matrix\.mtx"):
        read_data(str(tmp_path / "empty"))
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = X
    with pytest.raises(ValueError, match=r"other\.h5 is not a \.h5 file of Cell Ranger"):
        read_data(str(tmp_path / "other.h5"))
