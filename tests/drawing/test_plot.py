"""Pictures: what is on the Axes, and what is visible."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

import tsnekit
from tsnekit import TSNE
from tsnekit._drawing.paints import MISSING_COLOR, PALETTE, class_colors
from tsnekit._drawing.plot import plot, plot_over

IMAGE = {"rasterize": True, "size": 200, "alpha": 1, "resolution": 100}


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def colors_at(collection, positions):
    """Return the colour of the mark at each position."""
    drawn = {tuple(place): color for place, color in zip(*marks(collection), strict=True)}
    return np.array([drawn[tuple(place)] for place in positions])


def marks(collection):
    return np.asarray(collection.get_offsets()), collection.get_facecolors()


def rendered(ax):
    """Draw the figure and return a function from data coordinates to the pixel there, RGB."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())

    def pixel(x, y):
        column, row = ax.transData.transform((x, y))
        return pixels[len(pixels) - 1 - int(row), int(column), :3] / 255

    return pixel


def test_classes_have_their_colours_and_a_legend(points):
    labels = np.array(["zero", "one"])[np.arange(200) % 2]
    ax = plot(points, labels, title="two")
    assert legend_of(ax) == ["one", "zero"]
    assert ax.get_title() == "two"
    (collection,) = ax.collections
    wanted = np.array([to_rgba(PALETTE[name == "zero"]) for name in labels])
    np.testing.assert_allclose(colors_at(collection, points)[:, :3], wanted[:, :3])


def test_given_axes_are_drawn_on(points):
    first, second = Figure().subplots(1, 2)
    assert plot(points, ax=second) is second
    assert second.collections
    assert not first.collections


def test_colours_by_label_and_in_order(points):
    labels = np.arange(200) % 3
    chosen = {0: "red", 1: "lime", 2: "blue"}
    for colors in (chosen, list(chosen.values())):
        (collection,) = plot(points, labels, colors=colors).collections
        found = colors_at(collection, points)
        np.testing.assert_array_equal(found[:3, :3], np.eye(3))
    assert len(class_colors(range(70))) == 70
    np.testing.assert_array_equal(class_colors("abc", "gray")[[0, 2], :3], [[0] * 3, [1] * 3])


def test_missing_labels_are_grey_and_beneath(points):
    labels = [None if i % 4 else "known" for i in range(200)]
    below, above = plot(points, labels).collections
    assert len(below.get_offsets()) == 150
    assert len(above.get_offsets()) == 50
    np.testing.assert_allclose(below.get_facecolors()[0, :3], to_rgba(MISSING_COLOR)[:3])
    ax = plot(points, [None] * 200)
    assert len(ax.collections) == 1


def test_values_have_a_colour_scale(points):
    values = pd.Series(points[:, 0], name="depth")
    ax = plot(points, values)
    bar = ax.figure.axes[-1]
    assert bar.get_ylabel() == "depth"
    assert bar.get_ylim() == (values.min(), values.max())
    limited = plot(points, values, limits=(-1, 1), colors="gray")
    found = colors_at(limited.collections[0], points)
    assert (found[values <= -1, :3] == 0).all()
    assert (found[values >= 1, :3] == 1).all()
    assert len(plot(points, values, legend=False).figure.axes) == 1


def test_dates_have_a_scale_with_dates(points):
    dates = pd.Series(pd.date_range("2020-01-01", periods=200), name="day")
    ax = plot(points, dates, limits=("2020-02-01", pd.Timestamp("2020-03-01")))
    bar = ax.figure.axes[-1]
    ax.figure.canvas.draw()
    assert bar.get_ylim() == (18293, 18322)
    ticks = [tick.get_text() for tick in bar.get_yticklabels()]
    assert any("Feb" in tick or "Mar" in tick for tick in ticks)
    with pytest.raises(TypeError, match="limits must be a pair of dates"):
        plot(points, dates, limits=("some", "day"))


def test_ordered_classes_have_ordered_colours(points):
    sizes = pd.Categorical.from_codes(np.arange(200) % 3, ["S", "M", "L"], ordered=True)
    brightness = class_colors(["S", "M", "L"], ordered=True)[:, :3].sum(axis=1)
    assert (np.diff(brightness) > 0).all()
    ax = plot(points, sizes)
    assert legend_of(ax) == ["S", "M", "L"]
    (collection,) = ax.collections
    found = colors_at(collection, points[:3])[:, :3].sum(axis=1)
    np.testing.assert_allclose(found, brightness)


@pytest.mark.filterwarnings("error")
def test_names_are_written_as_they_are(points):
    names = ["_hidden", "$x$ costs $y", "<b>", "50 % & more"]
    labels = np.array(names)[np.arange(200) % 4]
    for legend in ("side", "map"):
        ax = plot(points, labels, legend=legend, title="$title$ _")
        ax.figure.canvas.draw()
        texts = ax.get_legend().get_texts() if legend == "side" else ax.texts
        assert {text.get_text() for text in texts} == set(names)
        assert not any(text.get_parse_math() for text in texts)


def test_colours_that_come_with_the_classes(points):
    from dataclasses import replace

    from tsnekit._drawing.labels import interpret_labels

    typed = replace(interpret_labels(np.arange(200) % 2, 200), colors=("red", "blue"))
    (collection,) = plot(points, typed).collections
    np.testing.assert_array_equal(colors_at(collection, points)[0, :3], [1, 0, 0])
    (collection,) = plot(points, typed, colors=["lime", "blue"]).collections
    np.testing.assert_array_equal(colors_at(collection, points)[0, :3], [0, 1, 0])


@pytest.mark.filterwarnings("error")
def test_axes_that_share_their_limits(points):
    first, second = Figure().subplots(1, 2, sharex=True, sharey=True)
    plot(points, ax=first)
    plot(2 * points, np.arange(200) % 30, ax=second)
    first.figure.draw_without_rendering()
    assert first.get_xlim() == second.get_xlim()


def test_colours_of_classes_are_those_of_new_points_too():
    from dataclasses import replace

    from tsnekit._drawing.labels import interpret_labels

    old, new = np.arange(6.0).reshape(3, 2), np.array([[9.0, 9.0]])
    typed = replace(interpret_labels(list("abb"), 3), colors=("red", "blue"))
    below, above = plot_over(old, new, ["b"], reference_labels=typed).collections
    np.testing.assert_array_equal(above.get_facecolors()[0, :3], [0, 0, 1])
    np.testing.assert_array_equal(colors_at(below, old)[0, :3], [1, 0, 0])


def test_qualitative_colormaps_give_their_colours_in_order():
    from matplotlib import colormaps

    np.testing.assert_array_equal(class_colors("abc", "tab10"), colormaps["tab10"](range(3)))
    assert len(class_colors(range(12), "tab10")) == 12


def test_names_on_the_map_when_there_are_many_classes(points):
    centers = np.stack([np.arange(30) % 6, np.arange(30) // 6], axis=1) * 20
    labels = np.arange(200) % 30
    ax = plot(centers[labels] + points, labels)
    assert ax.get_legend() is None
    assert len(ax.texts) == 30
    for text in ax.texts:
        assert np.abs(centers[int(text.get_text())] - text.get_position()).max() < 3
    assert len(legend_of(plot(points, labels, legend="side"))) == 30
    quiet = plot(points, labels, legend=False)
    assert quiet.get_legend() is None
    assert not quiet.texts


def test_one_dimension_is_stacked_by_density():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=900), 20 + 10 * rng.random(100)])[:, None]
    (collection,) = plot(x, np.arange(1000) // 900).collections
    drawn = np.asarray(collection.get_offsets())
    np.testing.assert_array_equal(np.sort(drawn[:, 0]), np.sort(x[:, 0]))
    dense, sparse = drawn[drawn[:, 0] < 10, 1], drawn[drawn[:, 0] > 10, 1]
    assert drawn[:, 1].min() >= 0
    assert dense.max() > 5 * sparse.max()


def test_three_dimensions():
    Y = np.random.default_rng(0).normal(size=(50, 3))
    ax = plot(Y, np.arange(50) % 2)
    assert ax.name == "3d"
    assert len(legend_of(ax)) == 2
    assert plot(Y, rasterize=True).name == "3d"
    flat = plot(Y, components=(2, 0))
    np.testing.assert_array_equal(
        np.sort(flat.collections[0].get_offsets()[:, 0]), np.sort(Y[:, 2])
    )
    with pytest.raises(ValueError, match="three-dimensional Axes"):
        plot(Y, ax=flat)
    with pytest.raises(ValueError, match="two-dimensional Axes"):
        plot(Y[:, :2], ax=ax)


@pytest.mark.parametrize("corner", [(0, 0), (0, 9), (9, 0), (9, 9), (4, 7)])
def test_images_show_points_where_they_are(corner):
    square = np.array([(0, 0), (0, 9), (9, 0), (9, 9), (4, 7)], dtype=float)
    labels = (square == corner).all(axis=1)
    ax = plot(square, labels, colors=["blue", "red"], **IMAGE)
    assert not ax.collections
    pixel = rendered(ax)
    for place, label in zip(square, labels, strict=True):
        np.testing.assert_array_equal(pixel(*place), [1, 0, 0] if label else [0, 0, 1])
    np.testing.assert_array_equal(pixel(2, 2), [1, 1, 1])


def test_images_show_the_majority_and_the_mean():
    Y = np.repeat([[0.0, 0.0], [9.0, 9.0]], 10, axis=0)
    labels = np.array([0] * 6 + [1] * 4 + [1] * 10)
    pixel = rendered(plot(Y, labels, colors=["red", "blue"], **IMAGE))
    np.testing.assert_array_equal(pixel(0, 0), [1, 0, 0])
    np.testing.assert_array_equal(pixel(9, 9), [0, 0, 1])
    pixel = rendered(plot(Y, labels, kind="continuous", colors="gray", **IMAGE))
    np.testing.assert_allclose(pixel(0, 0), 0.4, atol=0.01)


def test_large_maps_are_drawn_as_images_by_default():
    Y = np.random.default_rng(0).normal(size=(60_000, 2))
    labels = np.arange(60_000) % 3 - 1.0
    labels[labels == -1] = np.nan
    ax = plot(Y, labels)
    assert len(ax.images) == 2
    assert not ax.collections
    assert len(plot(Y).images) == 1
    assert plot(Y, rasterize=False).collections[0].get_rasterized()


def test_nothing_given_is_changed(points):
    positions, labels = points.copy(), np.where(np.arange(200) % 5, points[:, 0], np.nan)
    kept = labels.copy()
    for rasterize in (True, False):
        plot(positions, labels, rasterize=rasterize)
    np.testing.assert_array_equal(positions, points)
    np.testing.assert_array_equal(labels, kept)


def test_pyplot_is_left_alone():
    code = (
        "import io, sys, numpy, tsnekit; assert 'matplotlib' not in sys.modules;"
        "Y = numpy.random.default_rng(0).normal(size=(60_000, 2));"
        "tsnekit.plot(Y, Y[:, 0]).figure.savefig(io.BytesIO());"
        "assert 'matplotlib.pyplot' not in sys.modules;"
        "import matplotlib; matplotlib.use('agg'); import matplotlib.pyplot as plt;"
        "ax = plt.subplots()[1]; settings = dict(plt.rcParams);"
        "tsnekit.plot(Y[:90]); tsnekit.plot(Y[:90], Y[:90, 0]);"
        "assert plt.get_fignums() == [1] and plt.gca() is ax;"
        "assert dict(plt.rcParams) == settings"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_pictures_can_be_saved(points, tmp_path, ending):
    for rasterize in (True, False):
        ax = plot(points, np.arange(200) % 3, rasterize=rasterize)
        ax.figure.savefig(tmp_path / f"map.{ending}")
        assert (tmp_path / f"map.{ending}").stat().st_size > 1000


def test_a_single_point_and_points_in_one_place():
    for Y in (np.zeros((1, 2)), np.zeros((5, 2)), np.zeros((5, 1)), np.zeros((5, 3))):
        for rasterize in (True, False):
            plot(Y, np.zeros(len(Y)), rasterize=rasterize).figure.canvas.draw()
            plot(Y, np.full(len(Y), 0.5), rasterize=rasterize).figure.canvas.draw()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"labels": [1, 2]}, ValueError, "labels must have shape"),
        ({"kind": "class"}, ValueError, "kind must be"),
        ({"alpha": 2}, ValueError, "alpha must be from 0 to 1"),
        ({"alpha": "much"}, TypeError, "alpha must be a real number"),
        ({"size": 0}, ValueError, "size must be greater than 0"),
        ({"resolution": 0}, ValueError, "resolution must be at least 2"),
        ({"rasterize": "yes"}, ValueError, "rasterize must be True, False or 'auto'"),
        ({"legend": "below"}, ValueError, "legend must be"),
        ({"components": (0, 2)}, ValueError, "components must be columns from 0 to 1"),
        ({"components": ()}, ValueError, "components must choose 1 to 3"),
        ({"colors": {0: "red"}}, ValueError, "colors must have a colour for each class"),
        ({"colors": ["no colour"]}, ValueError, "colors must be colours that matplotlib knows"),
        ({"colors": []}, ValueError, "colors must not be empty"),
        ({"colors": "no map"}, ValueError, "colors must be the name of a colormap"),
        ({"labels": None, "colors": "no colour"}, ValueError, "colors must be one colour"),
        ({"kind": "continuous", "limits": (1, 0)}, ValueError, "limits must be in ascending order"),
        ({"kind": "continuous", "limits": 3}, TypeError, "limits must be a pair"),
    ],
)
def test_bad_options(points, options, error, message):
    given = {"labels": np.arange(200) % 2} | options
    with pytest.raises(error, match=message):
        plot(points, **given)


@pytest.mark.parametrize(
    ("Y", "message"),
    [
        (np.zeros(3), "embedding must be two-dimensional"),
        (np.zeros((0, 2)), "at least one point"),
        (np.zeros((4, 5)), "components must choose 1 to 3 of the columns, got 5"),
        (np.full((3, 2), np.nan), "holds NaN"),
    ],
)
def test_arrays_that_are_not_maps(Y, message):
    with pytest.raises(ValueError, match=message):
        plot(Y)


@pytest.fixture(scope="module")
def embedding(blobs):
    model = TSNE(n_iter=30, early_exaggeration_iter=20, perplexity=5, random_state=0)
    return model.fit(blobs[:200])


def test_embeddings_draw_themselves(embedding):
    labels = np.arange(200) % 5
    ax = embedding.plot(labels, title="map")
    assert legend_of(ax) == list("01234")
    drawn = np.sort(ax.collections[0].get_offsets(), axis=0)
    np.testing.assert_allclose(drawn, np.sort(np.asarray(embedding), axis=0))
    assert tsnekit.plot(embedding, labels).get_title() == ""


def test_new_points_over_their_embedding(embedding, blobs):
    placed = embedding.transform(blobs[200:], n_iter=10)
    old, new = np.arange(200) % 5, np.arange(200, 300) % 5 % 4
    assert len(placed.plot(new).collections) == 1
    ax = placed.plot(new, reference=True, reference_labels=old)
    below, above = ax.collections
    assert len(below.get_offsets()) == 200
    assert len(above.get_offsets()) == 100
    shared = class_colors(range(5))[:, :3]
    positions = np.asarray(embedding, dtype=float)
    np.testing.assert_allclose(colors_at(below, positions)[:, :3], shared[old])
    np.testing.assert_allclose(colors_at(above, np.asarray(placed, float))[:, :3], shared[new])
    both = np.concatenate([positions, placed])
    assert ax.get_xlim()[0] < both[:, 0].min() < both[:, 0].max() < ax.get_xlim()[1]
    grey, _ = placed.plot(new, reference=True).collections
    np.testing.assert_allclose(grey.get_facecolors()[0, :3], to_rgba(MISSING_COLOR)[:3])
    assert len(placed.plot(reference=True).collections) == 2


def test_new_points_share_the_scale_of_the_embedding():
    old, new = np.zeros((3, 2)) + np.arange(3)[:, None], np.ones((2, 2)) * 5
    ax = plot_over(old, new, [0.5, 2], reference_labels=[-1.5, 0, 1], colors="gray")
    below, above = ax.collections
    assert (colors_at(below, old)[0, :3] == 0).all()
    assert (above.get_facecolors()[:, :3] == 1).all(axis=1).any()
    with pytest.raises(ValueError, match="both be classes, or both be values"):
        plot_over(old, new, [0.5, 2], reference_labels=list("abc"))
