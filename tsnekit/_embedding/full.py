"""Embeddings: arrays of positions that can be optimized and extended with new points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.utils import check_random_state

from tsnekit._descent.field import PADDING, ReferenceField
from tsnekit._descent.parameters import DescentParameters
from tsnekit._embedding.base import BaseEmbedding
from tsnekit._embedding.extension import extend
from tsnekit._embedding.partial import PartialTSNEEmbedding, phases_of_new_points
from tsnekit._embedding.placement import check_placement, place
from tsnekit._embedding.state import fresh_state
from tsnekit._util.validation import check_integer, check_positions, check_real
from tsnekit.affinity._base import check_affinities
from tsnekit.interfaces import NeighborGraph, Optimizer, SparseAffinities

if TYPE_CHECKING:
    from tsnekit.affinity._base import Affinities

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
        Degrees of freedom of the kernel (1 + r^2 / dof)^-dof, from 1e-30 to 1e30.
    n_interpolation_points : int, default=3
        Interpolation points per grid interval and dimension, for ``fft``.
    min_num_intervals : int, default=50
        The least number of grid intervals along the longest side of the map, for ``fft``.
    ints_in_interval : float, default=1
        The greatest width of a grid interval, for ``fft``.
    negative_gradient_method : str or GradientMethod, default="auto"
        Name of a gradient method (``barnes_hut``, ``fft``, ``mesh``, ``exact``, an alias, or a
        plugin's), "auto", or an instance.
    random_state : int, RandomState, Generator or None, default=None
        Seed for what is random when new points are added.
    optimizer : str or Optimizer, optional
        Name of the optimizer, or an instance, which is copied with its state. ``momentum`` by
        default.
    **gradient_descent_params
        Defaults of `optimize`: see there.

    Raises
    ------
    TypeError, ValueError
        If the positions do not fit the affinities or are not finite, or a parameter is unknown or
        not valid.

    Examples
    --------
    From affinities and positions, step by step:

    >>> from sklearn.datasets import load_iris
    >>> from tsnekit import TSNEEmbedding
    >>> from tsnekit.affinity import PerplexityBasedNN
    >>> from tsnekit.initialization import pca
    >>> X = load_iris().data
    >>> affinities = PerplexityBasedNN(X, perplexity=20, random_state=0)
    >>> embedding = TSNEEmbedding(pca(X, random_state=0), affinities)
    >>> embedding = embedding.optimize(250, exaggeration=12).optimize(500)
    >>> embedding.shape
    (150, 2)
    """

    _recentered = True

    affinities: Affinities
    random_state: Any
    _field: ReferenceField | None

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
        affinities = check_affinities(affinities)
        positions = check_positions(embedding, name="embedding", n_samples=affinities.n_samples)
        created = cls._create(positions, fresh_state(parameters, optimizer))
        created.affinities = affinities
        created.random_state = random_state
        created._field = None
        return created

    def _copy_attributes_to(self, other: TSNEEmbedding) -> None:
        for name in ("affinities", "random_state", "_field"):
            setattr(other, name, getattr(self, name))

    def _affinity_matrix(self) -> SparseAffinities:
        return self.affinities.matrix

    def _reference_field(self) -> None:
        return None

    def _known_neighbors(self) -> NeighborGraph | None:
        return self.affinities.known_neighbors()

    def _seed(self) -> int:
        state = self.state
        if state.seed is None:
            state.seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        return state.seed

    def _n_auto(self) -> int:
        return len(self)

    def prepare_interpolation_grid(self, padding: float = 0.25) -> None:
        """Compute the field that the embedding exerts on new points, for the next `transform`.

        Without this call, the next `transform` computes the field. The embedding drops the field
        when it moves. New points outside the padding still feel the right forces, but these take
        longer to compute.

        Parameters
        ----------
        padding : float, default=0.25
            Empty space to add around the embedding, as a fraction of its width. Later fields have
            the same padding.

        Raises
        ------
        TypeError, ValueError
            If the padding is not a number of at least 0.
        """
        padding = check_real("padding", padding, at_least=0)
        with self.state.lock:
            if self._field is None or self._field.padding != padding:
                self._field = ReferenceField(self, padding)
        nothing = csr_matrix((0, len(self)), dtype=np.float32)
        empty = np.empty((0, self.shape[1]))
        PartialTSNEEmbedding(
            empty, self, nothing, **self.state.parameters.of_new_points()
        ).prepare()

    def current_field(self) -> ReferenceField:
        """Return the field of the positions, the same one until they change."""
        with self.state.lock:
            field = self._field
            if field is None or not field.fits(self):
                field = ReferenceField(self, PADDING if field is None else field.padding)
                self._field = field
            return field

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
            Where the new points start: at the median of their nearest neighbors' positions, at
            the mean weighted by 1 / distance, at random around the origin, or at given positions.
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
        k = check_integer("k", k, at_least=1)
        check_placement(initialization)
        P, neighbors = self.affinities.to_new_with_neighbors(X, k, **affinity_params)
        field = self.current_field()
        start = place(
            initialization,
            field.positions,
            neighbors,
            n_new=P.shape[0],
            k=k,
            random_state=self.random_state,
        )
        own = self.state.parameters
        partial = PartialTSNEEmbedding(start, self, P, forces=own.forces, **own.of_new_points())
        # Another thread may have moved the embedding meanwhile: the points stay in the same field.
        partial._field = field
        return partial

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
        *,
        forces: Any = "auto",
    ) -> PartialTSNEEmbedding:
        """Embed new points into this embedding, which stays as it is.

        Each new point feels the embedding and no other new point. A row gets the same position in
        any batch, unless it starts at random.

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
            "auto" is 1 / exaggeration; see `PartialTSNEEmbedding`.
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
        forces : str, ForceTerm, pair, list of these or None, default="auto"
            Force terms, as for `optimize`. "auto" are those of this embedding. A term that does not
            act on new points is an error; None leaves all terms out.

        Returns
        -------
        PartialTSNEEmbedding
            Positions of the new points, (n_new, n_components).

        Raises
        ------
        TypeError, ValueError
            If a parameter is not valid.
        """
        forces = self.state.parameters.forces if _is_auto(forces) else forces
        phases = phases_of_new_points(
            self.state.parameters,
            learning_rate=learning_rate,
            early_exaggeration=early_exaggeration,
            early_exaggeration_iter=early_exaggeration_iter,
            exaggeration=exaggeration,
            n_iter=n_iter,
            initial_momentum=initial_momentum,
            final_momentum=final_momentum,
            max_grad_norm=max_grad_norm,
            max_step_norm=max_step_norm,
            forces=forces,
            n_components=self.shape[1],
        )
        partial = self.prepare_partial(X, initialization=initialization, k=k, perplexity=perplexity)
        partial.state.parameters = partial.state.parameters.replace(forces=forces)
        for name, ending, parameters in phases:
            partial.run_phase(name, ending, parameters)
        return partial

    def extend(
        self,
        X: Any = None,
        *,
        affinities: Affinities | None = None,
        fixed: Any = False,
        initialization: Any = "median",
        k: int = 25,
        n_iter: int | str = 250,
        **gradient_descent_params: Any,
    ) -> TSNEEmbedding:
        """Add new points to the map, and optimize old and new ones together.

        Unlike in `transform`, new points also feel one another: they may form clusters that the map
        did not have. The neighbors of all rows are searched again, so that the affinities equal
        those of a fit to all the data.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_new, n_features), optional
            New rows. Required unless `affinities`, and positions as `initialization`, are given.
        affinities : Affinities, optional
            Affinities of all points, old points first. They replace those of the data.
        fixed : bool or array-like of shape (n_samples,), default=False
            Whether the old points stay where they are, or how much each is fixed; see `optimize`.
        initialization : {"median", "weighted", "random"} or array-like of shape \
(n_new, n_components), default="median"
            Where the new points start; see `prepare_partial`.
        k : int, default=25
            How many nearest neighbors to look at for the start.
        n_iter : int or "auto", default=250
            Iterations of the joint optimization; see `optimize`.
        **gradient_descent_params
            Parameters that replace the embedding's own; see `optimize`.

        Returns
        -------
        TSNEEmbedding of shape (n_samples + n_new, n_components)
            A new embedding, old points first; this one stays as it is.

        Raises
        ------
        TypeError, ValueError
            If the rows or a parameter are not valid, or the affinities come from a neighbor graph
            without data.
        NotImplementedError
            If the affinities cannot be extended.
        """
        return extend(
            self,
            X,
            affinities=affinities,
            fixed=fixed,
            initialization=initialization,
            k=k,
            n_iter=n_iter,
            **gradient_descent_params,
        )


def _is_auto(forces: Any) -> bool:
    return isinstance(forces, str) and forces == "auto"
