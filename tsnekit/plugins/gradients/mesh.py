"""B-spline particle mesh: the repulsion from one potential."""

from __future__ import annotations

from tsnekit._native.grid import N_TAPS
from tsnekit.interfaces import RepulsionProblem
from tsnekit.plugins.gradients._grid.basis import b_spline
from tsnekit.plugins.gradients._grid.geometry import CellRule, kernel_width
from tsnekit.plugins.gradients._grid.repulsion import GridRepulsion, check_grid_options
from tsnekit.toolkit import check_integer, check_real

__all__ = ["MeshMethod"]

ORDERS = (3, 4, 5, 6)
# The least number of cells along the longest side of a map, by dimension, for dense clusters.
MIN_CELLS = {1: 80, 2: 80, 3: 40}


class MeshMethod:
    """Spread points on a grid, convolve with the kernel, differentiate, and gather.

    With ``K(r) = (1 + r^2 / dof)^-dof``, the potential ``phi(y) = sum_j K(|y - y_j|)`` is enough
    for every `dof` and number of dimensions: Z is the sum of phi over the points, without their own
    charges, and the force is ``-grad(phi) / 2``. B-splines spread unit charges on a grid. One
    forward and one inverse Fourier transform convolve the charges with K. The force at the nodes is
    computed from phi by differences that are fitted to K, and the same splines gather phi and the
    force. The spectrum of K is divided by that of the splines, so that phi is exact from node to
    node. No point acts on itself, and two points act on each other with equal forces, up to the
    rounding of single precision. What a point's own charge adds to phi on the grid is subtracted.
    This is a particle mesh [1]_ for the kernels of t-SNE; [2]_ interpolates with charges for each
    component.

    The grid follows the bounding box of the map. Cells have one size as long as the map has at
    least 80 of them (40 in 3-D) along its longest side. In smaller maps, they are finer by a power
    of two. A few points far from the others are left out of the grid and computed pair by pair, if
    this is cheaper. If the grid would still exceed `max_nodes`, cells become up to twice as wide. A
    map that is even wider is computed by Barnes-Hut, which needs no grid. In both cases, a warning
    is logged once.

    Parameters
    ----------
    spacing : float, default=0.5
        Distance between nodes, in units of the map. A `dof` below 1, for which the kernel is
        narrower, multiplies it by its square root.
    order : {3, 4, 5, 6}, default=4
        Order of the splines, which is the number of nodes along an axis that a point touches; 4 is
        cubic. Higher orders are more accurate and slower.
    max_nodes : int, optional
        Bound on the number of nodes of the transforms, which is 2^d times that of the grid. A node
        takes about 7 bytes, 50 in 1-D. The default is 2^25, in 1-D 2^22.
    fourier : {"native", "scipy", "pyfftw"}, default="native"
        Whose Fourier transforms to use.

    Raises
    ------
    TypeError, ValueError
        If an option has the wrong type or is out of range.

    References
    ----------
    .. [1] U. Essmann et al., "A smooth particle mesh Ewald method", Journal of Chemical Physics
       103, 1995.
    .. [2] G. C. Linderman et al., "Fast interpolation-based t-SNE for improved visualization of
       single-cell RNA-seq data", Nature Methods 16, 2019.
    """

    def __init__(
        self,
        *,
        spacing: float = 0.5,
        order: int = 4,
        max_nodes: int | None = None,
        fourier: str = "native",
    ) -> None:
        self.spacing = check_real("spacing", spacing, above=0)
        self.order = check_integer("order", order, at_least=min(ORDERS))
        if order > max(ORDERS):
            raise ValueError(f"order must be one of {ORDERS}, got {order!r}")
        self.max_nodes, self.fourier = check_grid_options(max_nodes, fourier)

    def plan(self, problem: RepulsionProblem) -> GridRepulsion:
        """Prepare buffers and, for a fixed reference, its field."""
        if problem.n_components not in MIN_CELLS:
            raise ValueError(
                f"mesh supports 1 to 3 dimensions, got n_components={problem.n_components}"
            )
        rule = CellRule(
            basis=b_spline(self.order),
            widest=self.spacing * kernel_width(problem.dof),
            min_cells=MIN_CELLS[problem.n_components],
            ratio=2.0,
            margin=N_TAPS,
        )
        return GridRepulsion(
            problem, rule, differences=True, max_nodes=self.max_nodes, fourier=self.fourier
        )
