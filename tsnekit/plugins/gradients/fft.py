"""Interpolation of the kernels by Lagrange polynomials on a grid, as in FIt-SNE."""

from __future__ import annotations

import math

from tsnekit.interfaces import RepulsionProblem
from tsnekit.plugins.gradients._grid.basis import lagrange
from tsnekit.plugins.gradients._grid.geometry import CellRule, kernel_width
from tsnekit.plugins.gradients._grid.repulsion import GridRepulsion, check_grid_options
from tsnekit.toolkit import check_integer, check_real

__all__ = ["FFTMethod"]

MAX_POINTS = 6
# FIt-SNE interpolates w^(dof + 1) and multiplies by the offset, with charges for each component
# that nearly cancel in the end. Here the force itself is interpolated. This needs no such charges,
# but it takes narrower intervals to be as accurate: for 30 to 1,000 points with 3 nodes per
# interval, wherever the map is narrow or wide, this much.
NARROWER = 0.6


class FFTMethod:
    """Interpolate the kernels of the force and of Z between equispaced nodes, and convolve by FFT.

    The map is divided into intervals along each axis, each with a few equispaced nodes, centred so
    that the nodes of all intervals together are equispaced too. Charges of points are spread to
    the nodes of their interval by Lagrange polynomials, convolved with the kernels, and the
    results gathered by the same polynomials [1]_.

    Intervals are equally wide along all axes, and their width is a rounded one, so that the
    transforms of the kernels can be kept while the map grows: up to a sixth less than what the
    options ask for. Maps with outliers and very wide ones are treated as by the ``mesh`` method.

    Parameters
    ----------
    n_interpolation_points : int, default=3
        Nodes per interval and axis, 1 to 6.
    min_num_intervals : int, default=50
        The least number of intervals along the longest side of the map that [1]_ would take for
        the same accuracy. Here they are 1 / 0.6 times as many.
    ints_in_interval : float, default=1
        The greatest width of an interval, in units of the map; lower is more accurate. Intervals
        are at most 0.6 times as wide, where [1]_ has the same accuracy, times the square root of
        `dof` where that is below 1, as the kernel is narrower then.
    max_nodes : int, optional
        Bound on the number of nodes that the transforms run over, which is 2^d times that of the
        grid. It takes about 13 bytes per node, 50 in 1-D. The default is 2^25, in 1-D 2^22.
    fourier : {"native", "scipy", "pyfftw"}, default="native"
        Whose Fourier transforms to use.

    Raises
    ------
    TypeError, ValueError
        If an option is not of its kind or out of range.

    References
    ----------
    .. [1] G. C. Linderman et al., "Fast interpolation-based t-SNE for improved visualization of
       single-cell RNA-seq data", Nature Methods 16, 2019.
    """

    def __init__(
        self,
        *,
        n_interpolation_points: int = 3,
        min_num_intervals: int = 50,
        ints_in_interval: float = 1,
        max_nodes: int | None = None,
        fourier: str = "native",
    ) -> None:
        self.n_interpolation_points = check_integer(
            "n_interpolation_points", n_interpolation_points, at_least=1
        )
        if n_interpolation_points > MAX_POINTS:
            raise ValueError(
                f"n_interpolation_points must be at most {MAX_POINTS}, "
                f"got {n_interpolation_points!r}"
            )
        self.min_num_intervals = check_integer("min_num_intervals", min_num_intervals, at_least=1)
        self.ints_in_interval = check_real("ints_in_interval", ints_in_interval, above=0)
        self.max_nodes, self.fourier = check_grid_options(max_nodes, fourier)

    def plan(self, problem: RepulsionProblem) -> GridRepulsion:
        """Prepare buffers and, for a fixed reference, its field."""
        if problem.n_components not in (1, 2):
            raise ValueError(f"fft has 1 or 2 dimensions, not n_components={problem.n_components}")
        rule = CellRule(
            basis=lagrange(self.n_interpolation_points),
            widest=NARROWER * self.ints_in_interval * kernel_width(problem.dof),
            min_cells=math.ceil(self.min_num_intervals / NARROWER),
            ratio=2.0**0.25,
        )
        return GridRepulsion(
            problem, rule, differences=False, max_nodes=self.max_nodes, fourier=self.fourier
        )
