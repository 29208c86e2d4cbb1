"""Paints: the colours of the points of a map, or of the pixels that the points cover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tsnekit._drawing.labels import Values, days_of
from tsnekit._drawing.pixels import PixelGrid
from tsnekit._util.validation import check_real, short_repr

__all__ = ["ByClass", "ByValue", "Paint", "Plain", "class_colors", "color_scale"]

MISSING_COLOR = "#c8c8c8"

MANY_COLORS = 64
"""From so many colours on, a colormap is a scale."""

# The first are Okabe and Ito's colours. Each further one is the farthest from all before it, from
# white and from the grey of missing labels. Distances are in Oklab, and as seen with protanopia and
# deuteranopia too. So the first few are always very distinct.
PALETTE = (
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#7a004e", "#644e00",
    "#90e985", "#4e21a6", "#906ff4", "#85597a", "#bc1643", "#2c436f", "#00e9f4", "#9bb17a",
    "#e9d300", "#006f4e", "#ff7ade", "#b137a6", "#2cc8a6", "#2c4ec8", "#a67a4e", "#6f2c2c",
    "#c864d3", "#7a3790", "#59c84e", "#2c9000", "#e9597a", "#f49b9b",
)  # fmt: skip
"""Colours of classes, as easy to tell apart with any colour vision as their number allows."""


class Paint(Protocol):
    """Colours of some points."""

    def points(self) -> NDArray[np.float64]:
        """Return the colour of each point, (n, 4)."""
        ...

    def pixels(self, grid: PixelGrid, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the colour of each pixel of a grid of the points, (height, width, 4).

        `counts` is the number of points that cover each pixel.
        """
        ...


class Plain:
    """One colour for all points.

    Parameters
    ----------
    color : colour
    n : int
        How many points there are.

    Raises
    ------
    ValueError
        If matplotlib does not know the colour.
    """

    def __init__(self, color: Any, n: int) -> None:
        from matplotlib.colors import to_rgba

        try:
            self._color = np.array(to_rgba(color))
        except ValueError:
            raise ValueError(
                f"colors must be one colour where there are no labels, got {short_repr(color)}"
            ) from None
        self._n = n

    def points(self) -> NDArray[np.float64]:
        """Return the colour of each point."""
        return np.tile(self._color, (self._n, 1))

    def pixels(self, grid: PixelGrid, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the colour of each pixel."""
        return np.tile(self._color, (*counts.shape, 1))


class ByClass:
    """A colour for each class; pixels show the class of most of their points.

    Parameters
    ----------
    codes : ndarray of shape (n,), int
    palette : ndarray of shape (n_classes, 4)
    """

    def __init__(self, codes: NDArray[np.intp], palette: NDArray[np.float64]) -> None:
        self._codes = codes
        self._palette = palette

    def points(self) -> NDArray[np.float64]:
        """Return the colour of each point."""
        return self._palette[self._codes]

    def pixels(self, grid: PixelGrid, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the colour of each pixel."""
        return self._palette[grid.majority(self._codes, len(self._palette))]


class ByValue:
    """A colour scale; pixels show the mean of their points.

    Parameters
    ----------
    values : ndarray of shape (n,)
        No NaN.
    scale : matplotlib ScalarMappable
    """

    def __init__(self, values: NDArray[np.float64], scale: Any) -> None:
        self._values = np.clip(values, *scale.get_clim())
        self._scale = scale

    def points(self) -> NDArray[np.float64]:
        """Return the colour of each point."""
        return np.asarray(self._scale.to_rgba(self._values))

    def pixels(self, grid: PixelGrid, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the colour of each pixel."""
        means = grid.counts(self._values) / np.maximum(counts, 1)
        return np.asarray(self._scale.to_rgba(means))


def class_colors(
    names: Sequence[Any], colors: Any = None, *, ordered: bool = False
) -> NDArray[np.float64]:
    """Return a colour for each class, as RGBA, (n_classes, 4).

    Parameters
    ----------
    names : sequence of object
        The labels of the classes.
    colors : mapping, sequence of colour, or colormap, optional
        A colour for each label; or colours in order, which are repeated if there are too few; or a
        colormap. The default is `PALETTE`, and "viridis" for ordered classes.
    ordered : bool, default=False
        Whether the order of the classes has a meaning.

    Raises
    ------
    ValueError
        If a class does not have a colour, or matplotlib does not know a colour or the colormap.
    """
    from matplotlib.colors import Colormap, ListedColormap, to_rgba_array

    if colors is None and ordered:
        colors = "viridis"
    if isinstance(colors, Mapping):
        lacking = [name for name in names if name not in colors]
        if lacking:
            raise ValueError(
                f"colors must have a colour for each class; there is none for {lacking[:5]}"
            )
        colors = [colors[name] for name in names]
    elif isinstance(colors, str | Colormap):
        chosen = colormap(colors)
        # A map of a few colours, such as "tab20", has no order.
        few = isinstance(chosen, ListedColormap) and chosen.N < MANY_COLORS
        colors = chosen(range(chosen.N) if few else np.linspace(0, 1, max(len(names), 2)))
    elif colors is None:
        colors = PALETTE
    try:
        palette = to_rgba_array(colors)
    except ValueError as error:
        raise ValueError(f"colors must be colours that matplotlib knows: {error}") from None
    if not len(palette):
        raise ValueError("colors must not be empty")
    return np.asarray(palette[np.arange(len(names)) % len(palette)])


def color_scale(values: Values, colors: Any, limits: Any) -> Any:
    """Return the colour scale of values, a ScalarMappable of matplotlib.

    Raises
    ------
    TypeError, ValueError
        If matplotlib does not know the colormap, or the limits are not two numbers or dates in
        ascending order.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    if limits is None:
        finite = values.values[np.isfinite(values.values)]
        low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
    else:
        try:
            low, high = limits
        except (TypeError, ValueError):
            raise TypeError(f"limits must be a pair of numbers, got {short_repr(limits)}") from None
        if values.dates:
            low, high = _as_days(low), _as_days(high)
        low, high = check_real("limits", low), check_real("limits", high)
        if not low < high:
            raise ValueError(f"limits must be in ascending order, got {limits!r}")
    return ScalarMappable(Normalize(low, high), colormap("viridis" if colors is None else colors))


def _as_days(limit: Any) -> Any:
    """Return a date as days since 1970, and a number as it is."""
    if isinstance(limit, Real):
        return limit
    try:
        return float(days_of([limit])[0])
    except (TypeError, ValueError):
        raise TypeError(f"limits must be a pair of dates, got {short_repr(limit)}") from None


def colormap(given: Any) -> Any:
    """Return a colormap of matplotlib.

    Raises
    ------
    ValueError
        If matplotlib does not know the name.
    """
    import matplotlib
    from matplotlib.colors import Colormap

    if isinstance(given, Colormap):
        return given
    if not isinstance(given, str) or given not in matplotlib.colormaps:
        raise ValueError(f"colors must be the name of a colormap, got {short_repr(given)}")
    return matplotlib.colormaps[given]
