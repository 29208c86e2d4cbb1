"""Repulsion by way of a grid, with the few points that lie far outside met pair by pair."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from tsnekit._native import grid as native
from tsnekit.interfaces import RepulsionProblem
from tsnekit.plugins.gradients._field import Field
from tsnekit.plugins.gradients._grid import Box, CellRule
from tsnekit.plugins.gradients._outliers import bulk_box

__all__ = ["GridRepulsion"]

logger = logging.getLogger(__name__)


class GridRepulsion:
    """Repulsive forces interpolated on a grid.

    Parameters
    ----------
    problem : RepulsionProblem
    rule : CellRule
        How the grid follows the map.
    force_fields : bool
        Whether each component of the force is a field of its own.
    max_nodes : int
        Bound on the nodes that the transforms run over.
    fourier : str
        Provider of Fourier transforms.
    """

    def __init__(
        self,
        problem: RepulsionProblem,
        rule: CellRule,
        *,
        force_fields: bool,
        max_nodes: int,
        fourier: str,
    ) -> None:
        self._dof = problem.dof
        self._n_jobs = problem.n_jobs
        self._padding = problem.padding
        self._rule = rule
        self._max_nodes = max_nodes
        self._warned = False
        self._field = Field(
            rule.basis,
            dof=problem.dof,
            force_fields=force_fields,
            fourier=fourier,
            n_jobs=problem.n_jobs,
        )
        self._mutual = problem.reference is None
        if problem.reference is not None:
            # A copy, as the caller may go on to move the reference.
            self._place(np.array(problem.reference, np.float32, order="C"))

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
        if not len(self._far) and (self._mutual or self._covers(Box.around(Y, self._n_jobs))):
            return self._field.gather(Y, out, row_z, mutual=self._mutual)
        # Some points have to be met pair by pair: too rare to do without allocations.
        rows = np.empty(len(Y)) if row_z is None else row_z
        inside = np.zeros(len(Y), bool) if self._box is None else self._box.contains(Y)
        if inside.any():
            self._field.gather(Y, out, rows, mutual=self._mutual)
        self._add_pairs(np.flatnonzero(inside), Y, self._far, out, rows)
        outside = np.flatnonzero(~inside)
        out[outside] = 0.0
        rows[outside] = -1.0 if self._mutual else 0.0  # less the point's own w = 1
        self._add_pairs(outside, Y, self._everything, out, rows)
        return float(rows.sum())

    def _place(self, X: NDArray[np.float32]) -> None:
        """Choose the grid for the sources and compute their field."""
        everything = Box.around(X, self._n_jobs)
        near = bulk_box(X, everything, self._rule, self._max_nodes)
        self._everything = X
        self._far = X[:0]
        self._box = near
        if near is None:
            self._far = X
            return
        if near is not everything:
            inside = near.contains(X)
            self._far = X[~inside]
            X = np.ascontiguousarray(X[inside])
        if not self._mutual:
            near = self._box = near.widened(self._padding)
        self._field.place(self._rule.frame(near, self._affordable_cell(near)), near.lower)
        self._field.spread(X)
        self._field.convolve()

    def _affordable_cell(self, box: Box) -> float:
        """Return the side of a cell, wider than wanted where the grid would be too large."""
        wanted = cell = self._rule.cell(box)
        while self._rule.padded_size(box, cell) > self._max_nodes:
            cell = self._rule.coarser(cell)
        if cell > wanted and not self._warned:
            self._warned = True
            logger.warning(
                "The map is %s wide: cells %.3g wide instead of %.3g keep the grid within "
                "max_nodes=%d, and the forces are less accurate.",
                " x ".join(f"{extent:.3g}" for extent in box.extent),
                cell,
                wanted,
                self._max_nodes,
            )
        return cell

    def _covers(self, box: Box) -> bool:
        return self._box is not None and bool(
            self._box.contains(np.stack([box.lower, box.upper])).all()
        )

    def _add_pairs(
        self,
        rows: NDArray[np.int64],
        Y: NDArray[np.float32],
        sources: NDArray[np.float32],
        out: NDArray[np.float32],
        row_z: NDArray[np.float64],
    ) -> None:
        native.add_pairs(
            rows, Y, np.ascontiguousarray(sources.T), self._dof, out, row_z, self._n_jobs
        )
