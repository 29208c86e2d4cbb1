"""A map that is made once is used many times: plot, transform, extend, diagnose."""

import json

import numpy as np
import pandas as pd
import pytest

import tsnekit
from helpers.saved import parts, put_together
from tsnekit.cli import main
from tsnekit.cli._noted import load_noted
from tsnekit.cli._recipe import prepare

QUICK = ["--perplexity=10", "--n-iter=40", "--early-exaggeration-iter=20", "--n-jobs=1"]
QUIET = ["--quiet", "--json"]
PREPARED = {
    "plain": [],
    "scaled": ["--scale=standard", "--transform=arcsinh:2"],
    "reduced": ["--scale=robust", "--pca=3"],
}


@pytest.fixture
def flowers(tmp_path):
    """Write half of iris, and the other half with its columns in another order and one more."""
    from sklearn.datasets import load_iris

    iris = load_iris(as_frame=True)
    frame = iris.data.set_axis(["sl", "sw", "pl", "pw"], axis=1)
    frame.insert(0, "flower", [f"f{i}" for i in range(150)])
    frame["species"] = iris.target_names[iris.target]
    frame[::2].to_csv(tmp_path / "old.csv", index=False)
    new = frame[1::2].assign(height=1.5)
    new[["flower", "pw", "species", "sl", "height", "pl", "sw"]].to_csv(
        tmp_path / "new.csv", index=False
    )
    return frame


def made(tmp_path, *arguments):
    output = tmp_path / "map.tsnekit"
    table = [str(tmp_path / "old.csv"), "--label-column=species"]
    assert main(["embed", *table, "--output", str(output), *arguments, *QUICK, "--quiet"]) == 0
    return str(output)


@pytest.mark.parametrize("how", PREPARED)
def test_new_rows_are_prepared_as_the_old_ones(flowers, tmp_path, how, capsys):
    path = made(tmp_path, *PREPARED[how])
    embedding, noted = load_noted(path)
    output = tmp_path / "new_map.csv"
    arguments = [path, str(tmp_path / "new.csv"), "--output", str(output), "--label-column=species"]
    picture = tmp_path / "p.png"
    capsys.readouterr()
    assert main(["transform", *arguments, "--n-iter=30", "--plot", str(picture), *QUIET]) == 0
    shown = capsys.readouterr()
    assert "the map was not made of 'height'; left out" in shown.err
    assert json.loads(shown.out)["n_samples"] == 75
    assert picture.read_bytes().startswith(b"\x89PNG")
    found = pd.read_csv(output)
    assert list(found.columns) == ["flower", "label", "tsne1", "tsne2"]
    assert list(found["flower"]) == list(flowers["flower"][1::2])
    features = flowers[["sl", "sw", "pl", "pw"]].to_numpy()[1::2]
    wanted = embedding.transform(noted.recipe.apply(features, "new"), n_iter=30)
    np.testing.assert_allclose(found[["tsne1", "tsne2"]], wanted, atol=1e-4)
    same = np.abs(
        found[["tsne1", "tsne2"]].to_numpy()[:25].mean(axis=0) - np.asarray(embedding)[:25]
    )
    assert np.hypot(*same.T).max() < 20  # setosa among setosa


@pytest.mark.parametrize("how", [{}, {"scale": "standard"}, {"pca": 2}, {"pca": 4}])
@pytest.mark.parametrize("sparse", [False, True])
def test_a_recipe_gives_the_rows_that_were_embedded(how, sparse):
    import scipy.sparse

    X = np.random.default_rng(0).gamma(1, size=(50, 6)) * [1, 2, 3, 4, 5, 1e13 if not sparse else 6]
    X = scipy.sparse.csr_matrix(X) if sparse else X
    found, recipe, _ = prepare(X, list("abcdef"), transform="log1p", seed=0, **how)
    again = recipe.apply(X, "X")
    found, again = (each.toarray() if hasattr(each, "toarray") else each for each in (found, again))
    np.testing.assert_allclose(again, found, atol=1e-4 * np.abs(found).max())


def test_maps_that_grow(flowers, tmp_path, capsys):
    path = made(tmp_path)
    output = tmp_path / "both.tsnekit"
    arguments = [path, str(tmp_path / "new.csv"), "--label-column=species", "--n-iter=20"]
    assert main(["extend", *arguments, "--fixed", "--output", str(output), *QUIET]) == 0
    old, _ = load_noted(path)
    both, noted = load_noted(str(output))
    assert both.shape == (150, 2)
    np.testing.assert_array_equal(both[:75], old)
    order = [*range(0, 150, 2), *range(1, 150, 2)]
    assert noted.ids == list(flowers["flower"].iloc[order])
    found = [noted.labels.names[code] for code in noted.labels.codes]
    assert found == list(flowers["species"].iloc[order])
    capsys.readouterr()
    # What has grown takes new rows as before.
    assert main(["transform", str(output), str(tmp_path / "new.csv"), "--n-iter=5", *QUIET]) == 0


def test_labels_of_both_that_do_not_fit(flowers, tmp_path, capsys):
    path = made(tmp_path)
    arguments = [path, str(tmp_path / "new.csv"), "--label-column=height", "--n-iter=5"]
    assert main(["extend", *arguments, *QUIET]) == 0
    assert "different kinds; left out" in capsys.readouterr().err


def test_pictures_of_a_map(flowers, tmp_path, capsys):
    path = made(tmp_path)
    assert main(["plot", path]) == 0
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    picture = tmp_path / "p.svg"
    assert main(["plot", path, "--plot", str(picture), "--title", "flowers"]) == 0
    text = picture.read_text()
    for wanted in ("setosa", "virginica", "species", "flowers"):
        assert f"<!-- {wanted} -->" in text
    (tmp_path / "labels.txt").write_text("age\n" + "".join(f"{i / 7}\n" for i in range(75)))
    assert (
        main(["plot", path, "--plot", str(picture), "--labels", str(tmp_path / "labels.txt")]) == 0
    )
    assert "<!-- age -->" in picture.read_text()
    assert capsys.readouterr().out.endswith(f"saved {picture}\n")


def test_labels_of_a_map_with_rows_left_out(flowers, tmp_path):
    table = pd.read_csv(tmp_path / "old.csv")
    table.loc[0, "pw"] = np.nan
    table.to_csv(tmp_path / "old.csv", index=False)
    path = made(tmp_path, "--missing=drop")
    (tmp_path / "labels.txt").write_text("a\n" + "b\n" * 74)
    picture = tmp_path / "p.svg"
    labels = ["--labels", str(tmp_path / "labels.txt")]
    assert main(["plot", path, "--plot", str(picture), *labels]) == 0
    assert "<!-- b -->" in picture.read_text()
    assert "<!-- a -->" not in picture.read_text()


def test_diagnoses(flowers, tmp_path, capsys):
    path = made(tmp_path, "--scale=standard")
    report = tmp_path / "r.png"
    capsys.readouterr()
    summaries = []
    for more in ([], [str(tmp_path / "old.csv"), "--label-column=species"]):
        arguments = [path, *more, "--report", str(report), "--n-neighbors=7", *QUIET]
        assert main(["diagnose", *arguments]) == 0
        summaries.append(json.loads(capsys.readouterr().out)["diagnostics"])
    assert report.read_bytes().startswith(b"\x89PNG")
    assert summaries[0]["n_neighbors"] == 7
    assert summaries[0]["neighbors_kept"] == pytest.approx(summaries[1]["neighbors_kept"])


@pytest.mark.parametrize(
    ("command", "change", "message"),
    [
        ("transform", {"sl": "length"}, "no column 'sl', which the map was made of"),
        ("extend", {"pw": "width"}, "no column 'pw', which the map was made of"),
    ],
)
def test_columns_that_are_not_there(flowers, tmp_path, capsys, command, change, message):
    path = made(tmp_path)
    pd.read_csv(tmp_path / "new.csv").rename(columns=change).to_csv(tmp_path / "new.csv")
    assert main([command, path, str(tmp_path / "new.csv"), *QUIET]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plot", "none.tsnekit"], "No such file"),
        (["plot", "old.csv"], "old.csv is not a file that tsnekit saved"),
        (["plot", "map.tsnekit", "--label-column", "x"], "give --labels"),
        (
            ["transform", "map.tsnekit", "digits"],
            "digits has 64 features, but the map was made of 4",
        ),
        (["transform", "map.tsnekit", "new.csv", "--k", "0"], "k must be at least 1"),
        (["transform", "map.tsnekit", "new.csv", "--output", "map.tsnekit"], "would overwrite MAP"),
        (["extend", "placed.tsnekit", "new.csv"], "rows that transform placed on another map"),
        (["diagnose", "map.tsnekit", "iris"], "embedding must have one row for each of the 150"),
        (["diagnose", "map.tsnekit", "--n-neighbors", "0"], "n_neighbors must be at least 1"),
    ],
)
def test_errors(flowers, tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    path = made(tmp_path)
    placed = ["--output", "placed.tsnekit", "--n-iter=2"]
    assert main(["transform", path, "new.csv", *placed, "--quiet"]) == 0
    capsys.readouterr()
    assert main([*arguments, *([] if arguments[0] == "plot" else QUIET)]) == 2
    shown = capsys.readouterr().err.splitlines()[-1]
    assert shown.startswith("tsnekit: error: ")
    assert message in shown


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h, a: h["notes"].update(more=1), "notes/more is an unknown entry"),
        (lambda h, a: h["notes"]["ids"].pop(), "notes/ids must be 75, got 74"),
        (lambda h, a: h["notes"].update(ids=3), "notes/ids must be a list"),
        (lambda h, a: h["notes"]["labels"].update(kind="x"), "labels/kind has the unknown value"),
        (lambda h, a: a["notes/labels/codes"].fill(3), "codes must be from -1 to 2"),
        (lambda h, a: h["notes"]["recipe"].update(names=["a"]), "names must be 4 names"),
        (lambda h, a: h["notes"]["recipe"].update(transform="x"), "must be log1p"),
        (lambda h, a: a.update({"notes/scale": np.ones(4)}), "notes/scale is an unknown entry"),
        (lambda h, a: a.update({"notes/recipe/scale": np.ones(3)}), r"scale must have shape \(4\)"),
    ],
)
def test_notes_that_make_no_sense(flowers, tmp_path, change, message):
    path = made(tmp_path)
    header, arrays = parts(path)
    change(header, arrays)
    put_together(path, header, arrays)
    with pytest.raises(ValueError, match=message):
        load_noted(path)
    assert tsnekit.load(path).shape == (75, 2)
