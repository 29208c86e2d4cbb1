"""Pages to explore: what is in the file."""

import datetime
import logging
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest

import tsnekit
from helpers.pages import elements, read_page, shown
from tsnekit._drawing.explorer import write_page

N = 60
Y = np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32)
NASTY = "</script><img src=x onerror=alert(1)>&\"'\u2028\ud800"


@pytest.fixture
def page(tmp_path):
    """Return a function that writes a page and reads it back."""

    def write(labels=None, points=Y, **options):
        path = tmp_path / "page.html"
        write_page(points, path, labels, **options)
        return read_page(path)

    write.path = tmp_path / "page.html"
    return write


def column_of(page, name):
    return next(each for each in page["columns"] if each["name"] == name)


def test_the_file_needs_no_network(page):
    page(np.arange(N) % 3, hover={"a": ["http://example.org/x.png"] * N})
    found = elements(page.path)
    assert found.links == []
    assert not {"link", "iframe", "img", "object"} & {*found.tags}
    text = page.path.read_text(encoding="utf-8")
    # The browser itself refuses to load anything.
    assert "default-src 'none'" in text
    assert "plotly.js v" in text


def test_what_a_page_offers(page):
    page()
    assert elements(page.path).ids >= {
        "map", "by", "search", "legend", "download", "theme", "hover", "data",
    }  # fmt: skip
    text = page.path.read_text(encoding="utf-8")
    assert ':root[data-theme="dark"]' in text
    assert "lasso2d" in text


def test_positions_rows_and_ids(page):
    frame = pd.DataFrame(
        {"size": np.linspace(0.1, 7, N), "town": [f"t{i % 7}" for i in range(N)]},
        index=[f"r{i}" for i in range(N)],
    )
    found = page(hover=frame)
    np.testing.assert_array_equal(found["x"], Y[:, 0])
    np.testing.assert_array_equal(found["y"], Y[:, 1])
    assert shown(column_of(found, "size")) == frame["size"].tolist()
    assert shown(column_of(found, "town")) == frame["town"].tolist()
    assert found["ids"] == frame.index.tolist()
    assert found["labelled"] is False


@pytest.mark.parametrize("kind", [dict, pd.DataFrame, pl.DataFrame])
def test_frames_of_all_kinds(page, kind):
    data = {"a": np.arange(N) / 8, "b": np.arange(N) % 5}
    found = page(hover=kind(data))
    assert shown(column_of(found, "a")) == data["a"].tolist()
    assert shown(column_of(found, "b")) == [str(each) for each in data["b"]]
    assert found["ids"] == list(range(N))
    assert found["ids_name"] == "row"


def test_columns_of_one_name(page):
    frame = pd.DataFrame(np.column_stack([np.arange(N) / 4, np.arange(N) / 8]), columns=["a", "a"])
    found = page(hover=frame)
    assert [shown(each)[1] for each in found["columns"]] == [0.25, 0.125]


def test_ids_that_are_given(page):
    assert page(ids=[f"x{i}" for i in range(N)])["ids"][3] == "x3"
    assert page(ids=np.arange(N) + 10)["ids"][3] == 13
    large = np.arange(N) + 2**60
    assert page(ids=large)["ids"][3] == str(2**60 + 3)
    lowest = np.full(N, np.iinfo(np.int64).min)
    assert page(ids=lowest)["ids"][3] == str(lowest[3])
    days = np.datetime64("2020-01-30") + np.arange(N)
    assert page(ids=days)["ids"][3] == "2020-02-02"


def test_classes_have_the_colours_of_plot(page):
    labels = np.array(["b", "a"])[np.arange(N) % 2]
    found = column_of(page(pd.Series(labels, name="kind")), "kind")
    assert shown(found) == labels.tolist()
    assert found["names"][1:-1] == ["a", "b"]
    assert found["colors"] == ["#0072b2", "#e69f00"]
    given = column_of(page(labels, colors={"a": "red", "b": "blue"}), "label")
    assert given["colors"] == ["#ff0000", "#0000ff"]


def test_missing_labels_and_noise(page):
    labels = np.arange(N) % 3
    labels[:4] = -1
    found = column_of(page(labels), "label")
    assert set(found["data"][:4]) == {4}
    assert found["names"] == ["", "0", "1", "2", "-1"]
    assert len(found["colors"]) == 3
    missing = labels.astype(object)
    missing[4] = None
    assert column_of(page(missing), "label")["data"][4] == 0


def test_numbers_and_dates_are_scales(page):
    values = np.linspace(-2, 3, N)
    values[5] = np.nan
    found = column_of(page(values), "label")
    assert found["kind"] == "values"
    assert (found["low"], found["high"]) == (-2, 3)
    np.testing.assert_array_equal(found["data"], values)
    assert found["colors"][0] == "#440154"
    assert column_of(page(np.linspace(0, 1e300, N)), "label")["high"] == 1e300
    days = [datetime.date(2020, 1, 1) + datetime.timedelta(days=i) for i in range(N)]
    found = column_of(page(hover={"day": days}), "day")
    assert found["kind"] == "dates"
    assert found["data"][1] == (datetime.date(2020, 1, 2) - datetime.date(1970, 1, 1)).days


def test_text_is_never_markup(page):
    labels = [NASTY if i == 2 else "plain" for i in range(N)]
    found = page(
        labels,
        hover={NASTY: labels},
        ids=[f"{NASTY}{i}" for i in range(N)],
        title=NASTY.replace("\ud800", ""),
    )
    assert shown(found["columns"][0])[2] == NASTY
    assert found["columns"][1]["name"] == NASTY
    assert found["ids"][1] == f"{NASTY}1"
    assert "img" not in elements(page.path).tags
    assert elements(page.path).tags.count("script") == 3
    assert "onerror=alert" not in page.path.read_text(encoding="utf-8").replace(
        "&lt;img src=x onerror=alert(1)&gt;", ""
    )


def test_objects_that_cannot_be_classes_are_text(page):
    found = column_of(page(hover={"a": [[i] for i in range(N)]}), "a")
    assert shown(found)[3] == "[3]"


def test_a_column_of_many_classes_gives_no_colours(page):
    n = 1100
    found = page(points=np.zeros((n, 2)), hover={"name": [f"n{i}" for i in range(n)]})
    assert "colors" not in found["columns"][0]
    assert shown(found["columns"][0])[1099] == "n1099"


def test_images(page):
    images = np.arange(N * 4 * 3).reshape(N, 4, 3).astype(np.uint8)
    np.testing.assert_array_equal(page(thumbnails=images)["thumbnails"]["data"][..., 0], images)
    scaled = page(thumbnails=np.linspace(-1, 1, N * 4).reshape(N, 2, 2))["thumbnails"]["data"]
    assert (scaled.min(), scaled.max()) == (0, 255)
    colored = np.zeros((N, 130, 100, 3), dtype=np.uint8)
    assert page(thumbnails=colored)["thumbnails"]["data"].shape == (N, 44, 34, 3)


def test_many_points_are_thinned_and_it_is_said(page, caplog):
    with caplog.at_level(logging.WARNING, logger="tsnekit"):
        found = page(np.arange(N) % 2, hover={"i": np.arange(N) / 2}, max_points=20)
    assert "shows 20 of 60 points" in caplog.text
    assert found["total"] == N
    kept = np.array(found["ids"])
    assert len(set(found["ids"])) == 20
    np.testing.assert_array_equal(found["x"], Y[kept, 0])
    assert shown(column_of(found, "i")) == (kept / 2).tolist()
    assert shown(column_of(found, "label")) == [str(each) for each in kept % 2]
    assert page(max_points=20)["ids"] == found["ids"]
    assert "Thinned" in page.path.read_text(encoding="utf-8")


def test_maps_of_one_and_of_three_dimensions(page):
    np.testing.assert_array_equal(page(points=Y[:, :1])["x"], Y[:, 0])
    three = np.column_stack([Y, Y[:, 0]])
    np.testing.assert_array_equal(page(points=three, components=(1, 2))["x"], Y[:, 1])
    with pytest.raises(ValueError, match="components must choose 1 to 2 of the columns, got 3"):
        page(points=three)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"labels": [1, 2]}, ValueError, r"labels must have shape \(60,\).*got \(2,\)"),
        ({"hover": {"a": [1, 2]}}, ValueError, "hover must have 60 rows.*got 2 in its column 'a'"),
        ({"hover": [1, 2]}, TypeError, "hover must be a data frame"),
        ({"hover": {"a": 3}}, TypeError, "hover must have 60 rows.*got 3 in its column 'a'"),
        ({"ids": ["a"]}, ValueError, "ids must have 60 rows.*got 1"),
        (
            {"thumbnails": np.zeros((3, 2, 2))},
            ValueError,
            r"thumbnails must have shape \(60, height.*got \(3, 2, 2\)",
        ),
        ({"thumbnails": np.full((N, 2, 2), "a")}, ValueError, "thumbnails must be numbers"),
        (
            {"thumbnails": [np.zeros((2, 2)), *[np.zeros((3, 3))] * (N - 1)]},
            ValueError,
            "thumbnails must be images of one size, got several sizes",
        ),
        ({"max_points": 0}, ValueError, "max_points must be"),
        ({"labels": ["a"] * N, "colors": {"b": "red"}}, ValueError, "colors must have a colour"),
    ],
)
def test_errors_come_before_anything_is_written(page, options, error, message, monkeypatch):
    monkeypatch.setattr("tsnekit._drawing.explorer.Pack", None)
    with pytest.raises(error, match=message):
        page(**options)
    assert not page.path.exists()


def test_a_page_that_fails_leaves_the_old_one(page, monkeypatch):
    page.path.write_text("old")
    monkeypatch.setattr("tsnekit._util.replacing.os.fsync", None)
    with pytest.raises(TypeError):
        page()
    assert [each.name for each in page.path.parent.iterdir()] == ["page.html"]
    assert page.path.read_text() == "old"


def test_the_error_names_the_extra(page, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(ImportError, match=r"pip install 'tsnekit\[interactive\]'"):
        page()


def test_maps_write_pages(tmp_path):
    X = np.random.default_rng(0).normal(size=(N, 4))
    embedding = tsnekit.TSNE(perplexity=5, n_iter=5, early_exaggeration_iter=5, n_jobs=1).fit(X)
    embedding.to_html(tmp_path / "a.html", np.arange(N) % 2, hover={"a": X[:, 0]})
    found = read_page(tmp_path / "a.html")
    np.testing.assert_array_equal(found["x"], np.asarray(embedding)[:, 0])
    assert found["labelled"] is True
