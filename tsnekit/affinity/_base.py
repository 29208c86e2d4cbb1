"""Affinities in general, and given ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tsnekit.affinity._matrix import check_matrix, to_scipy
from tsnekit.interfaces import NeighborGraph, SparseAffinities

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["Affinities", "PrecomputedAffinities", "check_affinities"]


class Affinities:
    """The affinities P between the points of a data set.

    To compute affinities in your own way, derive a class that sets ``self.P``. Define `to_new` as
    well if new points are to be embedded.

    Parameters
    ----------
    matrix : SparseAffinities, sparse matrix or array-like of shape (n, n), optional
        P, not negative; copied. A derived class may set ``self.P`` instead.
    verbose : bool, default=False
        Whether to show what is done.

    Raises
    ------
    TypeError, ValueError
        If the matrix is not a square matrix of finite numbers of at least 0.

    Examples
    --------
    >>> import numpy as np
    >>> from tsnekit import TSNE
    >>> from tsnekit.affinity import Affinities
    >>> class Ring(Affinities):
    ...     def __init__(self, n):
    ...         ring = np.roll(np.eye(n), 1, axis=1)
    ...         self.P = (ring + ring.T) / (2 * n)
    >>> TSNE(initialization="spectral", random_state=0).fit(affinities=Ring(50)).shape
    (50, 2)
    """

    verbose: bool = False
    _matrix: SparseAffinities | None = None

    def __init__(self, matrix: Any = None, verbose: bool = False) -> None:
        self.verbose = verbose
        if matrix is not None:
            self.matrix = matrix

    @property
    def matrix(self) -> SparseAffinities:
        """P, as the native layer reads it; a matrix that is set here is checked and copied."""
        if self._matrix is None:
            raise ValueError(
                f"{type(self).__name__} has no affinities: its __init__ must set self.P"
            )
        return self._matrix

    @matrix.setter
    def matrix(self, given: Any) -> None:
        self._matrix = check_matrix(given, square=True)

    @property
    def P(self) -> csr_matrix | None:  # noqa: N802
        """P as a SciPy CSR matrix (n, n), which shares the memory of `matrix` and is read-only.

        It can be set to a sparse matrix or an array, which is checked and copied. It is None until
        it is set.
        """
        return None if self._matrix is None else to_scipy(self._matrix)

    @P.setter
    def P(self, given: Any) -> None:  # noqa: N802
        self.matrix = given

    def __repr__(self) -> str:
        """Return the kind, the number of points, and the number of entries of P."""
        if self._matrix is None:
            return f"<{type(self).__name__}: not computed yet>"
        entries = len(self._matrix.data)
        return f"<{type(self).__name__}: {self.n_samples:,} points, {entries:,} entries>"

    @property
    def n_samples(self) -> int:
        """Number of points."""
        return self.matrix.shape[0]

    def to_new(self, data: Any, return_distances: bool = False, **affinity_params: Any) -> Any:
        """Compute the affinities of new rows to the points.

        Raises
        ------
        NotImplementedError
            Unless a derived class defines this method.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no affinities of new rows; compute affinities "
            "from the data, or give those of new rows to PartialTSNEEmbedding"
        )

    def to_new_with_neighbors(
        self, data: Any, k: int, /, **affinity_params: Any
    ) -> tuple[Any, NeighborGraph]:
        """Compute the affinities of new rows, and find `k` neighbors of each.

        Parameters
        ----------
        data : array-like or sparse matrix of shape (n_new, p)
            New rows.
        k : int
            Number of neighbors; fewer if `to_new` returns fewer.
        **affinity_params
            Passed on to `to_new`.

        Returns
        -------
        P : CSR matrix of shape (n_new, n)
        neighbors : NeighborGraph
        """
        P, indices, distances = self.to_new(data, return_distances=True, **affinity_params)
        return P, NeighborGraph(indices, distances)

    def extended(self, data: Any) -> Affinities:
        """Compute the affinities of all points: those of the data, and new rows.

        Raises
        ------
        NotImplementedError
            Unless a derived class defines this method.
        """
        raise NotImplementedError(
            f"{type(self).__name__} cannot be extended by new rows; give the affinities of all rows"
        )


class PrecomputedAffinities(Affinities):
    """Affinities that were computed elsewhere.

    Parameters
    ----------
    affinities : sparse matrix or array-like of shape (n, n)
        Non-negative; copied.
    normalize : bool, default=True
        Whether to divide by the sum.

    Raises
    ------
    TypeError, ValueError
        If the matrix is not square or not numeric, if a value is negative or not finite, or if the
        matrix is to be normalized and sums to 0.

    Examples
    --------
    >>> import numpy as np
    >>> from tsnekit import TSNE
    >>> from tsnekit.affinity import PrecomputedAffinities
    >>> ring = np.roll(np.eye(50), 1, axis=1)
    >>> affinities = PrecomputedAffinities(ring + ring.T)
    >>> TSNE(initialization="spectral", random_state=0).fit(affinities=affinities).shape
    (50, 2)
    """

    def __init__(self, affinities: Any, normalize: bool = True) -> None:
        super().__init__()
        self._matrix = check_matrix(affinities, name="affinities", square=True, normalize=normalize)


def check_affinities(given: Any) -> Affinities:
    """Return affinities that the user gave, checked.

    Raises
    ------
    TypeError
        If they are not an instance of `Affinities`.
    ValueError
        If they have no P.
    """
    if not isinstance(given, Affinities):
        raise TypeError(
            "affinities must be an instance of tsnekit.affinity.Affinities, got "
            f"{type(given).__name__}; a matrix is given as PrecomputedAffinities(matrix)"
        )
    _ = given.matrix
    return given
