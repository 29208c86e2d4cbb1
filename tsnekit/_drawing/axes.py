"""Where a map is drawn: the Axes, their limits, and the places and sizes of points on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._util.validation import short_repr

__all__ = ["PAGE", "axes_for", "drawn_points", "fit_page", "point_size", "stacked", "tidy"]


PAGE = 6.4, 6.0
"""Width and height of a page for a map alone, in inches."""


MOST_FITS = 8
"""How often a page is made wider for a legend beside a map in perspective."""


def axes_for(ax: Any, dimensions: int, figsize: tuple[float, float] | None = None) -> Any:
    """Return the given Axes, or a new one on a new figure of that size in inches."""
    if ax is None:
        from tsnekit._drawing.page import page_axes

        figsize = figsize or (PAGE if dimensions > 1 else (PAGE[0], PAGE[1] / 2))
        return page_axes(figsize, dimensions)
    if figsize is not None:
        raise ValueError("figsize is the size of a new figure; the given ax is on one already")
    if (getattr(ax, "name", None) == "3d") != (dimensions == 3):
        raise ValueError(
            f"ax must be {'a three' if dimensions == 3 else 'a two'}-dimensional Axes for "
            f"{dimensions} component(s); see the parameter components"
        )
    return ax


def fit_page(ax: Any, points: NDArray[np.float64] | None) -> None:
    """Let the page of a map grow with its legend; points in two dimensions fill the rest."""
    figure = ax.figure
    width, height = figure.get_size_inches()
    legend = ax.get_legend()
    if legend is not None:
        box = legend.get_window_extent()
        width += box.width / figure.dpi
        height = max(height, box.height / figure.dpi + 0.2)
    for other in figure.axes:
        if other is not ax:  # a colour scale
            width += other.get_tightbbox().width / figure.dpi
    figure.set_size_inches(width, height)
    if legend is not None and ax.name == "3d":
        # The layout does not know how much of their place these Axes leave free.
        for _ in range(MOST_FITS):
            figure.draw_without_rendering()
            beyond = (legend.get_window_extent().x1 - figure.bbox.x1) / figure.dpi
            if beyond <= 0:
                break
            figure.set_size_inches(figure.get_size_inches()[0] + 2 * beyond + 0.1, height)
    if points is not None:
        # The layout tries narrower places first, and limits that were widened there stay so.
        figure.draw_without_rendering()
        _set_limits(ax, points)


def stacked(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lift points of a line so that they fill the area under their density."""
    counts, edges = np.histogram(x, bins=min(200, 10 + len(x) // 20))
    density = np.convolve(counts, np.hanning(9)[1:-1] / 4, mode="same")
    heights = np.interp(x, (edges[1:] + edges[:-1]) / 2, density / max(density.max(), 1))
    # Multiples of the golden ratio leave no gaps, for any order of the points.
    ranks = x.argsort().argsort()
    return np.column_stack([x, heights * (ranks * (np.sqrt(5) - 1) / 2 % 1)])


def point_size(n: int, ax: Any) -> float:
    """Return the area of a point in points squared, smaller for more points but never faint."""
    area = ax.get_window_extent().size.prod() * (72 / ax.figure.dpi) ** 2
    return float(np.clip(1_500 / n**0.7, 0.3, 40) * np.clip(area / 120_000, 0.1, 4))


def tidy(ax: Any, points: NDArray[np.float64], dimensions: int, *, is_own: bool) -> None:
    """Scale all axes alike and hide their numbers, since only distances have a meaning."""
    if dimensions == 3:
        ax.set_box_aspect(np.maximum(np.ptp(points, axis=0), 1e-9))
        for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
            axis.set_ticklabels([])
        return
    if dimensions == 2:
        # On a page of its own, the box stays as it is, and so does a legend beside it. Axes that
        # are given may share their limits with others.
        ax.set_aspect("equal", adjustable="datalim" if is_own else "box")
        _set_limits(ax, points)
    ax.set_axis_off()


def _set_limits(ax: Any, points: NDArray[np.float64]) -> None:
    low, span = points.min(axis=0), np.ptp(points, axis=0)
    margin = 0.02 * span.max() or 1.0
    # They are not fixed, since the aspect may widen them.
    ax.set_xlim(low[0] - margin, low[0] + span[0] + margin, auto=True)
    ax.set_ylim(low[1] - margin, low[1] + span[1] + margin, auto=True)


def drawn_points(
    embedding: Any, components: Sequence[int] | None, *, most: int = 3
) -> NDArray[np.float64]:
    """Return the positions to draw, in one to `most` columns."""
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
    if not 1 <= points.shape[1] <= most:
        raise ValueError(
            f"components must choose 1 to {most} of the columns, got {points.shape[1]} to draw"
        )
    if not np.isfinite(points).all():
        raise ValueError("embedding must be finite, but it holds NaN or infinity")
    return points
