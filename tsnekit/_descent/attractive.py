"""The attraction of the built-in gradient, for gradient methods of plugins."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._descent.gradient import Attraction
from tsnekit._util.validation import check_integer, check_real, short_repr
from tsnekit.interfaces import SparseAffinities

__all__ = ["AttractiveForces"]


class AttractiveForces:
    """The attraction of points by P, as the core computes it.

    It is native code with threads. A large map is visited in the order of its points in the map,
    for which P is copied and rounded by at most 2^-9 of each entry. A method that computes the
    whole gradient makes one object in its plan, and calls it in each iteration. One thread at a
    time may do so.

    Parameters
    ----------
    affinities : SparseAffinities of shape (m, n)
        P. Each of its rows is taken as it is. Without a reference, P must be symmetric for the
        gradient of the divergence, as it is in a `tsnekit.interfaces.RepulsionProblem`.
    dof : float, default=1.0
        Degrees of freedom of the kernel (1 + r^2 / dof)^-dof.
    n_jobs : int, default=1
        Number of threads. The result is the same for any.
    reference : ndarray of shape (n, d), float32, optional
        The points that attract. By default, the m = n points attract one another.

    Raises
    ------
    TypeError, ValueError
        If the matrix or an array does not have the types and shapes above, or an index is not that
        of a column.

    Examples
    --------
    A whole gradient with the core's attraction, and a repulsion of its own:

    >>> import numpy as np
    >>> from tsnekit.interfaces import SparseAffinities
    >>> from tsnekit.toolkit import AttractiveForces
    >>> pair = SparseAffinities(
    ...     indptr=np.array([0, 1, 2]),
    ...     indices=np.array([1, 0], dtype=np.int32),
    ...     data=np.array([0.5, 0.5], dtype=np.float32),
    ...     shape=(2, 2),
    ... )
    >>> attraction = AttractiveForces(pair)
    >>> Y = np.array([[0, 0], [1, 0]], dtype=np.float32)
    >>> forces = attraction.forces(Y, np.empty_like(Y), exaggeration=12)
    >>> forces[:, 0].round(3).tolist()
    [-3.0, 3.0]
    """

    def __init__(
        self,
        affinities: SparseAffinities,
        *,
        dof: float = 1.0,
        n_jobs: int = 1,
        reference: NDArray[np.float32] | None = None,
    ) -> None:
        check_real("dof", dof, at_least=1e-30, at_most=1e30)
        _check_matrix(affinities)
        self._shape = affinities.shape
        self._reference = reference
        if reference is None:
            if affinities.shape[0] != affinities.shape[1]:
                raise ValueError(f"affinities must be square, got shape {affinities.shape}")
        else:
            _check_points("reference", reference, affinities.shape[1])
        self._attraction = Attraction(
            affinities,
            dof=float(dof),
            n_jobs=check_integer("n_jobs", n_jobs, at_least=1),
            first=0 if reference is None else None,
        )

    def forces(
        self, Y: NDArray[np.float32], out: NDArray[np.float32], exaggeration: float = 1.0
    ) -> NDArray[np.float32]:
        """Fill `out` with ``exaggeration * sum_j p_ij w_ij (y_i - x_j)``.

        Here, ``w_ij = 1 / (1 + |y_i - x_j|^2 / dof)``, and the x_j are the points of the reference,
        or the points themselves.

        Parameters
        ----------
        Y : ndarray of shape (m, d), float32
        out : ndarray of shape (m, d), float32
        exaggeration : float, default=1.0

        Returns
        -------
        ndarray of shape (m, d), float32
            The array `out`.
        """
        _check_points("out", out, self._shape[0])
        out.fill(0)
        return self.subtract_repulsion(Y, out, 1.0, exaggeration)

    def subtract_repulsion(
        self,
        Y: NDArray[np.float32],
        out: NDArray[np.float32],
        z: float | NDArray[np.float64],
        exaggeration: float = 1.0,
    ) -> NDArray[np.float32]:
        """Turn repulsive forces in `out` into the gradient, in one pass: attraction - `out` / `z`.

        Parameters
        ----------
        Y : ndarray of shape (m, d), float32
        out : ndarray of shape (m, d), float32
            Repulsive forces, as `tsnekit.interfaces.Repulsion` fills them.
        z : float or ndarray of shape (m,), float64
            Their normalization; that of each row with a reference.
        exaggeration : float, default=1.0

        Returns
        -------
        ndarray of shape (m, d), float32
            The array `out`.
        """
        targets = self._targets(Y)
        _check_points("out", out, len(Y))
        normalization = np.asarray(z, dtype=np.float64).reshape(-1)
        if len(normalization) != 1 and (self._reference is None or len(normalization) != len(Y)):
            raise ValueError(
                "z must be a number or, with a reference, an array with one for each point, "
                f"got {len(normalization)} numbers"
            )
        self._attraction.into_gradient(Y, targets, float(exaggeration), normalization, out, None)
        return out

    def cost(self, Y: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return ``sum_j p_ij log(p_ij / w_ij^dof)`` by row.

        Without a reference, the divergence is the sum of the costs, plus the sum of P times the
        logarithm of Z. With one, it is the mean over the rows of the cost plus the logarithm
        of Z_i.

        Parameters
        ----------
        Y : ndarray of shape (m, d), float32

        Returns
        -------
        ndarray of shape (m,), float64
        """
        return self._attraction.cost(Y, self._targets(Y))

    def _targets(self, Y: NDArray[np.float32]) -> NDArray[np.float32]:
        _check_points("Y", Y, self._shape[0])
        if self._reference is None:
            return Y
        if Y.shape[1] != self._reference.shape[1]:
            raise ValueError(
                f"Y must have {self._reference.shape[1]} columns, as the reference has, "
                f"got {Y.shape[1]}"
            )
        return self._reference


def _check_points(name: str, points: Any, n: int) -> None:
    if not isinstance(points, np.ndarray) or points.dtype != np.float32:
        raise TypeError(f"{name} must be an array of float32, got {short_repr(points)}")
    if points.ndim != 2 or len(points) != n or not points.shape[1] or not points.flags.c_contiguous:
        raise ValueError(
            f"{name} must be a C-contiguous array of {n} points, got shape {points.shape}"
        )


def _check_matrix(affinities: Any) -> None:
    if not isinstance(affinities, SparseAffinities):
        raise TypeError(f"affinities must be SparseAffinities, got {short_repr(affinities)}")
    m, n = affinities.shape
    for name, dtype in (("indptr", np.int64), ("indices", np.int32), ("data", np.float32)):
        array = getattr(affinities, name)
        if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != 1:
            wanted = np.dtype(dtype)
            raise TypeError(f"affinities.{name} must be an array of {wanted}, got {array!r:.60}")
    indptr, indices = affinities.indptr, affinities.indices
    ends = len(indptr) == m + 1 and indptr[0] == 0 and indptr[-1] == len(indices)
    if not ends or (np.diff(indptr) < 0).any() or len(affinities.data) != len(indices):
        raise ValueError(
            f"affinities.indptr must be {m + 1} numbers that ascend from 0 to the number of "
            "indices and data"
        )
    if len(indices) and not (indices.min() >= 0 and indices.max() < n):
        raise ValueError(
            f"affinities.indices must be from 0 to {n - 1}, got {indices.min()} to {indices.max()}"
        )
