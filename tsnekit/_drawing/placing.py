"""Names on a map: each near the points of its class, none over another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["place_names"]

RINGS = 40
"""How many half heights of a line a name may be moved."""

GAP = 0.6, 0.1
"""Room between two names, beside and above one another, in heights of a line."""


def place_names(ax: Any, texts: Sequence[Any], colors: NDArray[np.float64]) -> int:
    """Move names that would overlap, most important first, with a line to where they belong.

    Parameters
    ----------
    ax : matplotlib Axes
        Two-dimensional, its limits set.
    texts : sequence of matplotlib Text
        Each at the place of its class, centered.
    colors : ndarray of shape (n, 3)
        Of the lines.

    Returns
    -------
    int
        How many names had no room, and were removed.
    """
    _settle(ax)
    frame = ax.get_window_extent()
    low, high = np.array([frame.x0, frame.y0]), np.array([frame.x1, frame.y1])
    boxes = [text.get_window_extent() for text in texts]
    sizes = np.array([(box.width, box.height) for box in boxes])
    line_height = np.median(sizes[:, 1])
    sizes += line_height * np.array(GAP)
    anchors = ax.transData.transform([text.get_position() for text in texts])
    steps = _spiral() * line_height / 2
    centers = np.full((len(texts), 2), np.inf)
    removed = 0
    to_data = ax.transData.inverted()
    for i, text in enumerate(texts):
        tried = np.clip(anchors[i] + steps, low + sizes[i] / 2, high - sizes[i] / 2)
        apart = np.abs(tried[:, None] - centers[:i]) >= (sizes[i] + sizes[:i]) / 2
        free = np.flatnonzero(apart.any(axis=2).all(axis=1))
        if not len(free):
            text.remove()
            removed += 1
            continue
        centers[i] = tried[free[np.linalg.norm(tried[free] - anchors[i], axis=1).argmin()]]
        text.set_position(to_data.transform(centers[i]))
        # The line ends at the border of the name.
        end = np.clip(anchors[i], centers[i] - sizes[i] / 2, centers[i] + sizes[i] / 2)
        if np.linalg.norm(end - anchors[i]) > sizes[i, 1] / 2:
            line = to_data.transform([anchors[i], end])
            ax.plot(*line.T, color=colors[i], linewidth=0.6, zorder=4, scalex=False, scaley=False)
    return removed


def _settle(ax: Any) -> None:
    """Give the Axes the place on the page that they will have."""
    engine = ax.figure.get_layout_engine()
    if engine is not None:
        engine.execute(ax.figure)
    ax.apply_aspect()


def _spiral() -> NDArray[np.float64]:
    """Return places around the origin, (m, 2), nearest first; wider than high, as names are."""
    rings = [np.zeros((1, 2))]
    for ring in range(1, RINGS + 1):
        angles = np.arange(8 * ring) * (2 * np.pi / (8 * ring))
        rings.append(ring * np.column_stack([1.5 * np.cos(angles), np.sin(angles)]))
    return np.concatenate(rings)
