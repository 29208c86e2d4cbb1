"""What the colours of a map mean: a list of classes, names on the map, or a colour scale."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._drawing.labels import Classes, Values
from tsnekit._drawing.letters import drawable

__all__ = ["name_classes", "show_scale"]

logger = logging.getLogger(__name__)

NAMES_BESIDE = 20
"""With more classes than this, names are on the map, since a list would be too long."""

NAMES_ON_MAP = 100
"""With more classes than this, there are no names."""


def show_scale(ax: Any, shown: Values, scale: Any) -> None:
    """Draw the colour scale of values beside the map."""
    options: dict[str, Any] = {}
    if shown.dates:
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator()
        options = {"ticks": locator, "format": ConciseDateFormatter(locator)}
    (title,), font = drawable([shown.title or ""])
    bar = ax.figure.colorbar(scale, ax=ax, shrink=0.6, **options)
    bar.set_label(title, **font)


def name_classes(
    ax: Any,
    points: NDArray[np.float64],
    shown: Classes,
    colors: NDArray[np.float64],
    legend: str | bool,
) -> None:
    """Name the classes at the side, on the map, or not at all."""
    if legend in ("auto", True):
        if len(shown.names) > NAMES_ON_MAP:
            logger.warning(
                "%d classes are too many to be named; legend='map' or 'side' names them",
                len(shown.names),
            )
            return
        legend = "side" if len(shown.names) <= NAMES_BESIDE else "map"
    if legend == "side":
        _list_classes(ax, shown, colors)
    else:
        _write_names(ax, points, shown, colors)


def _list_classes(ax: Any, shown: Classes, colors: NDArray[np.float64]) -> None:
    from matplotlib import rcParams
    from matplotlib.lines import Line2D

    (title, *names), font = drawable([shown.title or "", *shown.names])
    handles = [
        Line2D([], [], marker="o", linestyle="", markersize=6, color=color, label=name)
        for name, color in zip(names, colors, strict=True)
    ]
    ax.legend(
        handles=handles,
        title=title or None,
        prop={"size": rcParams["legend.fontsize"], **font},
        title_fontproperties={"size": rcParams["legend.fontsize"], **font},
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
    names, font = drawable(shown.names)
    for code, (name, color) in enumerate(zip(names, colors, strict=True)):
        place = _densest(points[shown.codes == code])
        ax.text(
            *place,
            name,
            color=color[:3] * 0.6,
            fontsize="small",
            fontweight="bold",
            ha="center",
            va="center",
            path_effects=outline,
            zorder=5,
            **font,
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
