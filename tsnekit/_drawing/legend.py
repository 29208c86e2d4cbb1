"""What the colours of a map mean: a list of classes, names on the map, or a colour scale."""

from __future__ import annotations

import logging
import math
import textwrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._drawing.axes import PAGE
from tsnekit._drawing.labels import Classes, Values
from tsnekit._drawing.letters import drawable
from tsnekit._drawing.placing import place_names

__all__ = ["is_beside", "name_classes", "page_for", "show_scale"]

logger = logging.getLogger(__name__)

NAMES_BESIDE = 20
"""With more classes than this, names are on the map, since a list would be too long."""

MANY_CLASSES = 100
"""With more classes than this, names are small, and a line in the log says so."""

NAME_SIZE, MANY_SIZE = 8.0, 6.5
"""Sizes of names on the map in points, of those and of more classes."""

COVERED = 0.2
"""The share of a map that names may cover before the page grows for them."""

LARGEST = 2.0
"""How many times as wide and high a page may get for names."""

LETTERS, LINES = 32, 3
"""How long a line of a name in the list is, and how many lines it may take."""


def page_for(shown: Classes, legend: str | bool) -> tuple[float, float] | None:
    """Return the size of a page with room for names on the map, in inches; None for the default."""
    if is_beside(shown, legend, 2):
        return None
    letters = sum(min(len(str(name)), LETTERS * LINES) + 2 for name in shown.names)
    size = MANY_SIZE if len(shown.names) > MANY_CLASSES else NAME_SIZE
    # A bold letter is two thirds as wide as high, and a line half as high again as a letter.
    share = letters * (size / 72) ** 2 / (PAGE[0] * PAGE[1])
    factor = min(max(math.sqrt(share / COVERED), 1.0), LARGEST)
    return (PAGE[0] * factor, PAGE[1] * factor) if factor > 1 else None


def is_beside(shown: Classes, legend: str | bool, dimensions: int) -> bool:
    """Whether classes are named in a list at the side, as they are in perspective."""
    return legend == "side" or (
        legend != "map" and (dimensions == 3 or len(shown.names) <= NAMES_BESIDE)
    )


def show_scale(ax: Any, shown: Values, scale: Any) -> None:
    """Draw the colour scale of values beside the map."""
    options: dict[str, Any] = {}
    if shown.dates:
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator()
        options = {"ticks": locator, "format": ConciseDateFormatter(locator)}
    (title,), font = drawable([shown.title or ""])
    bar = ax.figure.colorbar(scale, ax=ax, shrink=0.6, **options)
    bar.set_label(title, parse_math=False, **font)


def name_classes(
    ax: Any,
    points: NDArray[np.float64],
    shown: Classes,
    colors: NDArray[np.float64],
    legend: str | bool,
) -> None:
    """Name the classes at the side, or on the map."""
    if is_beside(shown, legend, points.shape[1]):
        _list_classes(ax, shown, colors)
    else:
        _write_names(ax, points, shown, colors)


def _list_classes(ax: Any, shown: Classes, colors: NDArray[np.float64]) -> None:
    from matplotlib import rcParams
    from matplotlib.lines import Line2D

    (title, *names), font = drawable([shown.title or "", *shown.names])
    # A label that begins with "_" would be left out, so that names are written afterwards.
    handles = [
        Line2D([], [], marker="o", linestyle="", markersize=6, color=color, label="name")
        for color in colors
    ]
    rows = max(NAMES_BESIDE, math.ceil(math.sqrt(5 * len(names))))
    legend = ax.legend(
        handles=handles,
        title=title or None,
        prop={"size": rcParams["legend.fontsize"], **font},
        title_fontproperties={"size": rcParams["legend.fontsize"], **font},
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
        ncols=max(1, math.ceil(len(names) / rows)),
    )
    legend.get_title().set_parse_math(False)
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(_wrapped(name))


def _wrapped(name: str) -> str:
    """Return a long name in several lines, its end left out where it takes too many."""
    lines = textwrap.wrap(name, LETTERS) or [name]
    # As many lines, of equal lengths.
    widths = range(math.ceil(len(name) / len(lines)), LETTERS)
    tried = (textwrap.wrap(name, width) for width in widths)
    lines = next((each for each in tried if len(each) == len(lines)), lines)
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], f"{lines[LINES - 1][: LETTERS - 1]}\N{HORIZONTAL ELLIPSIS}"]
    return "\n".join(lines)


def _write_names(
    ax: Any, points: NDArray[np.float64], shown: Classes, colors: NDArray[np.float64]
) -> None:
    """Write the name of each class where its points are densest, or near by."""
    from matplotlib.patheffects import withStroke

    outline = [withStroke(linewidth=2.5, foreground="white")]
    names, font = drawable(shown.names)
    counts = np.bincount(shown.codes[shown.codes >= 0], minlength=len(names))
    many = len(names) > MANY_CLASSES
    # The largest classes come first where names are in one another's way.
    order = np.argsort(-counts, kind="stable")
    dark = colors[order, :3] * 0.6
    texts = [
        ax.text(
            *_densest(points[shown.codes == code]),
            _wrapped(names[code]),
            color=color,
            fontsize=MANY_SIZE if many else NAME_SIZE,
            fontweight="bold",
            ha="center",
            va="center",
            path_effects=outline,
            zorder=5,
            parse_math=False,
            **font,
        )
        for code, color in zip(order, dark, strict=True)
    ]
    removed = place_names(ax, texts, dark) if points.shape[1] == 2 else 0
    if many or removed:
        room = f"; {removed} had no room" if removed else ""
        logger.warning(
            "%d classes: their names are on the map%s (legend='side' lists them)",
            len(names),
            room,
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
