"""New points in an embedding that stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from tsnekit import initialization as placing
from tsnekit.embedding_base import BaseEmbedding
from tsnekit.interfaces import NeighborGraph, Optimizer, SparseAffinities
from tsnekit.optimize import resolve_learning_rate
from tsnekit.parameters import DescentParameters
from tsnekit.reference_field import ReferenceField
from tsnekit.run_state import fresh_state
from tsnekit.symmetrize import from_scipy
from tsnekit.validation import check_positions, check_rows, short_repr

if TYPE_CHECKING:
    from tsnekit.embedding import TSNEEmbedding

__all__ = ["PartialTSNEEmbedding", "check_placement", "place"]

PLACEMENTS = ("median", "weighted", "random")


class PartialTSNEEmbedding(BaseEmbedding):
    """New points in an existing embedding.

    Each of them feels the embedding and none of the others: what becomes of a point does not depend
    on those that are placed with it.

    Parameters
    ----------
    embedding : array-like of shape (n_new, n_components)
        Initial positions of the new points; copied.
    reference_embedding : TSNEEmbedding
        The embedding to which the points are added; it is not changed, and later changes of it do
        not matter here.
    P : sparse matrix or array-like of shape (n_new, n_samples)
        Affinities of the new points to the embedded ones, not negative; each row should sum to 1.
    optimizer : str or Optimizer, optional
        See `TSNEEmbedding`.
    random_state : int, RandomState or None, default=None
        Makes no difference, since nothing here is left to chance.
    **gradient_descent_params
        Defaults of `optimize`: see there. Here ``learning_rate`` defaults to 0.1 and
        ``max_grad_norm`` to 0.25. A ``learning_rate`` of "auto" is 1 / exaggeration: the affinities
        of a new point sum to 1, those of an embedded one to 1 / n, so that both then take the same
        steps under the same forces.

    Raises
    ------
    TypeError, ValueError
        If the positions do not fit `P` or the reference, or a parameter is not valid.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from tsnekit import TSNE
    >>> X = load_iris().data
    >>> embedding = TSNE(perplexity=15, random_state=0).fit(X[::2])
    >>> partial = embedding.prepare_partial(X[1::2], perplexity=5)
    >>> partial.optimize(250, exaggeration=1.5).shape
    (75, 2)
    """

    _recentered = False

    P: Any
    reference_embedding: TSNEEmbedding
    _matrix: SparseAffinities
    _field: ReferenceField

    def __new__(
        cls,
        embedding: Any,
        reference_embedding: TSNEEmbedding,
        P: Any,
        optimizer: str | Optimizer | None = None,
        *,
        random_state: Any = None,
        **gradient_descent_params: Any,
    ) -> PartialTSNEEmbedding:
        """Check the parameters and copy the positions."""
        defaults = {"learning_rate": 0.1, "max_grad_norm": 0.25}
        parameters = DescentParameters().replace(**(defaults | gradient_descent_params))
        matrix = _checked_affinities(P, len(reference_embedding))
        positions = check_positions(
            embedding,
            name="embedding",
            n_samples=matrix.shape[0],
            n_components=reference_embedding.shape[1],
        )
        created = cls._create(positions, fresh_state(parameters, optimizer))
        created.P = P
        created.reference_embedding = reference_embedding
        created._matrix = matrix
        created._field = reference_embedding.current_field()
        return created

    def prepare(self) -> None:
        """Plan the gradient now rather than when it is first needed."""
        self._gradient(self.state.parameters)

    def plot(
        self,
        labels: Any = None,
        ax: Any = None,
        *,
        reference: bool = False,
        reference_labels: Any = None,
        **options: Any,
    ) -> Any:
        """Draw the new points, over the embedding that they were added to if asked.

        Parameters
        ----------
        labels : array-like of shape (n_new,), optional
            Classes or values of the new points.
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure, which pyplot does not know of.
        reference : bool, default=False
            Whether to draw the embedding beneath, grey or in pale colours.
        reference_labels : array-like of shape (n_samples,), optional
            Labels of the embedded points, for the same legend; drawn only with `reference`.
        **options
            See `tsnekit.plot`.

        Returns
        -------
        matplotlib Axes
            The one that was drawn on.

        Raises
        ------
        TypeError, ValueError
            If the labels do not fit, or an option is not valid.
        """
        from tsnekit.plotting import plot, plot_over

        if not reference:
            return plot(self, labels, ax, **options)
        return plot_over(
            self.reference_embedding, self, labels, ax, reference_labels=reference_labels, **options
        )

    def _copy_attributes_to(self, other: PartialTSNEEmbedding) -> None:
        for name in ("P", "reference_embedding", "_matrix", "_field"):
            setattr(other, name, getattr(self, name))

    def _affinity_matrix(self) -> SparseAffinities:
        return self._matrix

    def _reference_field(self) -> ReferenceField:
        return self._field

    def _resolved_learning_rate(self, learning_rate: float | str, exaggeration: float) -> float:
        return resolve_learning_rate(learning_rate, 1, exaggeration)


def check_placement(initialization: Any) -> None:
    """Check that an initialization of new points is the name of one, or positions.

    Raises
    ------
    TypeError, ValueError
        If it is neither.
    """
    if not isinstance(initialization, str):
        check_positions(initialization, name="initialization")
    elif initialization not in PLACEMENTS:
        raise ValueError(
            f"initialization must be one of {', '.join(PLACEMENTS)} or an array, "
            f"got {short_repr(initialization)}"
        )


def place(
    initialization: Any,
    reference: NDArray[np.float32],
    neighbors: NeighborGraph | None,
    *,
    n_new: int,
    k: int,
    random_state: Any,
) -> NDArray[Any]:
    """Return where new points start, (n_new, d).

    Parameters
    ----------
    initialization : {"median", "weighted", "random"} or array-like of shape (n_new, d)
    reference : ndarray of shape (n, d)
    neighbors : NeighborGraph or None
        Neighbors of the new points among the points of the reference, for "median" and "weighted".
    n_new : int
        How many new points there are.
    k : int
        How many neighbors to look at.
    random_state : int, RandomState or None
        For "random".
    """
    d = reference.shape[1]
    if not isinstance(initialization, str):
        return check_positions(
            initialization, name="initialization", n_samples=n_new, n_components=d
        )
    if initialization == "random" or neighbors is None:
        return placing.random(n_new, d, random_state=random_state)
    indices, distances = neighbors.indices[:, :k], neighbors.distances[:, :k]
    if initialization == "weighted":
        return placing.weighted_mean(None, reference, indices, distances)
    return placing.median(reference, indices)


def _checked_affinities(P: Any, n_reference: int) -> SparseAffinities:
    checked = check_array(
        P, accept_sparse="csr", dtype=np.float32, ensure_min_samples=0, input_name="P"
    )
    check_rows(checked, name="P")
    if checked.shape[1] != n_reference:
        raise ValueError(
            f"P must have a column for each of the {n_reference} embedded points, "
            f"got {checked.shape[1]}"
        )
    matrix = from_scipy(checked)
    if (matrix.data < 0).any():
        raise ValueError(f"P must not be negative, got {matrix.data.min():g}")
    return matrix
