"""New points in an embedding that stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsnekit._backends.missing import check_installed
from tsnekit._descent.endings import Ending, FixedLength
from tsnekit._descent.field import ReferenceField
from tsnekit._descent.parameters import DescentParameters
from tsnekit._descent.recipes import check_fits, terms_of
from tsnekit._embedding.base import BaseEmbedding
from tsnekit._embedding.described import as_text
from tsnekit._embedding.state import fresh_state
from tsnekit._util.validation import check_integer, check_positions, check_real
from tsnekit.affinity._matrix import check_matrix
from tsnekit.forces import ForceProblem
from tsnekit.interfaces import Optimizer, SparseAffinities

if TYPE_CHECKING:
    from tsnekit._embedding.full import TSNEEmbedding

__all__ = ["PartialTSNEEmbedding", "phases_of_new_points"]


class PartialTSNEEmbedding(BaseEmbedding):
    """New points in an existing embedding.

    Each new point feels the embedding and no other new point. Its position therefore does not
    depend on the other new points.

    Parameters
    ----------
    embedding : array-like of shape (n_new, n_components)
        Initial positions of the new points; copied.
    reference_embedding : TSNEEmbedding
        The embedding to which the points are added. It is not changed. Its later changes have no
        effect here.
    P : sparse matrix or array-like of shape (n_new, n_samples)
        Affinities of the new points to the embedded ones, not negative; each row should sum to 1.
    optimizer : str or Optimizer, optional
        See `TSNEEmbedding`.
    random_state : int, RandomState or None, default=None
        Has no effect, since nothing here is random.
    **gradient_descent_params
        Defaults of `optimize`: see there. Here ``learning_rate`` defaults to 0.1 and
        ``max_grad_norm`` to 0.25. A ``learning_rate`` of "auto" is 1 / exaggeration. The affinities
        of a new point sum to 1, and those of an embedded point to 1 / n. With "auto", both
        therefore take the same steps under the same forces.

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
        matrix = check_matrix(P, name="P", n_columns=len(reference_embedding))
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
        """Plan the gradient now, before it is first needed."""
        self._plan(self.state.parameters)

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
            The Axes with the picture.

        Raises
        ------
        TypeError, ValueError
            If the labels do not fit, or an option is not valid.
        """
        from tsnekit._drawing.plot import plot, plot_over

        if not reference:
            return plot(self, labels, ax, **options)
        return plot_over(
            self.reference_embedding, self, labels, ax, reference_labels=reference_labels, **options
        )

    def _described(self) -> str:
        return as_text(self, over=len(self.reference_embedding))

    def _copy_attributes_to(self, other: PartialTSNEEmbedding) -> None:
        for name in ("P", "reference_embedding", "_matrix", "_field"):
            setattr(other, name, getattr(self, name))

    def _affinity_matrix(self) -> SparseAffinities:
        return self._matrix

    def _reference_field(self) -> ReferenceField:
        return self._field

    def _neighbors(self) -> None:
        return None

    def _n_auto(self) -> int:
        return 1


def phases_of_new_points(
    parameters: DescentParameters,
    *,
    learning_rate: float | str,
    early_exaggeration: float,
    early_exaggeration_iter: int,
    exaggeration: float,
    n_iter: int,
    initial_momentum: float,
    final_momentum: float,
    max_grad_norm: float | None,
    max_step_norm: float | None,
    forces: Any,
    n_components: int,
) -> list[tuple[str, Ending, DescentParameters]]:
    """Check the parameters of ``transform``, and return name, ending and parameters of its phases.

    Parameters
    ----------
    parameters : DescentParameters
        Those of the embedding.
    **options
        See `tsnekit.TSNEEmbedding.transform`.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not valid.
    """
    phases: list[tuple[str, Ending, DescentParameters]] = []
    parameters = parameters.replace(forces=forces)
    check_installed(parameters.negative_gradient_method, *terms_of(forces))
    nowhere = np.empty((0, n_components), dtype=np.float32)
    check_fits(forces, ForceProblem(n_samples=0, n_components=n_components, reference=nowhere))
    check_integer("early_exaggeration_iter", early_exaggeration_iter, at_least=0)
    check_integer("n_iter", n_iter, at_least=0)
    for phase, name, iterations, factor, momentum in (
        (
            "early exaggeration",
            "early_exaggeration",
            early_exaggeration_iter,
            early_exaggeration,
            initial_momentum,
        ),
        ("optimization", "exaggeration", n_iter, exaggeration, final_momentum),
    ):
        of_phase = DescentParameters(**parameters.of_new_points()).replace(
            learning_rate=learning_rate,
            exaggeration=check_real(name, factor, above=0),
            momentum=momentum,
            max_grad_norm=max_grad_norm,
            max_step_norm=max_step_norm,
            forces=forces,
        )
        if iterations:
            phases.append((phase, FixedLength(iterations), of_phase))
    return phases
