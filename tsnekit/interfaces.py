"""The interfaces of backends, and the data types that pass between them.

A backend is built from its options alone. It gets the problem later, as an argument of ``fit``,
``plan`` or ``start``. Arrays are C-contiguous; *n* is the number of rows, *k* of neighbors, and *d*
of embedding dimensions. The interface of force terms is in `tsnekit.forces`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tsnekit._optional import Descends, FollowsPhases, FollowsRows, MapRows

__all__ = [
    "AffinityKernel",
    "Descends",
    "FollowsPhases",
    "FollowsRows",
    "GradientMethod",
    "InitSource",
    "Initializer",
    "MapRows",
    "Metric",
    "NeighborGraph",
    "NeighborSearch",
    "Optimizer",
    "Phase",
    "Repulsion",
    "RepulsionProblem",
    "SearchProblem",
    "SeparableRepulsion",
    "SparseAffinities",
    "SupportsDivergence",
    "SupportsLoss",
    "SupportsQuery",
    "WholeGradient",
]

Metric: TypeAlias = str | Callable[..., float]


# -- Neighbor search ---------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class SearchProblem:
    """What a neighbor search is asked to do.

    Parameters
    ----------
    n_samples, n_features : int
        Shape of the data to be searched.
    metric : str or callable, default="euclidean"
        A metric by SciPy's or scikit-learn's name, aliases such as "l2" already resolved, or a
        function of two rows.
    metric_params : mapping, optional
        Keyword arguments of the metric.
    sparse : bool, default=False
        Whether the data is a CSR matrix.
    needs_query : bool, default=False
        Whether neighbors of rows outside the data will be asked for.
    n_jobs : int, default=1
        Number of threads, already resolved: at least 1.
    seed : int, default=0
        Seed of everything that is random.
    verbose : bool, default=False
        Whether to show progress.
    feature_names : tuple of str, optional
        Names of the columns, if the data was a table with names.
    """

    n_samples: int
    n_features: int
    metric: Metric = "euclidean"
    metric_params: Mapping[str, Any] | None = None
    sparse: bool = False
    needs_query: bool = False
    n_jobs: int = 1
    seed: int = 0
    verbose: bool = False
    feature_names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class NeighborGraph:
    """Nearest neighbors of each row, nearest first.

    Parameters
    ----------
    indices : ndarray of shape (n, k), int32
        Neighbors, as rows of the searched data; a row is never its own neighbor.
    distances : ndarray of shape (n, k), float32
        True distances in the metric asked for (not squared), ascending along each row.
    """

    indices: NDArray[np.int32]
    distances: NDArray[np.float32]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Yield indices and distances, so that a graph can be unpacked."""
        return iter((self.indices, self.distances))


@runtime_checkable
class NeighborSearch(Protocol):
    """Finds the nearest neighbors of every row of a data set among the other rows.

    A search that measures its own accuracy keeps the share of the true neighbors that it found in
    an attribute ``estimated_recall``. The embedding shows it. A search that was given its distances
    has True in an attribute ``has_given_distances``. The core does not measure them again.
    """

    def fit(self, X: Any, problem: SearchProblem) -> NeighborSearch:
        """Take the data, a float (n, p) array or a CSR matrix, and return self."""
        ...

    def neighbors(self, k: int) -> NeighborGraph:
        """Return the `k` nearest other rows of each row.

        Raise a TypeError if `k` is not an integer, and a ValueError if it is not from 1 to n - 1.
        """
        ...


@runtime_checkable
class SupportsQuery(Protocol):
    """A neighbor search that also finds neighbors of rows outside its data."""

    def query(self, X: Any, k: int) -> NeighborGraph:
        """Return, for each new row, the `k` nearest rows of the fitted data."""
        ...


# -- Affinities --------------------------------------------------------------------------------


@runtime_checkable
class AffinityKernel(Protocol):
    """Turns distances to neighbors into conditional weights.

    The core symmetrizes the weights and normalizes P, in the same way for all kernels.
    """

    def n_neighbors(self, n_samples: int) -> int:
        """Return how many neighbors of each of `n_samples` rows the kernel needs."""
        ...

    def weights(self, distances: NDArray[np.float32], *, n_jobs: int = 1) -> NDArray[np.float32]:
        """Return non-negative weights (n, k), each row summing to 1; `distances` is unchanged."""
        ...


@dataclass(frozen=True)
class SparseAffinities:
    """A matrix of affinities in CSR form, with the types that the native layer reads.

    Parameters
    ----------
    indptr : ndarray of shape (n + 1,), int64
    indices : ndarray of shape (nnz,), int32
    data : ndarray of shape (nnz,), float32
    shape : (int, int)
    symmetric : bool, default=False
        Whether the matrix is known to be symmetric, to the bit.
    """

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    data: NDArray[np.float32]
    shape: tuple[int, int]
    symmetric: bool = False


# -- Initialization ----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class InitSource:
    """What an initializer may start from.

    Parameters
    ----------
    n_samples : int
    data : array or CSR matrix of shape (n, p), optional
        The user's data, validated.
    affinities : SparseAffinities of shape (n, n), optional
        The symmetric affinity matrix P.
    n_jobs : int, default=1
    labels : ndarray of shape (n,), optional
        A label of each row, of any type, if the user gave labels.
    """

    n_samples: int
    data: Any = None
    affinities: SparseAffinities | None = None
    n_jobs: int = 1
    labels: NDArray[Any] | None = None


@runtime_checkable
class Initializer(Protocol):
    """Places points before the optimization."""

    def __call__(
        self, source: InitSource, n_components: int, rng: np.random.RandomState
    ) -> NDArray[np.floating[Any]]:
        """Return finite starting positions (n, d), the same ones for the same `rng` state."""
        ...


# -- Gradient methods --------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class RepulsionProblem:
    """The repulsion that a gradient method is asked to plan.

    Parameters
    ----------
    n_samples : int
        Number of points on which forces act.
    n_components : int
        Dimensions of the embedding.
    dof : float, default=1.0
        Degrees of freedom of the kernel (1 + r^2 / dof)^-dof.
    n_jobs : int, default=1
        Number of threads, already resolved.
    reference : ndarray of shape (m, d), float32, optional
        Points that exert the forces and stay where they are. The plan then serves any number of
        points, and the force on a point does not depend on the others. Without a reference, the
        points repel one another.
    padding : float, default=0.25
        How far around the reference points are expected, as a fraction of its extent.
    affinities : SparseAffinities, optional
        P, for a method whose plan is a `WholeGradient`; other methods ignore it.
    neighbors : NeighborGraph, optional
        The neighbors of each row in the data, for a method whose spec wants "neighbors". At least
        those that P was computed from. There are none with a reference.
    seed : int, optional
        Seed of everything that is random, for a method whose spec wants "seed". A map keeps it.
    """

    n_samples: int
    n_components: int
    dof: float = 1.0
    n_jobs: int = 1
    reference: NDArray[np.float32] | None = None
    padding: float = 0.25
    affinities: SparseAffinities | None = None
    neighbors: NeighborGraph | None = None
    seed: int | None = None


@runtime_checkable
class GradientMethod(Protocol):
    """Plans the repulsive part of the gradient; one plan serves many iterations."""

    def plan(self, problem: RepulsionProblem) -> Repulsion | WholeGradient:
        """Prepare buffers, tables and, for a fixed reference, its field."""
        ...


@runtime_checkable
class Repulsion(Protocol):
    """The repulsive forces of the planned sources on points."""

    def __call__(
        self,
        Y: NDArray[np.float32],
        out: NDArray[np.float32],
        row_z: NDArray[np.float64] | None = None,
    ) -> float:
        """Fill `out` with forces and return the normalization.

        With ``w_ij = 1 / (1 + |y_i - x_j|^2 / dof)`` over the sources x_j (the other points, or
        every point of the reference), ``out[i]`` becomes ``sum_j w_ij^(dof + 1) (y_i - x_j)``, and
        ``Z_i = sum_j w_ij^dof`` goes to ``row_z[i]`` where `row_z` is given. Returns Z, the sum of
        the Z_i.
        `Y` is (n, d), finite, and not changed; without a reference no point acts on itself.
        """
        ...


@runtime_checkable
class SeparableRepulsion(Repulsion, Protocol):
    """A repulsion without a reference that several processes compute together, each for some rows.

    All of them know all positions. Each spreads the charges of its own rows, the charges of all
    are summed, and each gathers the forces on its own rows from the sum. Where this takes less
    time, each spreads the charges of all rows instead. Together, they get the
    forces and Z that a call for all rows gives, up to rounding, for any division of the rows into
    slices. What is decided, such as the size of a grid, may depend on all positions, but not on
    which rows are a process' own.
    """

    def spread(self, Y: NDArray[np.float32], rows: slice) -> NDArray[np.float32]:
        """Return the charges of the points ``Y[rows]``, a one-dimensional array.

        `Y` is (n, d), finite, and not changed; `rows` has a start and a stop from 0 to n, in
        order, and no step. There may be no rows. The shape is the same for any rows. It is ``(0,)``
        where forces come from the positions alone. The array may be overwritten by the caller and
        by the next call of this method.
        """
        ...

    def gather(
        self,
        charges: NDArray[np.float32],
        rows: slice,
        out: NDArray[np.float32],
        row_z: NDArray[np.float64] | None = None,
    ) -> float:
        """Fill `out` with the forces on the points ``Y[rows]``, and return their Z.

        `Y` is that of the last call of `spread`, unchanged. `charges` is the sum of the charges of
        all rows, C-contiguous, and not changed. `out` has a row for each of `rows`, and so has
        `row_z`, which is filled with their Z_i where it is given. Returns the sum of these Z_i.
        """
        ...


@runtime_checkable
class WholeGradient(Protocol):
    """A gradient method that also computes the attraction, for example on a device or a cluster."""

    def gradient(
        self, Y: NDArray[np.float32], out: NDArray[np.float32], exaggeration: float
    ) -> None:
        """Fill `out` with the gradient of the KL divergence, without its factor 4.

        The affinities are to be taken `exaggeration` times as large; P itself stays as it is.
        """
        ...

    def kl_divergence(self, Y: NDArray[np.float32]) -> float:
        """Return the KL divergence of `Y`, without exaggeration."""
        ...


@runtime_checkable
class SupportsDivergence(WholeGradient, Protocol):
    """A whole gradient that also has the divergence, in the same pass and at next to no cost.

    Phases that end by themselves ask for both. Other gradients are asked for one, then the other.
    """

    def gradient_and_divergence(
        self, Y: NDArray[np.float32], out: NDArray[np.float32], exaggeration: float
    ) -> float:
        """Fill `out` as `gradient` does, and return what `kl_divergence` does."""
        ...


@runtime_checkable
class SupportsLoss(WholeGradient, Protocol):
    """A whole gradient of another loss than the KL divergence, which the spec names as objective.

    `gradient` then is the gradient of this loss, without the factor 4. `kl_divergence` stays the KL
    divergence, which is reported beside the loss.
    """

    def loss(self, Y: NDArray[np.float32]) -> float:
        """Return the loss of `Y`, without exaggeration."""
        ...


# -- Optimizers --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Phase:
    """The parameters in force during one stretch of descent.

    Parameters
    ----------
    name : str
        For example "early exaggeration".
    n_iter : int
        The most iterations; a phase that ends by itself may take fewer.
    learning_rate : float
        Already resolved from "auto".
    momentum : float
    exaggeration : float
    max_grad_norm, max_step_norm : float or None
        Bounds on the norm of each point's gradient and step.
    n_jobs : int
    """

    name: str
    n_iter: int
    learning_rate: float
    momentum: float
    exaggeration: float = 1.0
    max_grad_norm: float | None = None
    max_step_norm: float | None = None
    n_jobs: int = 1


@runtime_checkable
class Optimizer(Protocol):
    """Moves the points along the gradient and owns the state that it needs for this."""

    def start(self, Y: NDArray[np.float32]) -> None:
        """Set up fresh state for an embedding of this shape."""
        ...

    def step(self, Y: NDArray[np.float32], gradient: NDArray[np.float32], phase: Phase) -> None:
        """Move `Y` in place by one step; `gradient` may be overwritten."""
        ...

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the state as arrays by name; empty before `start`.

        Arrays whose first dimension is the number of points hold a row for each point. `restore`
        also accepts the rows of other points.
        """
        ...

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from copies of what `state` returned."""
        ...
