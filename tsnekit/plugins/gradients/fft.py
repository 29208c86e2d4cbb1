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
# but narrower intervals for the same accuracy. This factor holds for 30 to 1,000 points with 3
# nodes per interval, in narrow and in wide maps.
NARROWER = 0.6


class FFTMethod:
    """Interpolate the kernels of the force and of Z between equispaced nodes, and convolve by FFT.

    The map is divided into intervals along each axis. Each has a few equispaced nodes, centred so
    that the nodes of all intervals together are equispaced too. Lagrange polynomials spread the
    charge of each point to the nodes of its interval. The charges are convolved with the kernels,
    and the same polynomials gather the results [1]_.

    Intervals are equally wide along all axes. Their width is rounded down, by at most a sixth of
    what the options ask for, so that the transforms of the kernels can be kept while the map grows.
    Maps with outliers and very wide maps are treated as by the ``mesh`` method.

    Parameters
    ----------
    n_interpolation_points : int, default=3
        Nodes per interval and axis, 1 to 6.
    min_num_intervals : int, default=50
        The least number of intervals along the longest side of the map, as in [1]_. For the same
        accuracy, this method takes 1 / 0.6 times as many.
    ints_in_interval : float, default=1
        The greatest width of an interval, in units of the map, as in [1]_; lower is more accurate.
        For the same accuracy, intervals of this method are at most 0.6 times as wide. A `dof` below
        1, for which the kernel is narrower, multiplies the width by its square root.
    max_nodes : int, optional
        Bound on the number of nodes of the transforms, which is 2^d times that of the grid. A node
        takes about 13 bytes, 50 in 1-D. The default is 2^25, in 1-D 2^22.
    fourier : {"native", "scipy", "pyfftw"}, default="native"
        Whose Fourier transforms to use.

    Raises
    ------
    TypeError, ValueError
        If an option has the wrong type or is out of range.

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
            raise ValueError(
                f"fft supports 1 or 2 dimensions, got n_components={problem.n_components}"
            )
        rule = CellRule(
            basis=lagrange(self.n_interpolation_points),
            widest=NARROWER * self.ints_in_interval * kernel_width(problem.dof),
            min_cells=math.ceil(self.min_num_intervals / NARROWER),
            ratio=2.0**0.25,
        )
        return GridRepulsion(
            problem, rule, differences=False, max_nodes=self.max_nodes, fourier=self.fourier
        )
