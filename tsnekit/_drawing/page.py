"""Figures and Axes that a notebook shows, though pyplot does not know of them."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D

__all__ = ["Page", "page_axes", "png"]


def png(figure: Any, dpi: float = 100) -> bytes:
    """Return a figure as PNG."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    return file.getvalue()


class Page(Figure):
    """A figure that is shown where it is the last line of a cell."""

    def _repr_png_(self) -> bytes:
        return png(self)


class _Shown:
    """Axes that are shown with their figure where they are the last line of a cell."""

    figure: Any

    def _repr_png_(self) -> bytes:
        return png(self.figure)


class PageAxes(_Shown, Axes):
    """Axes in two dimensions."""


class PageAxes3D(_Shown, Axes3D):
    """Axes in three dimensions."""


def page_axes(figsize: tuple[float, float], dimensions: int) -> Any:
    """Return Axes on a page of their own."""
    page = Page(figsize=figsize, layout="constrained")
    return page.add_subplot(axes_class=PageAxes3D if dimensions == 3 else PageAxes)
