"""Repulsion on a grid; the few points that lie far outside are computed pair by pair."""

from __future__ import annotations

import importlib.util
import logging
import math

import numpy as np
from numpy.typing import NDArray

import tsnekit._native.grid as native
from tsnekit.errors import BackendUnavailableError
from tsnekit.interfaces import RepulsionProblem
from tsnekit.plugins.gradients._grid.convolve import CONVOLVERS
from tsnekit.plugins.gradients._grid.field import Field
from tsnekit.plugins.gradients._grid.geometry import Box, CellRule
from tsnekit.plugins.gradients._grid.outliers import bulk_box
from tsnekit.plugins.gradients.barnes_hut import BarnesHutMethod, BarnesHutRepulsion
from tsnekit.toolkit import check_integer

__all__ = ["GridRepulsion", "check_grid_options"]

logger = logging.getLogger(__name__)

# Cells become wider than wanted by at most this factor. A map that is even wider gets a tree.
MAX_COARSENING = 2.0

# The default bound on the nodes of the transforms, by dimension, and the least that a grid needs.
MAX_NODES = {1: 1 << 22, 2: 1 << 25, 3: 1 << 25}
LEAST_MAX_NODES = 1 << 15


def check_grid_options(max_nodes: int | None, fourier: str) -> tuple[int | None, str]:
    """Return the options that the methods share, checked."""
    if max_nodes is not None:
        max_nodes = check_integer("max_nodes", max_nodes, at_least=LEAST_MAX_NODES)
    if fourier not in CONVOLVERS:
        raise ValueError(f"fourier must be one of {tuple(CONVOLVERS)}, got {fourier!r}")
    if fourier == "pyfftw" and importlib.util.find_spec("pyfftw") is None:
        raise BackendUnavailableError("fourier='pyfftw' needs pyfftw: pip install pyfftw")
    return max_nodes, fourier


class GridRepulsion:
    """Repulsive forces interpolated on a grid.

    Without a reference, it is a `tsnekit.interfaces.SeparableRepulsion`. All that depends on bounds
    and outliers is then decided by all points, also where only some rows are spread.

    Parameters
    ----------
    problem : RepulsionProblem
    rule : CellRule
        How the grid follows the map.
    differences : bool
        Whether the force is computed from differences of the potential, and not by separate
        kernels.
    max_nodes : int or None
        Bound on the nodes of the transforms; None for that of `MAX_NODES`.
    fourier : str
        Provider of Fourier transforms.
    """

    def __init__(
        self,
        problem: RepulsionProblem,
        rule: CellRule,
        *,
        differences: bool,
        max_nodes: int | None,
        fourier: str,
    ) -> None:
        self._dof = problem.dof
        self._n_jobs = problem.n_jobs
        self._padding = problem.padding
        self._rule = rule
        self._max_nodes = max_nodes or MAX_NODES[problem.n_components]
        self._problem = problem
        self._tree: BarnesHutRepulsion | None = None
        self._said: set[str] = set()
        self._field = Field(
            rule.basis,
            dof=problem.dof,
            differences=differences,
            fourier=fourier,
            n_jobs=problem.n_jobs,
        )
        self._mutual = problem.reference is None
        self._ends = tuple(np.empty((2, problem.n_components), np.float32))
        if problem.reference is not None:
            # A copy, since the caller may move the reference later.
            sources = np.array(problem.reference, np.float32, order="C")
            self._place(sources)
            if self._too_wide:
                self._tree = BarnesHutMethod().plan(problem)
            else:
                self._field.convolve(self._field.spread(self._in_box(sources)))

    def __call__(
        self,
        Y: NDArray[np.float32],
        out: NDArray[np.float32],
        row_z: NDArray[np.float64] | None = None,
    ) -> float:
        """Fill `out` with forces and return Z; see `tsnekit.interfaces.Repulsion`."""
        if len(Y) == 0:
            return 0.0
        if self._mutual:
            rows = slice(0, len(Y))
            return self.gather(self.spread(Y, rows), rows, out, row_z)
        if self._too_wide:
            return self._wide(Y, out, row_z)
        return self._gathered(Y, out, row_z)

    def spread(self, Y: NDArray[np.float32], rows: slice) -> NDArray[np.float32]:
        """Return the charges of some rows; see `tsnekit.interfaces.SeparableRepulsion`."""
        self._place(Y)
        if self._too_wide:
            return self._wide.spread(Y, rows)
        return self._field.spread(self._in_box(Y[rows]))

    def gather(
        self,
        charges: NDArray[np.float32],
        rows: slice,
        out: NDArray[np.float32],
        row_z: NDArray[np.float64] | None = None,
    ) -> float:
        """Fill `out` with the forces on some rows; see `tsnekit.interfaces.SeparableRepulsion`."""
        if self._too_wide:
            return self._wide.gather(charges, rows, out, row_z)
        self._field.convolve(charges)
        return self._gathered(self._everything[rows], out, row_z, own=rows.start)

    @property
    def _wide(self) -> BarnesHutRepulsion:
        """The tree that takes the place of a grid."""
        self._tree = self._tree or BarnesHutMethod().plan(self._problem)
        return self._tree

    def _gathered(
        self,
        Y: NDArray[np.float32],
        out: NDArray[np.float32],
        row_z: NDArray[np.float64] | None,
        own: int = -1,
    ) -> float:
        """Fill `out` by the field and by pairs; row i of `Y` is source own + i, or none if -1."""
        if not len(self._far) and (self._mutual or self._covers(Y)):
            total = self._field.gather(Y, out, row_z, mutual=self._mutual)
            return self._credible(total, row_z, len(Y))
        # Some points need pairs. This is rare, so that allocations do no harm.
        rows = np.empty(len(Y)) if row_z is None else row_z
        inside = self._box.contains(Y)
        self._field.gather(Y, out, rows, mutual=self._mutual)
        self._add_pairs(np.flatnonzero(inside), Y, self._far, out, rows)
        outside = np.flatnonzero(~inside)
        out[outside] = 0.0
        rows[outside] = 0.0
        self._add_pairs(outside, Y, self._everything, out, rows, own)
        return self._credible(float(rows.sum()), rows, len(Y))

    def _place(self, X: NDArray[np.float32]) -> None:
        """Choose the grid for the sources, and which of them it leaves out."""
        everything = Box.around(X, self._n_jobs)
        box = bulk_box(X, everything, self._rule)
        self._everything = X
        self._least_weight = self._least_kernel(everything) if self._mutual else 0.0
        self._far = X[:0] if box is everything else X[~box.contains(X)]
        self._inner = box
        self._box = box if self._mutual else box.widened(self._padding)
        cell = self._affordable_cell(self._box)
        self._too_wide = cell is None
        if cell is not None:
            cell_grid = self._rule.cell_grid(self._box, cell)
            self._field.place(cell_grid, self._box.lower, len(X) - len(self._far))

    def _in_box(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return those of the sources that have a charge on the grid."""
        return X[self._inner.contains(X)] if len(self._far) else X

    def _credible(self, total: float, row_z: NDArray[np.float64] | None, n: int) -> float:
        """Return the Z of n rows, or its lower bound if rounding made it much lower.

        In a wide map of few points, rounding on a grid can do this. `row_z` rises by equal parts.
        """
        least = n * (len(self._everything) - 1) * self._least_weight
        if total >= 0.5 * least:
            return total
        if row_z is not None:
            row_z += (least - total) / n
        return least

    def _least_kernel(self, box: Box) -> float:
        """Return the kernel of the farthest two points that a box can have."""
        squared = float(box.extent @ box.extent)
        return math.exp(-self._dof * math.log1p(squared / self._dof))

    def _affordable_cell(self, box: Box) -> float | None:
        """Return the side of a cell, wider than wanted if the grid would be too large.

        Return None if the grid would still be too large.
        """
        wanted = cell = self._rule.cell(box)
        while self._rule.padded_size(box, cell) > self._max_nodes:
            cell = self._rule.coarser(cell)
        if cell > MAX_COARSENING * wanted:
            self._warn_once(box, "Barnes-Hut takes the place of a grid of that size")
            return None
        if cell > wanted:
            self._warn_once(
                box, f"its grid gets cells {cell:.3g} wide instead of {wanted:.3g}, less accurate"
            )
        return cell

    def _warn_once(self, box: Box, what: str) -> None:
        kind = what.split()[0]
        if kind not in self._said:
            self._said.add(kind)
            extent = " x ".join(f"{side:.3g}" for side in box.extent)
            logger.warning(
                "The map is %s wide: to stay within max_nodes=%d, %s.",
                extent,
                self._max_nodes,
                what,
            )

    def _covers(self, Y: NDArray[np.float32]) -> bool:
        """Return whether the grid holds all points; Python compares few numbers fastest."""
        native.point_bounds(Y, *self._ends, self._n_jobs)
        corners = zip(self._box.lower, self._box.upper, *self._ends, strict=True)
        return all(lower <= low and high <= upper for lower, upper, low, high in corners)

    def _add_pairs(
        self,
        rows: NDArray[np.int64],
        Y: NDArray[np.float32],
        sources: NDArray[np.float32],
        out: NDArray[np.float32],
        row_z: NDArray[np.float64],
        own: int = -1,
    ) -> None:
        transposed = np.ascontiguousarray(sources.T)
        native.add_pairs(rows, Y, transposed, own, self._dof, out, row_z, self._n_jobs)
