"""Embeddings: arrays of positions that can be optimized and extended with new points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.backends import resolve_backend
from tsnekit.embedding_base import BaseEmbedding, RunState
from tsnekit.interfaces import Optimizer, SparseAffinities
from tsnekit.parameters import DescentParameters
from tsnekit.progress import show_logs
from tsnekit.validation import check_integer, check_positions, check_real

if TYPE_CHECKING:
    from tsnekit.affinity import Affinities

__all__ = ["PartialTSNEEmbedding", "TSNEEmbedding"]


class TSNEEmbedding(BaseEmbedding):
    """A t-SNE embedding: an array of positions that knows its affinities.

    Parameters
    ----------
    embedding : array-like of shape (n_samples, n_components)
        Initial positions; copied.
    affinities : Affinities
        Affinities of the samples, and the index that finds those of new points.
    dof : float, default=1
        Degrees of freedom of the kernel (1 + r^2 / dof)^-dof.
    n_interpolation_points : int, default=3
        Interpolation points per grid interval and dimension, for ``fft``.
    min_num_intervals : int, default=50
        The least number of grid intervals per dimension, for ``fft``.
    ints_in_interval : float, default=1
        Side length of a grid interval, for ``fft``.
    negative_gradient_method : str or GradientMethod, default="auto"
        Name of a gradient method (``barnes_hut``, ``fft``, ``mesh``, ``exact``, an alias, or a
        plugin's), "auto", or an instance.
    random_state : int, RandomState or None, default=None
        Seed for what is random when new points are added.
    optimizer : str or Optimizer, optional
        Name or instance of the optimizer; an instance keeps its state. ``momentum`` by default.
    **gradient_descent_params
        Defaults of `optimize`: see there.

    Raises
    ------
    TypeError, ValueError
        If the positions do not fit the affinities or are not finite, or a parameter is unknown or
        has no valid value.
    """

    _recentered = True

    affinities: Affinities
    random_state: Any

    def __new__(
        cls,
        embedding: Any,
        affinities: Affinities,
        dof: float = 1,
        n_interpolation_points: int = 3,
        min_num_intervals: int = 50,
        ints_in_interval: float = 1,
        negative_gradient_method: Any = "auto",
        random_state: Any = None,
        optimizer: str | Optimizer | None = None,
        **gradient_descent_params: Any,
    ) -> TSNEEmbedding:
        """Check the parameters and copy the positions."""
        parameters = DescentParameters().replace(
            dof=dof,
            n_interpolation_points=n_interpolation_points,
            min_num_intervals=min_num_intervals,
            ints_in_interval=ints_in_interval,
            negative_gradient_method=negative_gradient_method,
            **gradient_descent_params,
        )
        positions = check_positions(embedding, name="embedding", n_samples=affinities.n_samples)
        created = cls._create(positions, _fresh_state(parameters, optimizer))
        created.affinities = affinities
        created.random_state = random_state
        return created

    def _copy_attributes_to(self, other: TSNEEmbedding) -> None:
        other.affinities = self.affinities
        other.random_state = self.random_state

    def _affinity_matrix(self) -> SparseAffinities:
        return self.affinities.matrix

    def _reference(self) -> None:
        return None

    def prepare_interpolation_grid(self, padding: float = 0.25) -> None:
        """Compute the field that the embedding exerts on new points, for the next `transform`.

        `transform` does this by itself where it is needed; the field is dropped when the embedding
        moves.

        Parameters
        ----------
        padding : float, default=0.25
            Empty space to add around the embedding, as a fraction of its width.
        """
        check_real("padding", padding, at_least=0)

    def prepare_partial(
        self,
        X: Any,
        initialization: Any = "median",
        k: int = 25,
        **affinity_params: Any,
    ) -> PartialTSNEEmbedding:
        """Place new points near their neighbors, ready to be optimized.

        Parameters
        ----------
        X : array-like of shape (n_new, n_features)
            New rows.
        initialization : {"median", "weighted", "random"} or array-like, default="median"
            Where the new points start: at the median, or the mean weighted by affinity, of their
            nearest neighbors' positions, at random, or at given positions.
        k : int, default=25
            How many nearest neighbors to look at for the start.
        **affinity_params
            Passed on to ``affinities.to_new``.

        Returns
        -------
        PartialTSNEEmbedding
            Not optimized yet.

        Raises
        ------
        TypeError, ValueError
            If `X`, `initialization` or `k` is not valid.
        """
        from tsnekit import initialization as placing

        k = check_integer("k", k, at_least=1)
        if isinstance(initialization, str) and initialization not in PLACEMENTS:
            raise ValueError(
                f"initialization must be one of {', '.join(PLACEMENTS)} or an array, "
                f"got {initialization!r}"
            )
        P, neighbors, distances = self.affinities.to_new(
            X, return_distances=True, **affinity_params
        )
        neighbors, distances = neighbors[:, :k], distances[:, :k]
        reference = np.asarray(self)
        if not isinstance(initialization, str):
            start = check_positions(
                initialization,
                name="initialization",
                n_samples=len(neighbors),
                n_components=self.shape[1],
            )
        elif initialization == "random":
            start = placing.random(len(neighbors), self.shape[1], random_state=self.random_state)
        elif initialization == "weighted":
            start = placing.weighted_mean(X, reference, neighbors, distances)
        else:
            start = placing.median(reference, neighbors)
        return PartialTSNEEmbedding(start, self, P, optimizer=None, **self._partial_parameters())

    def _partial_parameters(self) -> dict[str, Any]:
        kept = (
            "dof",
            "negative_gradient_method",
            "gradient_params",
            "theta",
            "n_interpolation_points",
            "min_num_intervals",
            "ints_in_interval",
            "n_jobs",
            "verbose",
        )
        return {name: getattr(self.state.parameters, name) for name in kept}

    def transform(
        self,
        X: Any,
        perplexity: Any = 5,
        initialization: Any = "median",
        k: int = 25,
        learning_rate: float | str = 0.1,
        early_exaggeration: float = 4,
        early_exaggeration_iter: int = 0,
        exaggeration: float = 1.5,
        n_iter: int = 250,
        initial_momentum: float = 0.8,
        final_momentum: float = 0.8,
        max_grad_norm: float | None = 0.25,
        max_step_norm: float | None = None,
    ) -> PartialTSNEEmbedding:
        """Embed new points into this embedding, which stays as it is.

        Each new point is placed by itself: it feels the embedding, not the other new points.

        Parameters
        ----------
        X : array-like of shape (n_new, n_features)
            New rows.
        perplexity : float, default=5
            Perplexity of the new points' affinities to the embedded ones.
        initialization : {"median", "weighted", "random"} or array-like, default="median"
            See `prepare_partial`.
        k : int, default=25
            How many nearest neighbors to look at for the start.
        learning_rate : float or "auto", default=0.1
        early_exaggeration : float, default=4
            Exaggeration of the first phase.
        early_exaggeration_iter : int, default=0
            Iterations of the first phase.
        exaggeration : float, default=1.5
            Exaggeration of the second phase.
        n_iter : int, default=250
            Iterations of the second phase.
        initial_momentum, final_momentum : float, default=0.8
            Momentum of the two phases.
        max_grad_norm : float or None, default=0.25
            Bound on the norm of each point's gradient.
        max_step_norm : float or None, default=None
            Bound on the norm of each point's step.

        Returns
        -------
        PartialTSNEEmbedding
            Positions of the new points, (n_new, n_components).

        Raises
        ------
        TypeError, ValueError
            If a parameter has no valid value.
        """
        partial = self.prepare_partial(X, initialization=initialization, k=k, perplexity=perplexity)
        for iterations, factor, momentum in (
            (early_exaggeration_iter, early_exaggeration, initial_momentum),
            (n_iter, exaggeration, final_momentum),
        ):
            partial.optimize(
                iterations,
                inplace=True,
                learning_rate=learning_rate,
                exaggeration=factor,
                momentum=momentum,
                max_grad_norm=max_grad_norm,
                max_step_norm=max_step_norm,
            )
        return partial


class PartialTSNEEmbedding(BaseEmbedding):
    """New points in an existing embedding.

    Parameters
    ----------
    embedding : array-like of shape (n_new, n_components)
        Initial positions of the new points; copied.
    reference_embedding : TSNEEmbedding
        The embedding to which the points are added; it is not changed, and later changes of it do
        not matter here.
    P : sparse matrix of shape (n_new, n_samples)
        Affinities of the new points to the embedded ones; each row sums to 1.
    optimizer : str or Optimizer, optional
        See `TSNEEmbedding`.
    **gradient_descent_params
        Defaults of `optimize`: see there. Here ``learning_rate`` defaults to 0.1 and
        ``max_grad_norm`` to 0.25.

    Raises
    ------
    TypeError, ValueError
        If the positions do not fit `P` or the reference, or a parameter is not valid.
    """

    _recentered = False

    P: Any
    reference_embedding: TSNEEmbedding
    _matrix: SparseAffinities
    _fixed: NDArray[np.float32]

    def __new__(
        cls,
        embedding: Any,
        reference_embedding: TSNEEmbedding,
        P: Any,
        optimizer: str | Optimizer | None = None,
        **gradient_descent_params: Any,
    ) -> PartialTSNEEmbedding:
        """Check the parameters and copy the positions."""
        from tsnekit.symmetrize import from_scipy

        defaults = {"learning_rate": 0.1, "max_grad_norm": 0.25}
        parameters = DescentParameters().replace(**(defaults | gradient_descent_params))
        positions = check_positions(
            embedding,
            name="embedding",
            n_samples=P.shape[0],
            n_components=reference_embedding.shape[1],
        )
        if P.shape[1] != len(reference_embedding):
            raise ValueError(
                f"P must have a column for each of the {len(reference_embedding)} embedded "
                f"points, got {P.shape[1]}"
            )
        created = cls._create(positions, _fresh_state(parameters, optimizer))
        created.P = P
        created.reference_embedding = reference_embedding
        created._matrix = from_scipy(P)
        created._fixed = np.array(reference_embedding, dtype=np.float32, order="C", subok=False)
        return created

    def _copy_attributes_to(self, other: PartialTSNEEmbedding) -> None:
        for name in ("P", "reference_embedding", "_matrix", "_fixed"):
            setattr(other, name, getattr(self, name))

    def _affinity_matrix(self) -> SparseAffinities:
        return self._matrix

    def _reference(self) -> NDArray[np.float32]:
        return self._fixed


PLACEMENTS = ("median", "weighted", "random")


def _fresh_state(parameters: DescentParameters, optimizer: str | Optimizer | None) -> RunState:
    with show_logs(parameters.verbose):
        backend = resolve_backend("optimizer", "momentum" if optimizer is None else optimizer)
    return RunState(parameters, backend.instance, backends={"optimizer": backend.choice})
