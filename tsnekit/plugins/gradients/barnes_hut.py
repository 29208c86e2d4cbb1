"""Barnes-Hut: far groups of points act as one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import RepulsionProblem
from tsnekit.toolkit import check_real

__all__ = ["BarnesHutMethod", "BarnesHutRepulsion"]


class BarnesHutMethod:
    """Sum over the cells of a tree, which are finer for nearer points.

    Parameters
    ----------
    theta : float, default=0.5
        A cell acts on a point like a single point at its centre of mass if its size is at most
        `theta` times the distance. The size is the longest side of the bounding box of the cell's
        points. Lower is slower and more accurate; at 0, the forces are exact.

    Raises
    ------
    TypeError
        If `theta` is not a real number.
    ValueError
        If `theta` is negative or not finite.

    References
    ----------
    .. [1] J. Barnes and P. Hut, "A hierarchical O(N log N) force-calculation algorithm", Nature
       324, 1986.
    .. [2] L. van der Maaten, "Accelerating t-SNE using tree-based algorithms", Journal of Machine
       Learning Research 15, 2014.
    .. [3] J. E. Barnes, "A modified tree code: don't laugh; it runs", Journal of Computational
       Physics 87, 1990; the walk that a group of neighboring points shares.
    """

    def __init__(self, *, theta: float = 0.5) -> None:
        self.theta = check_real("theta", theta, at_least=0)

    def plan(self, problem: RepulsionProblem) -> BarnesHutRepulsion:
        """Build the tree of the reference, if there is one."""
        return BarnesHutRepulsion(problem, self.theta)


class BarnesHutRepulsion:
    """Repulsive forces by a tree of the points, or of the reference.

    For some rows of the points only, the tree is that of all points, and there are no charges.
    """

    def __init__(self, problem: RepulsionProblem, theta: float) -> None:
        from tsnekit._native.tree import BarnesHut

        self._native = BarnesHut(
            problem.n_components, problem.dof, theta, problem.n_jobs, problem.reference
        )

    def __call__(
        self,
        Y: NDArray[np.float32],
        out: NDArray[np.float32],
        row_z: NDArray[np.float64] | None = None,
    ) -> float:
        """Fill `out` with forces and return Z; see `tsnekit.interfaces.Repulsion`."""
        z: float = self._native(Y, out, row_z)
        return z

    def spread(self, Y: NDArray[np.float32], rows: slice) -> NDArray[np.float32]:
        """Return no charges; see `tsnekit.interfaces.SeparableRepulsion`."""
        self._points = Y
        return np.empty(0, np.float32)

    def gather(
        self,
        charges: NDArray[np.float32],
        rows: slice,
        out: NDArray[np.float32],
        row_z: NDArray[np.float64] | None = None,
    ) -> float:
        """Fill `out` with the forces on some rows; see `tsnekit.interfaces.SeparableRepulsion`."""
        z: float = self._native.fill_rows(self._points, rows.start, out, row_z)
        return z
