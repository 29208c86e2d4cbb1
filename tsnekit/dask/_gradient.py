"""The gradient of a map that several ranks share, each with some of the rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tsnekit._backends.contracts import described, number_of, planned
from tsnekit._descent.gradient import LEAST_Z, TINY, Attraction
from tsnekit.dask._exchange import Collective, Pending
from tsnekit.interfaces import (
    GradientMethod,
    Repulsion,
    RepulsionProblem,
    SeparableRepulsion,
    SparseAffinities,
    WholeGradient,
)

__all__ = ["SharedGradient"]

MESSAGE = 100_000
"""What a sum of charges costs at least, in points whose charges a thread spreads in that time.

Beyond that, a node of the sum costs about as much as a point. It was measured over TCP within a
machine: 25 ns of processor time for a point, 26 ns for a node, and 2.5 ms for a sum.
"""


class SharedGradient:
    """Gradient and divergence of one rank's rows; see `tsnekit.interfaces.SupportsDivergence`.

    It does for its rows what `tsnekit._descent.gradient.KLGradient` does for all. Each method below
    must be called by all ranks, in the same order. The positions of all points are those of the
    last `exchange`, and those that a method is given must be its rows of them. After an error, the
    ranks no longer agree, and a new gradient is needed.

    Parameters
    ----------
    affinities : SparseAffinities of shape (m, n)
        This rank's rows of P, which is symmetric as a whole and whose entries sum to 1.
    method : GradientMethod
        If its plan is a `tsnekit.interfaces.SeparableRepulsion`, the ranks share the work of the
        repulsion. Otherwise, each rank plans in each iteration, with all positions as the
        reference.
    collective : Collective
        Connects the ranks.
    bounds : sequence of int
        The first row of each rank, and n.
    positions : ndarray of shape (n, d), float32
        The starting positions of all points, the same on all ranks. Copied.
    dof : float
    n_jobs : int

    Attributes
    ----------
    positions : ndarray of shape (n, d), float32
        The positions of all points.
    whose : str
        The method, for messages.

    Raises
    ------
    TypeError
        If the method computes the attraction, too. Ranks cannot share such a gradient.
    """

    def __init__(
        self,
        affinities: SparseAffinities,
        method: GradientMethod,
        collective: Collective,
        bounds: Sequence[int],
        positions: NDArray[np.float32],
        *,
        dof: float,
        n_jobs: int,
    ) -> None:
        self.whose = described("negative_gradient_method", method)
        self._collective = collective
        self._bounds = tuple(bounds)
        self._rows = slice(bounds[collective.rank], bounds[collective.rank + 1])
        self._n_jobs = n_jobs
        self.positions = np.array(positions, dtype=np.float32, order="C")
        self._received = np.empty_like(self.positions)
        n, d = self.positions.shape
        self._mean = np.empty(d)
        self._pull = np.empty((affinities.shape[0], d), dtype=np.float32)
        self._attraction = Attraction(affinities, dof=dof, n_jobs=n_jobs, first=self._rows.start)
        self._share_of_p = self._attraction.total
        problem = RepulsionProblem(n_samples=n, n_components=d, dof=dof, n_jobs=n_jobs)
        self._repulsion = _shared(method, problem, collective)

    def exchange(self, Y: NDArray[np.float32]) -> None:
        """Tell all ranks where these rows moved, and move the map so that its mean is the origin.

        `Y` (m, d) is moved in place. It is what `tsnekit._descent.loop.descend` calls `recenter`.
        """
        from tsnekit._native.update import center

        self._collective.allgather(Y, self._received, self._bounds)
        center(self._received, self._mean, self._n_jobs)
        Y[...] = self._received[self._rows]
        # What is received replaces the positions only when nothing can fail any more.
        self.positions, self._received = self._received, self.positions

    def gradient(
        self, Y: NDArray[np.float32], out: NDArray[np.float32], exaggeration: float
    ) -> None:
        """Fill `out` (m, d) with the gradient of this rank's rows."""
        self._fill(Y, out, exaggeration, None)

    def gradient_and_divergence(
        self, Y: NDArray[np.float32], out: NDArray[np.float32], exaggeration: float
    ) -> float:
        """Do both in one pass over P; the divergence is that of the whole map."""
        return self._fill(Y, out, exaggeration, np.empty(len(Y)))

    def kl_divergence(self, Y: NDArray[np.float32]) -> float:
        """Return the KL divergence of the whole map, without exaggeration."""
        self._repulsion.start(self.positions, self._rows)
        cost = self._attraction.cost(Y, self.positions)
        _, divergence = self._sums(np.empty_like(Y), cost)
        return divergence

    def _fill(
        self,
        Y: NDArray[np.float32],
        out: NDArray[np.float32],
        exaggeration: float,
        logs: NDArray[np.float64] | None,
    ) -> float:
        """Fill `out` with the gradient, and return the divergence if there are logs, else NaN."""
        # The attraction needs positions only. It is computed while other ranks are waited for: for
        # their charges or, where a rank has these, for their shares of Z.
        under_way = self._repulsion.start(self.positions, self._rows)
        pending = None
        if not under_way and logs is None:
            share = np.array([self._share_of_z(out)])
            pending = self._collective.allreduce_async(share, signals=True)
        self._pull[...] = 0.0
        self._attraction.into_gradient(
            Y, self.positions, exaggeration, np.ones(1), self._pull, logs
        )
        cost = None if logs is None else self._attraction.cost_of_logs(logs, Y.shape[1])
        if pending is None:
            z, divergence = self._sums(out, cost)
        else:
            z, divergence = float(pending.result()[0]), np.nan
        out *= np.float32(-1.0 / max(z, LEAST_Z))
        out += self._pull
        return divergence

    def _sums(
        self, out: NDArray[np.float32], cost: NDArray[np.float64] | None
    ) -> tuple[float, float]:
        """Fill `out` with the repulsion, and return Z and the divergence of the whole map.

        `cost` is by row. Without it, the divergence is NaN.
        """
        z = self._share_of_z(out)
        if cost is None:
            (z,) = self._collective.allreduce(np.array([z]))
            return float(z), np.nan
        share = np.array([z, float(np.sum(cost)), self._share_of_p])
        z, total_cost, total = self._collective.allreduce(share)
        # Z underflows where all pairs are far apart, and is zero for a single point.
        return float(z), float(total_cost + total * np.log(max(z, TINY)))

    def _share_of_z(self, out: NDArray[np.float32]) -> float:
        """Fill `out` with the repulsion, and return the sum of the Z_i of these rows."""
        found = self._repulsion.finish(out)
        return number_of(self.whose, found, "the normalization", self.positions)


class _Shared(Protocol):
    """A repulsion of all points on some rows, in two steps between which other work fits."""

    def start(self, Y: NDArray[np.float32], rows: slice) -> bool:
        """Begin for some rows of all positions; return whether other ranks are waited for."""

    def finish(self, out: NDArray[np.float32]) -> float:
        """Fill `out` with the forces on the rows, and return the sum of their Z_i."""


def _shared(method: GradientMethod, problem: RepulsionProblem, collective: Collective) -> _Shared:
    plan = planned(method, problem)
    if isinstance(plan, WholeGradient):
        raise TypeError(
            f"{described('negative_gradient_method', method)} computes whole gradients, which "
            "processes cannot share; choose one that computes the repulsion only"
        )
    if isinstance(plan, SeparableRepulsion):
        return _Together(plan, collective, problem.n_jobs)
    return _Alone(method, problem)


class _Together:
    """The charges of all rows, summed over the ranks while each computes its attraction.

    Where that takes longer, each rank spreads the charges of all rows by itself.
    """

    def __init__(self, repulsion: SeparableRepulsion, collective: Collective, n_jobs: int) -> None:
        self._repulsion = repulsion
        self._collective = collective
        self._n_jobs = n_jobs

    def start(self, Y: NDArray[np.float32], rows: slice) -> bool:
        self._rows = rows
        self._charges: Pending | NDArray[np.float32]
        points = len(Y) / self._n_jobs
        if self._collective.size > 1 and points > MESSAGE:
            # The size depends on all positions, so that all ranks take the same way.
            nothing = self._repulsion.spread(Y, slice(0, 0))
            if nothing.size + MESSAGE < points:
                own = self._repulsion.spread(Y, rows)
                self._charges = self._collective.allreduce_async(own)
                return True
        self._charges = self._repulsion.spread(Y, slice(0, len(Y)))
        return False

    def finish(self, out: NDArray[np.float32]) -> float:
        charges = self._charges
        total = charges if isinstance(charges, np.ndarray) else charges.result()
        return self._repulsion.gather(total, self._rows, out)


class _Alone:
    """The forces of all points as a reference, less what each of the rows adds to its own Z_i."""

    def __init__(self, method: GradientMethod, problem: RepulsionProblem) -> None:
        self._method = method
        self._problem = problem

    def start(self, Y: NDArray[np.float32], rows: slice) -> bool:
        self._positions, self._own = Y, Y[rows]
        return False

    def finish(self, out: NDArray[np.float32]) -> float:
        if len(out) == 0:
            return 0.0
        problem = dataclasses.replace(
            self._problem, n_samples=len(out), reference=self._positions, padding=0.0
        )
        plan = planned(self._method, problem)
        assert isinstance(plan, Repulsion)
        row_z = np.empty(len(out))
        plan(self._own, out, row_z)
        return float(np.sum(row_z - 1.0))
