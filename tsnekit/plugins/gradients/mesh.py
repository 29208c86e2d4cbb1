"""B-spline particle mesh of one scalar potential."""

from __future__ import annotations

import math

from tsnekit.interfaces import RepulsionProblem
from tsnekit.plugins.gradients._basis import b_spline
from tsnekit.plugins.gradients._convolve import CONVOLVERS
from tsnekit.plugins.gradients._grid import CellRule
from tsnekit.plugins.gradients._grid_repulsion import GridRepulsion

__all__ = ["MeshMethod"]

# Cells along the longest side of a map that is small.
MIN_CELLS = 40
ORDERS = (3, 4, 5, 6)


class MeshMethod:
    """Repulsion as the gradient of one potential, interpolated by B-splines.

    Parameters
    ----------
    spacing : float, default=0.5
    order : int, default=4
    max_nodes : int, default=2**24
    fourier : {"native", "scipy", "pyfftw"}, default="native"
    """

    def __init__(
        self,
        *,
        spacing: float = 0.5,
        order: int = 4,
        max_nodes: int = 1 << 24,
        fourier: str = "native",
    ) -> None:
        self.spacing = spacing
        self.order = order
        self.max_nodes = max_nodes
        self.fourier = fourier

    def plan(self, problem: RepulsionProblem) -> GridRepulsion:
        """Prepare buffers and, for a fixed reference, its field."""
        rule = CellRule(
            basis=b_spline(self.order),
            # Small dof makes the kernel steeper: its transform decays as exp(-sqrt(dof) k).
            widest=self.spacing * min(1.0, math.sqrt(problem.dof)),
            min_cells=MIN_CELLS,
            ratio=2.0,
        )
        return GridRepulsion(
            problem,
            rule,
            force_fields=False,
            max_nodes=self.max_nodes,
            fourier=self.fourier,
        )
