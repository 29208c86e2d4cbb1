"""The exact gradient, in plain NumPy: the oracle of every approximation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import RepulsionProblem
from tsnekit.toolkit import check_integer

__all__ = ["ExactMethod", "ExactRepulsion"]


class ExactMethod:
    """Sum over every pair of points, in double precision.

    Parameters
    ----------
    block_size : int, default=256
        Rows computed at once; bounds the memory at about ``block_size * n * (d + 3) * 8`` bytes.

    Raises
    ------
    TypeError, ValueError
        If `block_size` is not an integer of at least 1.
    """

    def __init__(self, *, block_size: int = 256) -> None:
        self.block_size = check_integer("block_size", block_size, at_least=1)

    def plan(self, problem: RepulsionProblem) -> ExactRepulsion:
        """Keep the problem; there is nothing to prepare."""
        return ExactRepulsion(problem, self.block_size)


class ExactRepulsion:
    """Repulsive forces, pair by pair."""

    def __init__(self, problem: RepulsionProblem, block_size: int) -> None:
        self._problem = problem
        self._block_size = block_size

    def __call__(
        self,
        Y: NDArray[np.float32],
        out: NDArray[np.float32],
        row_z: NDArray[np.float64] | None = None,
    ) -> float:
        """Fill `out` with forces and return Z; see `tsnekit.interfaces.Repulsion`."""
        dof = self._problem.dof
        reference = self._problem.reference
        sources = (Y if reference is None else reference).astype(np.float64)
        total = 0.0
        for start in range(0, len(Y), self._block_size):
            rows = slice(start, min(start + self._block_size, len(Y)))
            offset = Y[rows, None, :].astype(np.float64) - sources[None, :, :]
            w = 1.0 / (1.0 + np.einsum("ijc,ijc->ij", offset, offset) / dof)
            if reference is None:
                w[np.arange(rows.stop - start), np.arange(start, rows.stop)] = 0.0
            kernel = w**dof
            z = kernel.sum(axis=1)
            out[rows] = np.einsum("ij,ijc->ic", kernel * w, offset)
            if row_z is not None:
                row_z[rows] = z
            total += float(z.sum())
        return total
