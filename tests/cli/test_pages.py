"""Pages to explore, from the command line."""

import json

import numpy as np
import pandas as pd
import pytest

from helpers.pages import read_page, shown
from tsnekit.cli import main

QUICK = ["--perplexity=5", "--n-iter=10", "--early-exaggeration-iter=10", "--n-jobs=1", "--quiet"]
N = 30


@pytest.fixture
def table(tmp_path):
    """Write a table with ids, classes, features, text that is no feature, and one hole."""
    rows = np.random.default_rng(0).normal(size=(N, 3))
    lines = ["cell,type,a,b,c,note"]
    for i, row in enumerate(rows):
        values = ",".join("" if (i, j) == (4, 1) else f"{v:.3f}" for j, v in enumerate(row))
        lines.append(f"cell{i:02},{'TB'[i % 2]},{values},note {i % 3}")
    path = tmp_path / "cells.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def embed(table, *arguments):
    options = ["--label-column=type", "--drop=note", "--missing=drop"]
    return main(["embed", str(table), *options, *arguments, *QUICK])


def test_a_page_has_the_rows_of_the_table(table, tmp_path, capsys):
    path = tmp_path / "map.html"
    assert embed(table, "--html", str(path), "--json", "--palette=T=red,B=blue") == 0
    assert json.loads(capsys.readouterr().out)["html"] == str(path)
    page = read_page(path)
    kept = [i for i in range(N) if i != 4]
    assert page["ids"] == [f"cell{i:02}" for i in kept]
    columns = {each["name"]: each for each in page["columns"]}
    assert [*columns] == ["type", "a", "b", "c", "note"]
    assert shown(columns["type"]) == ["TB"[i % 2] for i in kept]
    assert shown(columns["note"]) == [f"note {i % 3}" for i in kept]
    lines = table.read_text().splitlines()[1:]
    assert shown(columns["a"]) == [float(lines[i].split(",")[2]) for i in kept]
    assert columns["type"]["colors"] == ["#0000ff", "#ff0000"]
    assert page["title"] == "cells.csv"


def test_rows_without_ids_have_their_number_in_the_input(table, tmp_path):
    path = tmp_path / "map.html"
    assert embed(table, "--html", str(path), "--index=none", "--columns", "a", "b") == 0
    assert read_page(path)["ids"] == [i for i in range(N) if i != 4]


def test_a_saved_map(table, tmp_path, capsys):
    saved, path = tmp_path / "map.tsnekit", tmp_path / "map.html"
    assert embed(table, "--output", str(saved)) == 0
    capsys.readouterr()
    assert main(["plot", str(saved), "--html", str(path), "--title=Day 1"]) == 0
    assert capsys.readouterr().out == f"saved {path}\n"
    assert not (tmp_path / "map.png").exists()
    page = read_page(path)
    assert page["ids"][:5] == ["cell00", "cell01", "cell02", "cell03", "cell05"]
    assert shown(page["columns"][0])[:3] == ["T", "B", "T"]
    assert page["title"] == "Day 1"


def test_new_rows(table, tmp_path):
    saved, path = tmp_path / "map.tsnekit", tmp_path / "map.html"
    assert embed(table, "--output", str(saved)) == 0
    options = ["--label-column=type", "--missing=drop", "--html", str(path), "--quiet"]
    assert main(["transform", str(saved), str(table), *options, "--n-iter=5"]) == 0
    assert len(read_page(path)["ids"]) == N - 1
    assert main(["extend", str(saved), str(table), *options, "--n-iter=5"]) == 0
    assert len(read_page(path)["ids"]) == 2 * (N - 1)


def test_maps_of_more_dimensions_show_the_first_two(tmp_path):
    path = tmp_path / "map.html"
    arguments = ["--html", str(path), "--n-components=3", "--negative-gradient-method=exact"]
    assert main(["embed", "iris", *arguments, *QUICK]) == 0
    assert len(read_page(path)["x"]) == 150


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("map.htm", "--html must end in .html, got"),
        ("no/map.html", "--html: the folder"),
        ("link.html", "--html would overwrite INPUT"),
    ],
)
def test_pages_that_cannot_be_written(table, tmp_path, capsys, monkeypatch, name, message):
    (tmp_path / "link.html").symlink_to(table)
    monkeypatch.setattr("tsnekit.TSNE.fit", None)
    before = table.read_bytes()
    assert embed(table, "--html", str(tmp_path / name)) == 2
    assert message in capsys.readouterr().err
    assert table.read_bytes() == before


def test_the_extra_is_named_before_the_map(table, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("tsnekit.TSNE.fit", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert embed(table, "--html", str(tmp_path / "map.html")) == 2
    assert "needs plotly: pip install 'tsnekit[interactive]'" in capsys.readouterr().err


def test_cells_have_the_columns_of_obs(tmp_path):
    anndata = pytest.importorskip("anndata")
    X = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32)
    X[4, 1] = np.nan
    obs = pd.DataFrame(
        {"type": [*"TB"] * (N // 2), "depth": np.arange(N) / 4}, index=[f"c{i}" for i in range(N)]
    )
    anndata.AnnData(X, obs=obs).write_h5ad(tmp_path / "cells.h5ad")
    path = tmp_path / "map.html"
    arguments = ["--labels=type", "--missing=drop", "--html", str(path)]
    assert main(["embed", str(tmp_path / "cells.h5ad"), *arguments, *QUICK]) == 0
    page = read_page(path)
    kept = [i for i in range(N) if i != 4]
    assert page["ids"] == [f"c{i}" for i in kept]
    assert [each["name"] for each in page["columns"]] == ["type", "depth"]
    assert shown(page["columns"][1]) == [i / 4 for i in kept]


def test_wide_tables_show_their_first_columns(tmp_path):
    lines = [",".join(f"f{j}" for j in range(40))]
    for row in np.random.default_rng(0).normal(size=(N, 40)):
        lines.append(",".join(map(str, row)))
    (tmp_path / "wide.csv").write_text("\n".join(lines) + "\n")
    path = tmp_path / "map.html"
    assert main(["embed", str(tmp_path / "wide.csv"), "--html", str(path), *QUICK]) == 0
    assert [each["name"] for each in read_page(path)["columns"]] == [f"f{j}" for j in range(30)]
