"""The gradient of t-SNE: the core's attraction and a plugin's repulsion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tsnekit._backends.contracts import number_of
from tsnekit._descent.map_order import MapOrder, reordering_pays
from tsnekit.interfaces import Repulsion, SparseAffinities

__all__ = ["LEAST_Z", "TINY", "Attraction", "KLGradient"]

LEAST_Z = 1e-30
"""The least Z of a gradient: with a lower Z, forces vanish in float32 and 1 / Z may overflow."""

TINY = float(np.finfo(np.float64).tiny)
"""The least Z of a divergence, whose logarithm is finite."""


class Attraction:
    """The attraction of points by P, and the terms of the divergence that run over P.

    Parameters
    ----------
    affinities : SparseAffinities of shape (m, n)
        The rows of m points, on which the attraction acts.
    dof : float
    n_jobs : int
    first : int, optional
        Where the m points follow one another among the n points of the columns, the first of them.
        Without it, the columns are other points.
    """

    def __init__(
        self, affinities: SparseAffinities, *, dof: float, n_jobs: int, first: int | None = None
    ) -> None:
        self._affinities = affinities
        self._dof = dof
        self._n_jobs = n_jobs
        self._map_order: MapOrder | None = None
        if first is not None and reordering_pays(affinities.shape[1]):
            self._map_order = MapOrder(affinities, n_jobs, first)
        self._p_log_p: NDArray[np.float64] | None = None

    def into_gradient(
        self,
        Y: NDArray[np.float32],
        targets: NDArray[np.float32],
        exaggeration: float,
        z: NDArray[np.float64],
        out: NDArray[np.float32],
        logs: NDArray[np.float64] | None,
    ) -> None:
        """Turn the repulsive forces in `out`, whose normalization is `z`, into the gradient.

        `Y` are the m points and `targets` the n points. `z` has one entry or, where the columns are
        other points, one by row. `logs`, if they are given, become
        sum_j p_ij dof log(1 + |y_i - y_j|^2 / dof) by row.
        """
        from tsnekit._native.attraction import gradient_from_repulsion

        least = np.maximum(z, LEAST_Z)
        if self._map_order is not None:
            self._map_order.gradient_from_repulsion(
                targets, self._dof, exaggeration, least[0], out, logs
            )
            return
        gradient_from_repulsion(
            self._affinities.indptr,
            self._affinities.indices,
            self._affinities.data,
            Y,
            targets,
            self._dof,
            exaggeration,
            least,
            out,
            self._n_jobs,
            logs,
        )

    def cost_of_logs(self, logs: NDArray[np.float64], d: int) -> NDArray[np.float64]:
        """Return what `cost` returns, given the logs of points in d dimensions."""
        if self._p_log_p is None:
            # Where all points are at the origin, each w_ij is 1.
            m, n = self._affinities.shape
            origin, targets = (np.zeros((size, d), dtype=np.float32) for size in (m, n))
            self._p_log_p = self.cost(origin, targets)
        return self._p_log_p + logs

    def cost(self, Y: NDArray[np.float32], targets: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return sum_j p_ij log(p_ij / w_ij^dof) by row."""
        from tsnekit._native.attraction import attraction_cost

        cost = np.empty(len(Y))
        attraction_cost(
            self._affinities.indptr,
            self._affinities.indices,
            self._affinities.data,
            Y,
            targets,
            self._dof,
            cost,
            self._n_jobs,
        )
        return cost

    @property
    def total(self) -> float:
        """The sum of the affinities."""
        return float(np.sum(self._affinities.data, dtype=np.float64))


class KLGradient:
    """Gradient and value of the Kullback-Leibler divergence KL(P || Q).

    With w_ij = 1 / (1 + |y_i - y_j|^2 / dof), q_ij = w_ij^dof / Z and Z the sum of all w_ij^dof,
    the gradient by y_i, without its factor 4, is

        sum_j p_ij w_ij (y_i - y_j)  -  sum_j w_ij^(dof + 1) (y_i - y_j) / Z.

    The first sum runs over the sparse P and is computed here, for every gradient method. The second
    sum is computed by the method. With a reference, P and Q are conditional: each row has its own
    Z_i, and the divergence is the mean over the rows.

    Parameters
    ----------
    affinities : SparseAffinities of shape (n, m)
        Symmetric where there is no reference; see `tsnekit._descent.symmetry`.
    repulsion : Repulsion
        A planned gradient method.
    dof : float
        Degrees of freedom, as planned.
    n_jobs : int
        Number of threads.
    reference : ndarray of shape (m, d), float32, optional
        The fixed points, as planned.
    whose : str, default="a gradient method"
        The gradient method, for messages.

    References
    ----------
    L. van der Maaten, G. Hinton. "Visualizing data using t-SNE". JMLR 9 (2008), 2579-2605.
    D. Kobak et al. "Heavy-tailed kernels reveal a finer cluster structure in t-SNE
    visualisations". ECML PKDD 2019, 124-139.
    """

    def __init__(
        self,
        affinities: SparseAffinities,
        repulsion: Repulsion,
        *,
        dof: float,
        n_jobs: int,
        reference: NDArray[np.float32] | None = None,
        whose: str = "a gradient method",
    ) -> None:
        self._whose = whose
        self._repulsion = repulsion
        self._reference = reference
        self._attraction = Attraction(
            affinities, dof=dof, n_jobs=n_jobs, first=0 if reference is None else None
        )

    def gradient(
        self, Y: NDArray[np.float32], out: NDArray[np.float32], exaggeration: float
    ) -> None:
        """Fill `out` with the gradient; see `tsnekit.interfaces.WholeGradient`."""
        self._fill(Y, out, exaggeration, None)

    def gradient_and_divergence(
        self, Y: NDArray[np.float32], out: NDArray[np.float32], exaggeration: float
    ) -> float:
        """Do both in one pass over P; see `tsnekit.interfaces.SupportsDivergence`."""
        logs = np.empty(len(Y))
        z = self._fill(Y, out, exaggeration, logs)
        return self._divergence(self._attraction.cost_of_logs(logs, Y.shape[1]), z)

    def kl_divergence(self, Y: NDArray[np.float32]) -> float:
        """Return the KL divergence of `Y`, without exaggeration."""
        z = self._repel(Y, np.empty_like(Y))
        return self._divergence(self._attraction.cost(Y, self._targets(Y)), z)

    def _fill(
        self,
        Y: NDArray[np.float32],
        out: NDArray[np.float32],
        exaggeration: float,
        logs: NDArray[np.float64] | None,
    ) -> NDArray[np.float64]:
        """Fill `out` with the gradient, and `logs` if they are given; return Z or the Z_i."""
        z = self._repel(Y, out)
        self._attraction.into_gradient(Y, self._targets(Y), exaggeration, z, out, logs)
        return z

    def _targets(self, Y: NDArray[np.float32]) -> NDArray[np.float32]:
        return Y if self._reference is None else self._reference

    def _divergence(self, cost: NDArray[np.float64], z: NDArray[np.float64]) -> float:
        """Return the divergence, given the cost by row and Z, or Z_i with a reference."""
        if self._reference is not None:
            return float(np.mean(cost + np.log(z)))
        return float(np.sum(cost) + self._attraction.total * np.log(z[0]))

    def _repel(self, Y: NDArray[np.float32], out: NDArray[np.float32]) -> NDArray[np.float64]:
        """Fill `out` with the repulsive forces, and return Z, or Z_i with a reference."""
        # Z underflows where all pairs are far apart, and is zero for a single point.
        if self._reference is None:
            total = number_of(self._whose, self._repulsion(Y, out), "the normalization", Y)
            return np.array([max(total, TINY)])
        z = np.full(len(Y), np.nan)
        self._repulsion(Y, out, z)
        number_of(self._whose, float(z.sum()), "the sum of row_z", Y)
        return np.maximum(z, TINY, out=z)
