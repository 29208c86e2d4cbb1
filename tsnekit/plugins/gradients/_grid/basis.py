"""Bases that attach points to the nodes of a grid: B-splines and Lagrange polynomials."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, factorial

import numpy as np
from numpy.polynomial import polynomial
from numpy.typing import NDArray

__all__ = ["Basis", "b_spline", "lagrange"]


@dataclass(frozen=True)
class Basis:
    """Weights of the nodes near a point, as polynomials of its position in a cell.

    Parameters
    ----------
    weight : ndarray of shape (width, width), float32
        ``weight[j, k]`` is the coefficient of s^j in the weight of node k, where s in [-1/2, 1/2]
        is the offset from the cell's centre in cells.
    step : int
        Nodes from one cell to the next.
    shift : float
        Where the first cell begins, in cells before the grid's corner.
    samples : ndarray of shape (m,), float64
        The basis function at the nodes on one side of its centre, from the centre on. For a basis
        that interpolates, this is only the value 1.
    """

    weight: NDArray[np.float32]
    step: int
    shift: float
    samples: NDArray[np.float64]

    @property
    def width(self) -> int:
        """Nodes along an axis that a point touches."""
        return len(self.weight)

    @property
    def correlations(self) -> NDArray[np.float64]:
        """Products of the weights of nodes at a distance, (width distances, width powers).

        Row m holds the coefficients of sum_k w_k w_(k + m). It is doubled for m > 0, since the
        distance m occurs in both directions. The powers are those of s squared, since the bases are
        symmetric about the cell's centre.
        """
        weight = self.weight.astype(np.float64)
        result = np.zeros_like(weight)
        for distance in range(self.width):
            for k in range(self.width - distance):
                product = polynomial.polymul(weight[:, k], weight[:, k + distance])
                result[distance] += (2.0 if distance else 1.0) * product[::2]
        return result

    def transform(self, padded: int) -> NDArray[np.float64]:
        """Return the discrete transform of `samples` at frequencies 0 to ``padded // 2``."""
        angle = 2.0 * np.pi * np.arange(padded // 2 + 1) / padded
        harmonics = np.arange(1, len(self.samples))
        return self.samples[0] + 2.0 * (np.cos(angle[:, None] * harmonics) @ self.samples[1:])


def b_spline(order: int) -> Basis:
    """Return the centred B-spline of an order (4 is cubic); it is smooth across cells."""
    weight = np.zeros((order, order))
    for k in range(order):
        # The piece of the spline for node k: sum_i (-1)^i C(order, i) (t + m - i)^(order-1) over
        # i <= m. Here, t = s + 1/2 is the offset within the cell.
        m = order - 1 - k
        for i in range(m + 1):
            piece = polynomial.polypow([m - i + 0.5, 1.0], order - 1)
            weight[:, k] += (-1) ** i * comb(order, i) * piece
    weight /= factorial(order - 1)
    # A node lies on a cell's edge for even orders and at its centre for odd ones.
    at_node = np.array([-0.5 if order % 2 == 0 else 0.0]) ** np.arange(order) @ weight
    samples = at_node[(order - 1) // 2 :]
    return Basis(
        weight=weight.astype(np.float32),
        step=1,
        shift=0.5 * (order % 2),
        samples=samples[: (order + 1) // 2],
    )


def lagrange(n_points: int) -> Basis:
    """Return the polynomials through `n_points` equispaced nodes, centred in each cell."""
    nodes = (np.arange(n_points) + 0.5) / n_points - 0.5
    weight = np.empty((n_points, n_points))
    for k in range(n_points):
        others = np.delete(nodes, k)
        coefficients = polynomial.polyfromroots(others) if n_points > 1 else np.ones(1)
        weight[:, k] = coefficients / np.prod(nodes[k] - others)
    return Basis(weight=weight.astype(np.float32), step=n_points, shift=0.0, samples=np.ones(1))
