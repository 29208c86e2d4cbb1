"""Repulsion on a grid; the few points that lie far outside are computed pair by pair."""

from __future__ import annotations

import importlib.util
import logging
import math

import numpy as np
from numpy.typing import NDArray

import tsnekit._native.grid as native
from tsnekit.errors import BackendUnavailableError
from tsnekit.interfaces import Repulsion, RepulsionProblem
from tsnekit.plugins.gradients._grid.convolve import CONVOLVERS
from tsnekit.plugins.gradients._grid.field import Field
from tsnekit.plugins.gradients._grid.geometry import Box, CellRule
from tsnekit.plugins.gradients._grid.outliers import bulk_box
from tsnekit.plugins.gradients.barnes_hut import BarnesHutMethod
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
        self._tree: Repulsion | None = None
        self._too_wide = False
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
            self._place(np.array(problem.reference, np.float32, order="C"))
            if self._too_wide:
                self._tree = BarnesHutMethod().plan(problem)

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
            self._place(Y)
        if self._too_wide:
            self._tree = self._tree or BarnesHutMethod().plan(self._problem)
            return self._tree(Y, out, row_z)
        if not len(self._far) and (self._mutual or self._covers(Y)):
            total = self._field.gather(Y, out, row_z, mutual=self._mutual)
            return self._credible(total, row_z)
        # Some points need pairs. This is rare, so that allocations do no harm.
        rows = np.empty(len(Y)) if row_z is None else row_z
        inside = self._box.contains(Y)
        self._field.gather(Y, out, rows, mutual=self._mutual)
        self._add_pairs(np.flatnonzero(inside), Y, self._far, out, rows)
        outside = np.flatnonzero(~inside)
        out[outside] = 0.0
        rows[outside] = 0.0
        self._add_pairs(outside, Y, self._everything, out, rows, skip_own=self._mutual)
        return self._credible(float(rows.sum()), rows)

    def _place(self, X: NDArray[np.float32]) -> None:
        """Choose the grid for the sources and compute their field."""
        everything = Box.around(X, self._n_jobs)
        box = bulk_box(X, everything, self._rule)
        self._everything = X
        self._least_z = self._bound_on_z(everything) if self._mutual else 0.0
        self._far = X[:0]
        if box is not everything:
            inside = box.contains(X)
            self._far = X[~inside]
            X = X[inside]
        self._box = box if self._mutual else box.widened(self._padding)
        cell = self._affordable_cell(self._box)
        self._too_wide = cell is None
        if cell is not None:
            self._field.place(self._rule.cell_grid(self._box, cell), self._box.lower)
            self._field.spread(X)
            self._field.convolve()

    def _credible(self, total: float, row_z: NDArray[np.float64] | None) -> float:
        """Return Z, or its bound if rounding made Z much lower; `row_z` rises by equal parts."""
        if total >= 0.5 * self._least_z:
            return total
        if row_z is not None:
            row_z += (self._least_z - total) / len(row_z)
        return self._least_z

    def _bound_on_z(self, box: Box) -> float:
        """Return a lower bound on Z: its value if all points were as far apart as the farthest two.

        In a wide map of few points, rounding on a grid can make Z lower than this bound.
        """
        n = len(self._everything)
        squared = float(box.extent @ box.extent)
        return n * (n - 1) * math.exp(-self._dof * math.log1p(squared / self._dof))

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
        *,
        skip_own: bool = False,
    ) -> None:
        transposed = np.ascontiguousarray(sources.T)
        native.add_pairs(rows, Y, transposed, skip_own, self._dof, out, row_z, self._n_jobs)
