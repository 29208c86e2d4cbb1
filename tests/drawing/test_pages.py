"""Pages: legends, names and colour scales beside a map that keeps its size."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from tsnekit._drawing.plot import plot, plot_over

IMAGE = {"rasterize": True, "size": 200, "alpha": 1, "resolution": 100}


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_many_classes_are_named_on_the_map_and_one_line_says_so(points, caplog):
    names = np.array([f"class {i}" for i in range(142)])
    ax = plot(points, names[np.arange(200) % 142])
    assert len(ax.texts) == 142
    assert caplog.text.count("142 classes: their names are on the map (legend='side'") == 1
    width, height = ax.figure.get_size_inches()
    assert width > 6.4
    assert height > 6.0


def overlaps(ax):
    """Return how many pairs of names on the map overlap, once it is drawn."""
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent().padded(-0.5) for text in ax.texts]
    return sum(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])


@pytest.mark.parametrize("n_classes", [25, 142])
@pytest.mark.parametrize("title", [None, "A title that takes room"])
def test_names_on_the_map_do_not_overlap(n_classes, title):
    rng = np.random.default_rng(0)
    Y = rng.normal(size=(600, 2))
    names = np.array([f"a longer name {i}" for i in range(n_classes)])
    ax = plot(Y, names[np.arange(600) % n_classes], title=title)
    assert len(ax.texts) == n_classes
    assert overlaps(ax) == 0
    low, high = ax.get_window_extent().get_points()
    for text in ax.texts:
        box = text.get_window_extent()
        assert low[0] - 1 <= box.x0 <= box.x1 <= high[0] + 1
        assert low[1] - 1 <= box.y0 <= box.y1 <= high[1] + 1
    # Whoever moved away is tied to its place.
    assert ax.lines


def test_names_without_room_are_left_out_and_told(points, caplog):
    names = np.array([f"a longer name {i}" for i in range(30)])
    ax = plot(points, names[np.arange(200) % 30], figsize=(1.2, 1.2))
    left_out = 30 - len(ax.texts)
    assert left_out > 10
    assert f"; {left_out} had no room" in caplog.text
    assert overlaps(ax) == 0


def map_size(ax):
    """Return the size of the map on its page, in inches."""
    ax.figure.draw_without_rendering()
    return ax.get_window_extent().size / ax.figure.dpi


@pytest.mark.parametrize("letters", [2, 28, 76])
@pytest.mark.parametrize("n_classes", [3, 20])
def test_a_legend_does_not_shrink_the_map(points, letters, n_classes):
    names = np.array([f"{'word ' * 20}"[: letters - 2] + f"{i:02}" for i in range(n_classes)])
    ax = plot(points, names[np.arange(200) % n_classes])
    bare = map_size(plot(points))
    assert (map_size(ax) > 0.95 * bare).all()
    page = ax.figure.bbox
    box = ax.get_legend().get_window_extent()
    assert page.x0 <= box.x0 <= box.x1 <= page.x1
    assert page.y0 <= box.y0 <= box.y1 <= page.y1


@pytest.mark.parametrize("n_classes", [3, 30])
def test_a_legend_in_three_dimensions_is_on_the_page(n_classes):
    Y = np.random.default_rng(0).normal(size=(200, 3))
    names = np.array([f"a longer name {i}" for i in range(n_classes)])
    ax = plot(Y, names[np.arange(200) % n_classes])
    assert not ax.texts
    ax.figure.draw_without_rendering()
    assert ax.get_legend().get_window_extent().x1 <= ax.figure.bbox.x1


def test_142_classes_in_a_list(points):
    names = np.array([f"name of class {i}" for i in range(142)])
    ax = plot(points, names[np.arange(200) % 142], legend="side")
    assert (map_size(ax) > 0.95 * map_size(plot(points))).all()
    box = ax.get_legend().get_window_extent()
    assert ax.figure.bbox.x1 >= box.x1
    assert ax.figure.bbox.y0 <= box.y0


def test_a_map_fills_its_page_beside_a_legend(points):
    ax = plot(points, np.arange(len(points)) % 4)
    ax.figure.draw_without_rendering()
    ax.figure.draw_without_rendering()
    low, high = np.transpose([ax.get_xlim(), ax.get_ylim()])
    free = 1 - np.ptp(points, axis=0) / (high - low)
    assert free.min() < 0.05


def test_a_colour_scale_does_not_shrink_the_map(points):
    bare = map_size(plot(points))
    assert (map_size(plot(points, pd.Series(points[:, 0], name="depth"))) > 0.93 * bare).all()


def test_figsize_is_the_page(points):
    assert tuple(plot(points, figsize=(3, 4)).figure.get_size_inches()) == (3, 4)
    for given in (3, (1, 2, 3)):
        with pytest.raises(TypeError, match="figsize must be a width and a height"):
            plot(points, figsize=given)
    with pytest.raises(ValueError, match="figsize must be greater than 0"):
        plot(points, figsize=(0, 3))
    with pytest.raises(ValueError, match="figsize is the size of a new figure"):
        plot(points, ax=Figure().subplots(), figsize=(3, 3))


@pytest.mark.parametrize("labels", [True, False])
def test_names_over_an_embedding_do_not_overlap(points, labels):
    names = np.array([f"a longer name {i}" for i in range(25)])[np.arange(200) % 25]
    options = {"labels": names[:100]} if labels else {}
    ax = plot_over(5 * points, points[:100] - 20, reference_labels=names, **options)
    assert len(ax.texts) == 25
    assert overlaps(ax) == 0
    with pytest.raises(ValueError, match="legend must be"):
        plot_over(points, points, legend="below")
