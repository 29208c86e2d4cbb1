"""Pictures of embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.labels import Classes, Values, interpret_labels
from tsnekit.paints import (
    MISSING_COLOR,
    PALETTE,
    ByClass,
    ByValue,
    Paint,
    Plain,
    class_colors,
    color_scale,
)
from tsnekit.rasterize import PixelGrid, opacity
from tsnekit.validation import check_integer, check_real, short_repr

__all__ = ["plot", "plot_over"]

RASTERIZE_FROM = 50_000
"""From so many points on, they are drawn as an image."""

RASTERIZE_MARKS_FROM = 5_000
"""From so many points on, even single ones are stored as pixels in a vector graphic."""

LARGEST_RADIUS = 8
"""Points in an image cover pixels up to this far away; the work grows with their number."""

NAMES_BESIDE = 20
"""More classes than these are named on the map, where a list would be long to look through."""

NAMES_ON_MAP = 100
"""More classes than these are not named."""


def plot(
    embedding: Any,
    labels: Any = None,
    ax: Any = None,
    *,
    kind: str = "auto",
    colors: Any = None,
    limits: tuple[float, float] | None = None,
    size: float | None = None,
    alpha: float | None = None,
    legend: str | bool = "auto",
    rasterize: str | bool = "auto",
    resolution: int = 1000,
    components: Sequence[int] | None = None,
    title: str | None = None,
) -> Any:
    """Draw an embedding.

    Nothing of pyplot's is touched: without `ax`, the picture is on a figure of its own, which
    ``plot(...).figure.savefig(path)`` saves. To see it in a notebook or a window, pass an Axes of
    ``plt.subplots()``.

    Parameters
    ----------
    embedding : array-like of shape (n_samples, n_components)
        In one dimension, points are stacked up to the height of their density; in three, they are
        drawn in perspective.
    labels : array-like of shape (n_samples,), optional
        Classes, with a colour each and a legend, or values, with a colour scale. Points whose
        label is missing (None, NaN, NA or masked) are grey, beneath all others.
    ax : matplotlib Axes, optional
        Where to draw; one with ``projection="3d"`` for three dimensions.
    kind : {"auto", "categorical", "continuous"}, default="auto"
        Whether labels are classes or values. "auto" takes text, booleans and at most 40 different
        whole numbers as classes.
    colors : mapping, sequence of colour, colormap or colour, optional
        For classes, colours by label, or in order, or a colormap; by default 30 that can be told
        apart with any colour vision. For values, a colormap, "viridis" by default. Without labels,
        the one colour of all points.
    limits : (float, float), optional
        The values at the ends of the colour scale; by default those of the labels.
    size : float, optional
        Area of a point in typographic points squared, as for matplotlib's ``scatter``; by default
        it follows the number of points. In an image, 8 pixels in radius are the most.
    alpha : float, optional
        Opacity of a point from 0 to 1, of a lone one in an image; by default it follows the number
        of points.
    legend : {"auto", "side", "map"} or bool, default="auto"
        Where classes are named: in a list at the side, or on the map. "auto", or True, is "side"
        up to 20 classes, "map" up to 100, and nothing above. False also hides the colour scale.
    rasterize : bool or "auto", default="auto"
        Whether to draw two-dimensional maps as an image, each pixel in the colour of most of its
        points, or of their mean value, the more opaque the more they are. "auto" does so from
        50,000 points on.
    resolution : int, default=1000
        Pixels on the longer side of that image.
    components : sequence of int, optional
        The columns of the embedding to draw, up to three; by default all.
    title : str, optional
        Title of the picture.

    Returns
    -------
    matplotlib Axes
        The one that was drawn on.

    Raises
    ------
    TypeError, ValueError
        If the labels do not fit the embedding, the Axes is not of its dimensions, or a parameter
        has no valid value.

    Examples
    --------
    >>> import tsnekit
    >>> from sklearn.datasets import load_iris
    >>> iris = load_iris()
    >>> embedding = tsnekit.TSNE(n_iter=50, random_state=0).fit(iris.data)
    >>> ax = tsnekit.plot(embedding, iris.target_names[iris.target])
    >>> ax.figure.savefig("iris.png")  # doctest: +SKIP
    """
    points = _drawn(embedding, components)
    n, dimensions = points.shape
    if alpha is not None and not 0 <= check_real("alpha", alpha) <= 1:
        raise ValueError(f"alpha must be from 0 to 1, got {alpha!r}")
    if size is not None:
        size = check_real("size", size, above=0)
    check_integer("resolution", resolution, at_least=2)
    if not isinstance(rasterize, bool) and rasterize != "auto":
        raise ValueError(f"rasterize must be True, False or 'auto', got {short_repr(rasterize)}")
    if not isinstance(legend, bool) and legend not in ("auto", "side", "map"):
        raise ValueError(
            f"legend must be True, False, 'auto', 'side' or 'map', got {short_repr(legend)}"
        )
    shown = None if labels is None else interpret_labels(labels, n, kind)
    layers, key = _layers(shown, n, colors, limits)
    ax = _axes(ax, dimensions)
    if dimensions == 1:
        points = _stacked(points[:, 0])
    size = _point_size(n, ax) if size is None else size
    image = dimensions < 3 and (n >= RASTERIZE_FROM if rasterize == "auto" else bool(rasterize))
    for part, paint in layers:
        if image:
            _draw_image(ax, points, part, paint, size, alpha, resolution)
        else:
            _draw_points(ax, points, part, paint, size, alpha)
    _tidy(ax, points, dimensions)
    if title is not None:
        ax.set_title(title)
    if isinstance(shown, Values) and legend is not False:
        ax.figure.colorbar(key, ax=ax, shrink=0.6, label=shown.title or "")
    elif isinstance(shown, Classes) and legend is not False:
        _name_classes(ax, points, shown, key, legend)
    return ax


def plot_over(
    reference: Any,
    new: Any,
    labels: Any = None,
    ax: Any = None,
    *,
    reference_labels: Any = None,
    **options: Any,
) -> Any:
    """Draw new points over the embedding that they were added to, which is pale.

    Parameters
    ----------
    reference : array-like of shape (n_samples, n_components)
    new : array-like of shape (n_new, n_components)
    labels, ax, **options
        See `plot`; they hold for the new points, and the colours for the embedding too.
    reference_labels : array-like of shape (n_samples,), optional

    Returns
    -------
    matplotlib Axes
    """
    components = options.get("components")
    below, above = _drawn(reference, components), _drawn(new, components)
    dimensions = below.shape[1]
    ax = _axes(ax, dimensions)
    pale = options | {"alpha": 0.25, "title": None, "size": None}
    if reference_labels is None:
        pale |= {"colors": MISSING_COLOR, "alpha": 0.6, "limits": None}
    elif labels is not None:
        both = [
            interpret_labels(each, len(points), options.get("kind", "auto"))
            for each, points in ((reference_labels, below), (labels, above))
        ]
        shared = _shared_colors(both, options)
        options, pale = options | shared, pale | shared | {"legend": False}
    if options.get("size") is None:
        options["size"] = 2 * _point_size(len(below) + len(above), ax)
    plot(reference, reference_labels, ax, **pale)
    plot(new, labels, ax, **options)
    _tidy(ax, np.concatenate([below, above]), dimensions)
    return ax


def _shared_colors(both: list[Classes | Values], options: dict[str, Any]) -> dict[str, Any]:
    """Return the colours, or the limits of the scale, that serve two sets of labels."""
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
        return {"colors": dict(zip(names, class_colors(names, options.get("colors")), strict=True))}
    present = np.concatenate(values)
    if options.get("limits") is None and len(present) and np.ptp(present) > 0:
        return {"limits": (present.min(), present.max())}
    return {}


def _layers(
    shown: Classes | Values | None, n: int, colors: Any, limits: Any
) -> tuple[list[tuple[NDArray[np.intp], Paint]], Any]:
    """Return which points are drawn in which paint, lowest first, and what a legend needs."""
    everything = np.arange(n)
    if shown is None:
        return [(everything, Plain(PALETTE[0] if colors is None else colors, n))], None
    labelled, rest = everything[~shown.missing], everything[shown.missing]
    key: Any
    paint: Paint
    if isinstance(shown, Classes):
        key = class_colors(shown.names, colors)
        paint = ByClass(shown.codes[labelled], key)
    else:
        key = color_scale(shown, colors, limits)
        paint = ByValue(shown.values[labelled], key)
    layers = [(rest, Plain(MISSING_COLOR, len(rest))), (labelled, paint)]
    return [layer for layer in layers if len(layer[0])], key


def _drawn(embedding: Any, components: Sequence[int] | None) -> NDArray[np.float64]:
    """Return the positions to draw, (n, 1), (n, 2) or (n, 3)."""
    points = np.asarray(embedding, dtype=float)
    if points.ndim != 2:
        raise ValueError(f"embedding must be two-dimensional, got shape {points.shape}")
    if not len(points):
        raise ValueError("embedding must have at least one point")
    if components is not None:
        try:
            points = points[:, list(components)]
        except (IndexError, TypeError):
            raise ValueError(
                f"components must be columns from 0 to {points.shape[1] - 1}, "
                f"got {short_repr(components)}"
            ) from None
    if not 1 <= points.shape[1] <= 3:
        raise ValueError(
            f"components must choose 1 to 3 of the columns, got {points.shape[1]} to draw"
        )
    if not np.isfinite(points).all():
        raise ValueError("embedding holds NaN or infinity")
    return points


def _axes(ax: Any, dimensions: int) -> Any:
    """Return the Axes to draw on, a new one on a new figure where none was given."""
    projection = "3d" if dimensions == 3 else None
    if ax is None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6.4, 6.0 if dimensions > 1 else 3.2), layout="constrained")
        return figure.add_subplot(projection=projection)
    if (getattr(ax, "name", None) == "3d") != (dimensions == 3):
        raise ValueError(
            f"ax must be {'a three' if dimensions == 3 else 'a two'}-dimensional Axes for "
            f"{dimensions} component(s); see the parameter components"
        )
    return ax


def _stacked(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points of a line lifted to heights that fill the area under their density."""
    counts, edges = np.histogram(x, bins=min(200, 10 + len(x) // 20))
    density = np.convolve(counts, np.hanning(9)[1:-1] / 4, mode="same")
    heights = np.interp(x, (edges[1:] + edges[:-1]) / 2, density / max(density.max(), 1))
    # Multiples of the golden ratio leave no gaps, whatever the order of the points.
    ranks = x.argsort().argsort()
    return np.column_stack([x, heights * (ranks * (np.sqrt(5) - 1) / 2 % 1)])


def _point_size(n: int, ax: Any) -> float:
    """Area in points squared: smaller for more points, but never so small that they fade."""
    area = ax.get_window_extent().size.prod() * (72 / ax.figure.dpi) ** 2
    return float(np.clip(1_500 / n**0.7, 0.3, 40) * np.clip(area / 120_000, 0.1, 4))


def _draw_points(
    ax: Any,
    points: NDArray[np.float64],
    part: NDArray[np.intp],
    paint: Paint,
    size: float,
    alpha: float | None,
) -> None:
    # In random order, no class lies on top because its rows come last.
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


def _tidy(ax: Any, points: NDArray[np.float64], dimensions: int) -> None:
    """Scale all axes alike, and leave out what says nothing: only distances have a meaning."""
    if dimensions == 3:
        ax.set_box_aspect(np.maximum(np.ptp(points, axis=0), 1e-9))
        for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
            axis.set_ticklabels([])
        return
    low, span = points.min(axis=0), np.ptp(points, axis=0)
    margin = 0.02 * span.max() or 1.0
    if dimensions == 2:
        ax.set_aspect("equal")
        ax.set_xlim(low[0] - margin, low[0] + span[0] + margin)
        ax.set_ylim(low[1] - margin, low[1] + span[1] + margin)
    ax.set_axis_off()


def _name_classes(
    ax: Any,
    points: NDArray[np.float64],
    shown: Classes,
    colors: NDArray[np.float64],
    legend: str | bool,
) -> None:
    if legend in ("auto", True):
        if len(shown.names) > NAMES_ON_MAP:
            return
        legend = "side" if len(shown.names) <= NAMES_BESIDE else "map"
    if legend == "side":
        _list_classes(ax, shown, colors)
    else:
        _write_names(ax, points, shown, colors)


def _list_classes(ax: Any, shown: Classes, colors: NDArray[np.float64]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], marker="o", linestyle="", markersize=6, color=color, label=str(name))
        for name, color in zip(shown.names, colors, strict=True)
    ]
    ax.legend(
        handles=handles,
        title=shown.title,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
        ncols=1 + (len(handles) - 1) // 20,
    )


def _write_names(
    ax: Any, points: NDArray[np.float64], shown: Classes, colors: NDArray[np.float64]
) -> None:
    """Write the name of each class where its points are densest."""
    from matplotlib.patheffects import withStroke

    outline = [withStroke(linewidth=2.5, foreground="white")]
    for code, (name, color) in enumerate(zip(shown.names, colors, strict=True)):
        place = _densest(points[shown.codes == code])
        ax.text(
            *place,
            str(name),
            color=color[:3] * 0.6,
            fontsize="small",
            fontweight="bold",
            ha="center",
            va="center",
            path_effects=outline,
            zorder=5,
        )


def _densest(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the middle of the points around the fullest cell of a coarse grid."""
    counts, edges = np.histogramdd(points, bins=8)
    cell = np.unravel_index(counts.argmax(), counts.shape)
    near = np.ones(len(points), dtype=bool)
    for axis, (index, edge) in enumerate(zip(cell, edges, strict=True)):
        width = edge[1] - edge[0]
        within = (points[:, axis] >= edge[index] - width) & (
            points[:, axis] <= edge[index + 1] + width
        )
        near &= within
    return np.asarray(np.median(points[near], axis=0))
