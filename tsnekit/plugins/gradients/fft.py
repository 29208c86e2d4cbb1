"""Interpolation of the kernels by Lagrange polynomials, as in FIt-SNE."""

from __future__ import annotations

from tsnekit.interfaces import RepulsionProblem
from tsnekit.plugins.gradients._basis import lagrange
from tsnekit.plugins.gradients._grid import CellRule
from tsnekit.plugins.gradients._grid_repulsion import GridRepulsion

__all__ = ["FFTMethod"]


class FFTMethod:
    """x."""

    def __init__(
        self,
        *,
        n_interpolation_points: int = 3,
        min_num_intervals: int = 50,
        ints_in_interval: float = 1,
        max_nodes: int = 1 << 24,
        fourier: str = "native",
    ) -> None:
        self.n_interpolation_points = n_interpolation_points
        self.min_num_intervals = min_num_intervals
        self.ints_in_interval = ints_in_interval
        self.max_nodes = max_nodes
        self.fourier = fourier

    def plan(self, problem: RepulsionProblem) -> GridRepulsion:
        """Prepare buffers and, for a fixed reference, its field."""
        rule = CellRule(
            basis=lagrange(self.n_interpolation_points),
            widest=0.8 * self.ints_in_interval,
            min_cells=self.min_num_intervals,
            ratio=2.0**0.25,
        )
        return GridRepulsion(
            problem,
            rule,
            force_fields=True,
            max_nodes=self.max_nodes,
            fourier=self.fourier,
        )
