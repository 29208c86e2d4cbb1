"""A picture of an embedding that one would put into a paper."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["plot_embedding"]

MAX_CLASSES = 40
"""More different labels than this are drawn by a colour scale, or not at all."""


def plot_embedding(
    embedding: Any, path: str | os.PathLike[str], *, labels: Any = None, title: str | None = None
) -> None:
    """Draw an embedding and save the picture.

    Parameters
    ----------
    embedding : array-like of shape (n_samples, n_components)
        With one component, points are drawn over their rank; with more than two, the first two
        are drawn.
    path : path-like
        Where to save it; the ending decides the format.
    labels : array-like of shape (n_samples,), optional
        Classes, drawn in one colour each with a legend, or numbers, drawn by a colour scale.
    title : str, optional
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    points = np.asarray(embedding)
    if points.shape[1] == 1:
        ranks = points[:, 0].argsort().argsort()
        points = np.column_stack([points[:, 0], np.ptp(points) * ranks / (2 * len(points))])
    figure = Figure(figsize=(6.4, 6.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    style: dict[str, Any] = {"s": _point_size(len(points)), "linewidths": 0, "rasterized": True}
    style["alpha"] = 0.9 if len(points) < 20_000 else 0.6

    # Draw in random order, so that no class lies on top because its rows come last.
    order = np.random.default_rng(0).permutation(len(points))
    x, y = points[order, 0], points[order, 1]
    if labels is None:
        axes.scatter(x, y, color="#35618f", **style)
    else:
        values = np.asarray(labels)[order]
        classes, codes = np.unique(values, return_inverse=True)
        if len(classes) <= MAX_CLASSES:
            colors = _class_colors(len(classes))
            axes.scatter(x, y, c=colors[codes], **style)
            _add_legend(axes, classes, colors)
        elif values.dtype.kind in "iuf":
            shown = axes.scatter(x, y, c=values.astype(float), cmap="viridis", **style)
            figure.colorbar(shown, ax=axes, shrink=0.5)
        else:
            axes.scatter(x, y, c=codes, cmap="turbo", **style)
    axes.set_aspect("equal")
    axes.set_axis_off()
    if title:
        axes.set_title(title)
    figure.savefig(path, dpi=200)


def _point_size(n: int) -> float:
    """Area in points: smaller for more points, but not so small that single ones fade."""
    return float(np.clip(1_500 / max(n, 1) ** 0.7, 0.3, 40))


def _class_colors(n_classes: int) -> NDArray[np.float64]:
    from matplotlib import colormaps

    if n_classes <= 20:
        listed = colormaps["tab10" if n_classes <= 10 else "tab20"]
        return np.asarray(listed(np.arange(n_classes)))
    return np.asarray(colormaps["turbo"](np.linspace(0.03, 0.97, n_classes)))


def _add_legend(axes: Any, classes: NDArray[Any], colors: NDArray[np.float64]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], marker="o", linestyle="", markersize=6, color=color, label=str(label))
        for label, color in zip(classes, colors, strict=True)
    ]
    axes.legend(
        handles=handles,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
        ncols=1 + (len(classes) - 1) // 20,
    )
