"""Size and place of a grid: a pure function of the points, the same for every plan."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tsnekit._native.grid as native
from tsnekit.plugins.gradients._grid.basis import Basis
from tsnekit.plugins.gradients._grid.convolve import GridShape, good_sizes

__all__ = ["Box", "CellGrid", "CellRule", "kernel_width"]


def kernel_width(dof: float) -> float:
    """Return the width of the kernels that cells must resolve, less than 1 for `dof` below 1.

    The transform of the kernels decays as ``exp(-sqrt(dof) k)``.
    """
    return min(1.0, math.sqrt(dof))


@dataclass(frozen=True)
class Box:
    """An axis-parallel box, by its corners (d,), float64."""

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    @classmethod
    def around(cls, Y: NDArray[np.float32], n_jobs: int) -> Box:
        """Return the smallest box around points.

        Raises
        ------
        ValueError
            If there are no points, or the box is infinite.
        """
        if len(Y) == 0:
            raise ValueError("there are no points to repel")
        corners = np.empty((2, Y.shape[1]), np.float32)
        native.point_bounds(Y, corners[0], corners[1], n_jobs)
        if not np.isfinite(corners).all():
            raise ValueError("the positions of points must be finite: has the map diverged?")
        lower, upper = corners.astype(np.float64)
        return cls(lower, upper)

    @property
    def extent(self) -> NDArray[np.float64]:
        """Side lengths."""
        return self.upper - self.lower

    def widened(self, share: float) -> Box:
        """Return the box, wider by a share of its longest side in each direction."""
        margin = share * self.extent.max()
        return Box(self.lower - margin, self.upper + margin)

    def contains(self, Y: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which rows of `Y` lie inside."""
        inside = np.ones(len(Y), bool)
        for column, lower, upper in zip(Y.T, self.lower, self.upper, strict=True):
            inside &= (column >= lower) & (column <= upper)
        return inside


@dataclass(frozen=True)
class CellGrid:
    """A grid of cells, and its nodes.

    Parameters
    ----------
    cell : float
        Side of a cell.
    cells : tuple of int
        Cells along each axis, including `margin` cells beyond the box on each side.
    margin : int
    shape : GridShape
    """

    cell: float
    cells: tuple[int, ...]
    margin: int
    shape: GridShape


@dataclass(frozen=True)
class CellRule:
    """How wide cells are.

    The side of a cell is `widest`, divided by the smallest power of `ratio` for which at least
    `min_cells` fit along the longest axis. Since the side only changes by powers, one set of
    spectra serves many iterations.

    Parameters
    ----------
    basis : Basis
    widest : float
    min_cells : int
    ratio : float
    margin : int, default=0
        Cells beyond the box on each side.
    """

    basis: Basis
    widest: float
    min_cells: int
    ratio: float
    margin: int = 0

    @property
    def unused(self) -> int:
        """Nodes left free at the far end of each axis.

        The kernel is even about the far end of the table that it is computed from. Dividing by the
        basis' spectrum spreads the kink there over some nodes.
        """
        return 4 * (len(self.basis.samples) - 1)

    def cell(self, box: Box) -> float:
        """Return the side of a cell for a map this wide."""
        # Points that all coincide still get a grid, whose cells float32 can index.
        extent = max(float(box.extent.max()), 1e-30)
        steps = math.ceil(math.log(self.min_cells * self.widest / extent, self.ratio))
        return self.widest * self.ratio ** -max(0, steps)

    def coarser(self, cell: float) -> float:
        """Return the next wider side."""
        return cell * 2.0**0.25

    def padded_length(self, extent: Any, cell: float | None = None) -> Any:
        """Return the approximate length of the transforms along an axis of that extent."""
        cells = extent / (self.widest if cell is None else cell) + 2 * self.margin
        return 2.0 * (cells * self.basis.step + self.basis.width + self.unused)

    def padded_size(self, box: Box, cell: float | None = None) -> float:
        """Return the approximate number of nodes of the transforms over a box."""
        cell = self.cell(box) if cell is None else cell
        return float(np.prod(self.padded_length(box.extent, cell)))

    def cell_grid(self, box: Box, cell: float) -> CellGrid:
        """Return the grid over a box with cells of a given side."""
        basis = self.basis
        padded, cells = [], []
        for extent in box.extent:
            n_cells = math.floor(extent / cell + basis.shift) + 1 + 2 * self.margin
            needed = (n_cells - 1) * basis.step + basis.width
            length = 2 * (needed + self.unused)
            padded.append(int(good_sizes()[np.searchsorted(good_sizes(), length)]))
            cells.append((padded[-1] // 2 - self.unused - basis.width) // basis.step + 1)
        row = padded[-1] // 2 + -basis.width % 4  # code handles four weights at a time
        shape = GridShape(tuple(padded), -(-row // 16) * 16)
        return CellGrid(cell, tuple(cells), self.margin, shape)
