"""Pictures and pages of maps, as methods."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tsnekit._embedding.array import EmbeddingArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Drawn", "DrawnEmbedding"]


class Drawn:
    """Positions that draw themselves."""

    def plot(self, labels: Any = None, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the embedding.

        Parameters
        ----------
        labels : array-like of shape (n_samples,), optional
            Classes or values, for the colours of the points.
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure, which pyplot does not know of.
        **options
            See `tsnekit.plot`.

        Returns
        -------
        matplotlib Axes
            The Axes with the picture.

        Raises
        ------
        TypeError, ValueError
            If the labels do not fit the embedding, or an option is not valid.
        """
        from tsnekit._drawing.plot import plot

        return plot(self, labels, ax, **options)

    def to_html(
        self,
        path: str | os.PathLike[str],
        labels: Any = None,
        *,
        hover: Any = None,
        thumbnails: Any = None,
        ids: Any = None,
        kind: str = "auto",
        colors: Any = None,
        limits: tuple[float, float] | None = None,
        components: Sequence[int] | None = None,
        title: str | None = None,
        max_points: int = 300_000,
    ) -> None:
        """Write a page to explore the embedding: one file that a browser shows without a network.

        The page zooms, shows the row under the pointer, searches, filters by the legend, takes its
        colours from any column, and is light or dark. The lasso chooses rows, and a button saves
        their ids. It needs ``pip install "tsnekit[interactive]"``.

        Parameters
        ----------
        path : path-like
            An existing file is replaced when the new one is complete.
        labels : array-like of shape (n_samples,), optional
            Classes or values, for the first colours of the points; see `tsnekit.plot`.
        hover : data frame or mapping of str to array-like, optional
            Columns that are shown for the row under the pointer. Each also gives colours, unless it
            has more than 1,000 classes, and is searched.
        thumbnails : array-like of shape (n_samples, height, width) or (..., 3 or 4), optional
            An image for each point, shown with the row. Images with more than 64 pixels on a side
            are made smaller.
        ids : array-like of shape (n_samples,), optional
            What rows are called. The default is the index of a pandas `hover`, unless it only
            counts the rows, else the numbers of the rows from 0.
        kind, colors, limits
            How labels give colours; see `tsnekit.plot`.
        components : sequence of int, optional
            The one or two columns of the embedding to draw. The default is all columns.
        title : str, optional
            Title of the page.
        max_points : int, default=300000
            Of more points, the page shows this many, chosen at random, the same at each call. The
            page and a line in the log say so.

        Raises
        ------
        ImportError
            If plotly is not installed.
        TypeError, ValueError
            If labels, rows, images or ids do not fit the embedding, or a parameter is not valid.
        OSError
            If the file cannot be written; an existing one stays as it is.
        """
        from tsnekit._drawing.explorer import write_page

        write_page(
            self,
            path,
            labels,
            hover=hover,
            thumbnails=thumbnails,
            ids=ids,
            kind=kind,
            colors=colors,
            limits=limits,
            components=components,
            title=title,
            max_points=max_points,
        )


class DrawnEmbedding(Drawn, EmbeddingArray):
    """A map that draws itself."""
