"""Force terms: losses of the positions that a map makes small together with the KL divergence.

A force term is a recipe, built from its options alone. It gets the map as an argument of
``prepare``, and returns a `Force`, which serves many iterations. tsnekit applies the weight and the
schedule that the user gives, or else those of the `tsnekit.specs.ForceSpec`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import NeighborGraph, SparseAffinities

__all__ = ["Force", "ForceProblem", "ForceTerm", "SupportsCheck"]


@dataclass(frozen=True, kw_only=True)
class ForceProblem:
    """The map for which a force term is prepared.

    Parameters
    ----------
    n_samples : int
        Number of points on which the force acts. The rows of a map that has grown begin with those
        that it had before.
    n_components : int
        Dimensions of the map.
    dof : float, default=1.0
        Degrees of freedom of the kernel of t-SNE, (1 + r^2 / dof)^-dof.
    n_jobs : int, default=1
        Number of threads, already resolved.
    affinities : SparseAffinities, optional
        P of shape (n, n), symmetric, which sums to 1. With a `reference`, P of shape (n, m), from
        the new points to those of the map, each of whose rows sums to 1. It is there when the term
        is prepared, but not yet when `ForceSpec.unmet` is asked.
    neighbors : NeighborGraph, optional
        The neighbors of the rows in the data, with their distances; None if the map was made from
        affinities alone, and for new points. A map of one point has no neighbors, (1, 0).
    reference : ndarray of shape (m, d), float32, optional
        The points of a finished map, to which the n points are added. These move, and the
        reference stays. The force on one of them must not depend on the others.
    """

    n_samples: int
    n_components: int
    dof: float = 1.0
    n_jobs: int = 1
    affinities: SparseAffinities | None = None
    neighbors: NeighborGraph | None = None
    reference: NDArray[np.float32] | None = None


@runtime_checkable
class ForceTerm(Protocol):
    """Prepares a force for a map."""

    def prepare(self, problem: ForceProblem) -> Force:
        """Return the force for a map.

        Raise a ValueError if an option does not fit the map, such as positions of another number
        of points.
        """
        ...


@runtime_checkable
class SupportsCheck(ForceTerm, Protocol):
    """A force term that tells whether its options fit a map before any work starts."""

    def check(self, n_samples: int, n_components: int) -> None:
        """Raise a ValueError if an option does not fit a map of this shape."""
        ...


@runtime_checkable
class Force(Protocol):
    """A loss of the positions of one map, and its gradient.

    The map makes the KL divergence plus the weight times the loss small. A weight should mean the
    same for any number of points, so a loss is usually a mean over the points. Held points are
    among the positions and count in the loss. They do not move, whatever the gradient is there.
    """

    def gradient(self, Y: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """Fill `out` with the gradient of the loss by the positions `Y`, of the same shape (n, d).

        `Y` is finite and must not be changed. The gradient has no factor left out, and depends on
        `Y` alone. For new points, each row is the gradient of the loss of that point alone, and so
        does not depend on how many there are.
        """
        ...

    def loss(self, Y: NDArray[np.float32]) -> float:
        """Return the loss, without the weight; for new points, the mean of their losses."""
        ...
