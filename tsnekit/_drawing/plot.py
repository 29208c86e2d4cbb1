"""Pictures of embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from tsnekit._drawing.axes import axes_for, drawn_points, fit_page, point_size, stacked, tidy
from tsnekit._drawing.labels import Classes, Values, interpret_labels
from tsnekit._drawing.legend import name_classes, page_for, show_scale
from tsnekit._drawing.letters import drawable
from tsnekit._drawing.paints import (
    MISSING_COLOR,
    PALETTE,
    ByClass,
    ByValue,
    Paint,
    Plain,
    class_colors,
    color_scale,
)
from tsnekit._drawing.pixels import PixelGrid, opacity
from tsnekit._util.validation import check_integer, check_real, short_repr

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot", "plot_over"]

RASTERIZE_FROM = 50_000
"""Maps of at least this many points are drawn as an image."""

RASTERIZE_MARKS_FROM = 5_000
"""In maps of at least this many points, a vector graphic stores the points as pixels."""

LARGEST_RADIUS = 8
"""The largest radius of a point in an image, in pixels."""


def plot(
    embedding: Any,
    labels: Any = None,
    ax: Axes | None = None,
    *,
    kind: Literal["auto", "categorical", "continuous"] = "auto",
    colors: Any = None,
    limits: tuple[float, float] | None = None,
    size: float | None = None,
    alpha: float | None = None,
    legend: Literal["auto", "side", "map"] | bool = "auto",
    rasterize: Literal["auto"] | bool = "auto",
    resolution: int = 1000,
    components: Sequence[int] | None = None,
    title: str | None = None,
    figsize: tuple[float, float] | None = None,
) -> Axes:
    """Draw an embedding.

    Without `ax`, the picture is on a new figure that pyplot does not know. A notebook shows it
    where the call is the last line of a cell, and ``plot(...).figure.savefig(path)`` saves it. To
    show it in a window, pass an Axes of ``plt.subplots()``.

    Parameters
    ----------
    embedding : array-like of shape (n_samples, n_components)
        In one dimension, points are stacked up to the height of their density. In three
        dimensions, they are drawn in perspective.
    labels : array-like of shape (n_samples,), optional
        Classes have a colour each and a legend; values, which can be dates, have a colour scale.
        Points without a label (None, NaN, NaT, NA or masked) are grey and lie beneath the others.
        So does noise: -1 among classes that are whole numbers and count from 0, also as text.
    ax : matplotlib Axes, optional
        Where to draw. Three dimensions need an Axes with ``projection="3d"``.
    kind : {"auto", "categorical", "continuous"}, default="auto"
        Whether labels are classes or values. "auto" takes text, booleans, categories and at most
        40 different whole numbers or dates as classes.
    colors : mapping, sequence of colour, colormap or colour, optional
        For classes, colours by label, colours in order, or a colormap; one of a few colours, such
        as "tab20", gives them in order. The default is 30 colours that are distinct with any colour
        vision, and "viridis" for ordered categories. For values,
        a colormap; the default is "viridis". Without labels, the one colour of all points.
    limits : (float, float) or pair of dates, optional
        The values at the ends of the colour scale. The default is the range of the labels.
    size : float, optional
        Area of a point in typographic points squared, as for matplotlib's ``scatter``. The default
        follows the number of points. In an image, the radius is at most 8 pixels.
    alpha : float, optional
        Opacity of a point from 0 to 1; in an image, of a point that covers no other. The default
        follows the number of points.
    legend : {"auto", "side", "map"} or bool, default="auto"
        Where classes are named: in a list at the side, or on the map, where no name lies over
        another. "auto", or True, is "side" up to 20 classes and in three dimensions, else "map". A
        line in the log says so for more than 100 classes, or if a name has no room. False also
        hides the colour scale.
    rasterize : bool or "auto", default="auto"
        Whether to draw one- and two-dimensional maps as an image. Each pixel has the colour of most
        of its points, or of their mean value. Pixels with more points are more opaque. "auto" draws
        an image from 50,000 points on.
    resolution : int, default=1000
        Pixels on the longer side of that image.
    components : sequence of int, optional
        The columns of the embedding to draw, at most three. The default is all columns.
    title : str, optional
        Title of the picture.
    figsize : (float, float), optional
        Width and height of a new figure in inches. The page is wider by the legend beside the map.

    Returns
    -------
    matplotlib Axes
        The Axes with the picture.

    Raises
    ------
    TypeError, ValueError
        If the labels or the Axes do not fit the embedding, or a parameter is not valid.

    Examples
    --------
    >>> import tsnekit
    >>> from sklearn.datasets import load_iris
    >>> iris = load_iris()
    >>> embedding = tsnekit.TSNE(n_iter=50, random_state=0).fit(iris.data)
    >>> ax = tsnekit.plot(embedding, iris.target_names[iris.target])
    >>> ax.figure.savefig("iris.png")  # doctest: +SKIP
    """
    points = drawn_points(embedding, components)
    n, dimensions = points.shape
    if alpha is not None and not 0 <= check_real("alpha", alpha) <= 1:
        raise ValueError(f"alpha must be from 0 to 1, got {alpha!r}")
    if size is not None:
        size = check_real("size", size, above=0)
    check_integer("resolution", resolution, at_least=2)
    if not isinstance(rasterize, bool) and rasterize != "auto":
        raise ValueError(f"rasterize must be True, False or 'auto', got {short_repr(rasterize)}")
    _check_legend(legend)
    if figsize is not None:
        figsize = _page(figsize)
    shown = None if labels is None else interpret_labels(labels, n, kind)
    layers, key = _layers(shown, n, colors, limits)
    is_own = ax is None
    if isinstance(shown, Classes) and legend is not False and dimensions < 3:
        figsize = page_for(shown, legend) if is_own and figsize is None else figsize
    ax = axes_for(ax, dimensions, figsize)
    if dimensions == 1:
        points = stacked(points[:, 0])
    size = point_size(n, ax) if size is None else size
    image = dimensions < 3 and (n >= RASTERIZE_FROM if rasterize == "auto" else bool(rasterize))
    for part, paint in layers:
        if image:
            _draw_image(ax, points, part, paint, size, alpha, resolution)
        else:
            _draw_points(ax, points, part, paint, size, alpha)
    tidy(ax, points, dimensions, is_own=is_own)
    if title is not None:
        (line,), font = drawable([title])
        ax.set_title(line, parse_math=False, **font)
    _explain(ax, points, shown, key, legend)
    if is_own:
        fit_page(ax, points if dimensions == 2 else None)
    return ax


def plot_over(
    reference: Any,
    new: Any,
    labels: Any = None,
    ax: Axes | None = None,
    *,
    reference_labels: Any = None,
    **options: Any,
) -> Axes:
    """Draw new points over a pale picture of the embedding that they were added to.

    Parameters
    ----------
    reference : array-like of shape (n_samples, n_components)
    new : array-like of shape (n_new, n_components)
    labels, ax, **options
        See `plot`. The labels are those of the new points; the colours also apply to the embedding.
    reference_labels : array-like of shape (n_samples,), optional

    Returns
    -------
    matplotlib Axes
    """
    components = options.get("components")
    below, above = drawn_points(reference, components), drawn_points(new, components)
    dimensions = below.shape[1]
    figsize, legend = options.pop("figsize", None), options.pop("legend", "auto")
    _check_legend(legend)
    is_own = ax is None
    ax = axes_for(ax, dimensions, None if figsize is None else _page(figsize))
    # What the colours mean is written when all points have their places.
    options["legend"] = False
    pale = options | {"alpha": 0.25, "title": None, "size": None}
    if reference_labels is None:
        pale |= {"colors": MISSING_COLOR, "alpha": 0.6, "limits": None}
    elif labels is not None:
        both = [
            interpret_labels(each, len(points), options.get("kind", "auto"))
            for each, points in ((reference_labels, below), (labels, above))
        ]
        shared = _shared_colors(both, options)
        options, pale = options | shared, pale | shared
    if options.get("size") is None:
        options["size"] = 2 * point_size(len(below) + len(above), ax)
    plot(reference, reference_labels, ax, **pale)
    plot(new, labels, ax, **options)
    all_points = np.concatenate([below, above])
    tidy(ax, all_points, dimensions, is_own=is_own)
    given, points = (reference_labels, below) if labels is None else (labels, above)
    if given is not None:
        shown = interpret_labels(given, len(points), options.get("kind", "auto"))
        _, key = _layers(shown, len(points), options.get("colors"), options.get("limits"))
        points = stacked(points[:, 0]) if dimensions == 1 else points
        _explain(ax, points, shown, key, legend)
    if is_own:
        fit_page(ax, all_points if dimensions == 2 else None)
    return ax


def _check_legend(legend: Any) -> None:
    if not isinstance(legend, bool) and legend not in ("auto", "side", "map"):
        raise ValueError(
            f"legend must be True, False, 'auto', 'side' or 'map', got {short_repr(legend)}"
        )


def _explain(
    ax: Any,
    points: NDArray[np.float64],
    shown: Classes | Values | None,
    key: Any,
    legend: str | bool,
) -> None:
    """Say what the colours mean: draw a scale, or name the classes."""
    if legend is False:
        return
    if isinstance(shown, Values):
        show_scale(ax, shown, key)
    elif isinstance(shown, Classes):
        name_classes(ax, points, shown, key, legend)


def _shared_colors(both: list[Classes | Values], options: dict[str, Any]) -> dict[str, Any]:
    """Return the colours, or the limits of the scale, for both sets of labels."""
    names: list[Any] = []
    values: list[NDArray[np.float64]] = []
    for each in both:
        if isinstance(each, Classes):
            names += each.names
        else:
            values.append(each.values[np.isfinite(each.values)])
    if names and values:
        raise ValueError("labels and reference_labels must both be classes, or both be values")
    if names:
        names = list(dict.fromkeys(names))
        brought = {
            name: color
            for each in both
            if isinstance(each, Classes)
            for name, color in zip(each.names, each.colors or (), strict=False)
        }
        if options.get("colors") is None and brought.keys() >= {*names}:
            return {"colors": brought}
        return {"colors": dict(zip(names, class_colors(names, options.get("colors")), strict=True))}
    present = np.concatenate(values)
    if options.get("limits") is None and len(present) and np.ptp(present) > 0:
        return {"limits": (present.min(), present.max())}
    return {}


def _layers(
    shown: Classes | Values | None, n: int, colors: Any, limits: Any
) -> tuple[list[tuple[NDArray[np.intp], Paint]], Any]:
    """Return the points of each paint, lowest first, and the colours that a legend needs."""
    everything = np.arange(n)
    if shown is None:
        return [(everything, Plain(PALETTE[0] if colors is None else colors, n))], None
    labelled, rest = everything[~shown.missing], everything[shown.missing]
    key: Any
    paint: Paint
    if isinstance(shown, Classes):
        given = shown.colors if colors is None else colors
        key = class_colors(shown.names, given, ordered=shown.ordered)
        paint = ByClass(shown.codes[labelled], key)
    else:
        key = color_scale(shown, colors, limits)
        paint = ByValue(shown.values[labelled], key)
    layers = [(rest, Plain(MISSING_COLOR, len(rest))), (labelled, paint)]
    return [layer for layer in layers if len(layer[0])], key


def _page(figsize: Any) -> tuple[float, float]:
    try:
        width, height = figsize
    except (TypeError, ValueError):
        raise TypeError(
            f"figsize must be a width and a height in inches, got {short_repr(figsize)}"
        ) from None
    return check_real("figsize", width, above=0), check_real("figsize", height, above=0)


def _draw_points(
    ax: Any,
    points: NDArray[np.float64],
    part: NDArray[np.intp],
    paint: Paint,
    size: float,
    alpha: float | None,
) -> None:
    # Points are drawn in random order, so that the class of the last rows does not cover the
    # others.
    order = np.random.default_rng(0).permutation(len(part))
    if alpha is None:
        alpha = 0.9 if len(points) < 20_000 else 0.6
    ax.scatter(
        *points[part[order]].T,
        c=paint.points()[order],
        s=size,
        alpha=alpha,
        linewidths=0,
        rasterized=len(points) > RASTERIZE_MARKS_FROM,
    )


def _draw_image(
    ax: Any,
    points: NDArray[np.float64],
    part: NDArray[np.intp],
    paint: Paint,
    size: float,
    alpha: float | None,
    resolution: int,
) -> None:
    low, high = points.min(axis=0), points.max(axis=0)
    inches = ax.get_window_extent().size.max() / ax.figure.dpi
    radius = min(np.sqrt(size / np.pi) * resolution / (72 * inches), LARGEST_RADIUS)
    grid = PixelGrid(points[part], low, high, resolution=resolution, radius=radius)
    counts = grid.counts()
    image = np.array(paint.pixels(grid, counts))
    image[..., 3] = opacity(counts) if alpha is None else opacity(counts, alpha)
    ax.imshow(image, extent=grid.extent, origin="lower", interpolation="nearest", aspect="auto")
