"""Maps as files: ids and labels beside the positions, which join to the rows in one call."""

import sys

import numpy as np
import pandas as pd
import pytest

import tsnekit
from tsnekit._drawing.labels import Classes, Values
from tsnekit.cli import main
from tsnekit.cli._noted import load_noted

QUICK = ["--perplexity=5", "--n-iter=20", "--early-exaggeration-iter=20", "--n-jobs=1", "--quiet"]
X = np.random.default_rng(0).normal(size=(24, 4))


@pytest.fixture
def cells(tmp_path):
    """Write a table with ids, labels and a hole, and return its frame and path."""
    frame = pd.DataFrame(X.copy(), columns=list("abcd"))
    frame.insert(0, "cell", [f"cell {i}" for i in range(24)])
    frame["kind"] = ["x", "y", None] * 8
    frame.loc[3, "a"] = np.nan
    path = tmp_path / "cells.csv"
    frame.to_csv(path, index=False)
    return frame, path


def embed(path, output, *arguments):
    return main(["embed", str(path), "--output", str(output), *arguments, *QUICK])


TABLE = ["--label-column", "kind", "--missing", "drop"]


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet"])
def test_tables_join_in_one_call(cells, tmp_path, ending):
    frame, path = cells
    output = tmp_path / f"map{ending}"
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    assert embed(path, output, *TABLE) == 0
    read = {
        ".csv": pd.read_csv,
        ".tsv": lambda p: pd.read_csv(p, sep="\t"),
        ".parquet": pd.read_parquet,
    }
    found = read[ending](output)
    assert list(found.columns) == ["cell", "label", "tsne1", "tsne2"]
    merged = frame.merge(found)
    assert len(merged) == 23
    assert "cell 3" not in set(merged["cell"])
    assert list(merged["label"].fillna("")) == list(merged["kind"].fillna(""))


def test_rows_without_ids_are_counted(cells, tmp_path):
    frame, path = cells
    frame.drop(columns="cell").to_csv(path, index=False)
    assert embed(path, tmp_path / "map.csv", *TABLE) == 0
    joined = frame.join(pd.read_csv(tmp_path / "map.csv", index_col="row"))
    assert list(np.flatnonzero(joined["tsne1"].isna())) == [3]


def test_an_index_of_pandas_without_a_name(cells, tmp_path):
    frame, path = cells
    frame.drop(columns="cell").to_csv(path)
    assert embed(path, tmp_path / "map.csv", *TABLE) == 0
    joined = pd.read_csv(path, index_col=0).join(pd.read_csv(tmp_path / "map.csv", index_col="id"))
    assert list(np.flatnonzero(joined["tsne1"].isna())) == [3]


@pytest.mark.parametrize("ending", [".csv", ".tsv"])
def test_as_few_digits_as_float32_needs(tmp_path, ending):
    np.save(tmp_path / "x.npy", X)
    embed(tmp_path / "x.npy", tmp_path / "map.npy")
    embed(tmp_path / "x.npy", tmp_path / f"map{ending}")
    wanted = np.load(tmp_path / "map.npy")
    lines = (tmp_path / f"map{ending}").read_text().splitlines()[1:]
    cells = [line.split("," if ending == ".csv" else "\t")[1:] for line in lines]
    assert cells == [[str(value) for value in row] for row in wanted]


def test_cells_keep_what_they_had(tmp_path):
    anndata = pytest.importorskip("anndata")
    adata = anndata.AnnData(
        X, obs=pd.DataFrame({"n": range(24)}, index=[f"c{i}" for i in range(24)])
    )
    adata.write_h5ad(tmp_path / "in.h5ad")
    assert embed(tmp_path / "in.h5ad", tmp_path / "out.h5ad") == 0
    found = anndata.read_h5ad(tmp_path / "out.h5ad")
    assert list(found.obs["n"]) == list(range(24))
    assert found.obsm["X_tsne"].shape == (24, 2)
    np.testing.assert_allclose(found.X, X)


@pytest.mark.filterwarnings("ignore:The 'future.infer_string' option is deprecated")
def test_a_table_as_cells(cells, tmp_path):
    anndata = pytest.importorskip("anndata")
    _, path = cells
    assert embed(path, tmp_path / "out.h5ad", *TABLE) == 0
    found = anndata.read_h5ad(tmp_path / "out.h5ad")
    assert list(found.var_names) == list("abcd")
    assert found.obs_names[3] == "cell 4"
    assert list(found.obs["label"])[:2] == ["x", "y"]
    assert found.obs["label"].isna().sum() == 8


def test_packages_that_are_not_installed(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert embed("iris", tmp_path / "map.parquet") == 2
    assert "needs pyarrow: pip install 'tsnekit[arrow]'" in capsys.readouterr().err


LABELS = {
    "text": (["x", "y", ""] * 8, Classes),
    "whole": ([0, 1, 2] * 8, Classes),
    "numbers": ([0.5, "", *np.arange(22) / 7], Values),
}


@pytest.mark.parametrize("kind", LABELS)
def test_maps_keep_ids_and_labels(cells, tmp_path, kind):
    _, path = cells
    given, wanted = LABELS[kind]
    (tmp_path / "labels.txt").write_text("kind\n" + "".join(f"{each}\n" for each in given))
    output = tmp_path / "map.tsnekit"
    labels = ["--labels", str(tmp_path / "labels.txt"), "--drop", "kind", "--missing", "mean"]
    assert embed(path, output, *labels) == 0
    embedding, noted = load_noted(str(output))
    assert noted.ids == [f"cell {i}" for i in range(24)]
    assert noted.ids_name == "cell"
    assert type(noted.labels) is wanted
    assert noted.labels.title == "kind"
    missing = np.array([each == "" for each in given])
    np.testing.assert_array_equal(noted.labels.missing, missing)
    if wanted is Classes:
        found = [noted.labels.names[code] for code in noted.labels.codes[~missing]]
    else:
        found = noted.labels.values[~missing]
    assert list(found) == [each for each in given if each != ""]
    # Python reads the file too, and what it loads does not show progress.
    np.testing.assert_array_equal(tsnekit.load(output), embedding)
    assert not tsnekit.load(output).gradient_descent_params["verbose"]
