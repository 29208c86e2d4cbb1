"""Affinities in general, and given ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from tsnekit.interfaces import NeighborGraph, SparseAffinities
from tsnekit.symmetrize import from_scipy, to_scipy
from tsnekit.validation import check_rows

__all__ = ["Affinities", "PrecomputedAffinities"]


class Affinities:
    """The affinities P between the points of a data set.

    Parameters
    ----------
    matrix : SparseAffinities of shape (n, n)
        P, as the native layer reads it.
    verbose : bool, default=False
        Whether to show what is done.
    """

    def __init__(self, matrix: SparseAffinities, verbose: bool = False) -> None:
        self.matrix = matrix
        self.verbose = verbose

    @property
    def P(self) -> Any:  # noqa: N802
        """P as a SciPy CSR matrix (n, n); it shares the memory of `matrix` and is read-only."""
        return to_scipy(self.matrix)

    @property
    def n_samples(self) -> int:
        """Number of points."""
        return self.matrix.shape[0]

    def to_new(self, data: Any, return_distances: bool = False, **affinity_params: Any) -> Any:
        """Compute the affinities of new rows to the points.

        Raises
        ------
        NotImplementedError
            If there is no way to, as here.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no affinities of new rows; compute affinities "
            "from the data, or give those of new rows to PartialTSNEEmbedding"
        )

    def to_new_with_neighbors(
        self, data: Any, k: int, /, **affinity_params: Any
    ) -> tuple[Any, NeighborGraph]:
        """Compute the affinities of new rows, and find `k` neighbors of each, where there are.

        Parameters
        ----------
        data : array-like or sparse matrix of shape (n_new, p)
            New rows.
        k : int
            Fewer are returned where `to_new` looks at fewer, and cannot be asked for more.
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
        """Compute the affinities of the points and of new rows, all among one another.

        Raises
        ------
        NotImplementedError
            If there is no way to, as here.
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
        If the matrix is not square or not numeric, or holds a value that is negative or not
        finite, or is to be normalized and sums to 0.

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
        from sklearn.utils import check_array

        checked = check_array(
            affinities, accept_sparse="csr", dtype=np.float64, input_name="affinities"
        )
        check_rows(checked, name="affinities")
        if checked.shape[0] != checked.shape[1]:
            raise ValueError(f"affinities must be square, got shape {checked.shape}")
        if checked.min() < 0:
            raise ValueError(f"affinities must not be negative, got {checked.min():g}")
        if normalize:
            total = checked.sum()
            if not total > 0:
                raise ValueError("affinities must not all be 0")
            checked = checked / total
        super().__init__(from_scipy(checked))
