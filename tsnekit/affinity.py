"""The affinities that users know by name, each a neighbor search and a kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tsnekit.affinity_base import (
    Affinities,
    NeighborAffinities,
    PrecomputedAffinities,
    build_affinities,
    check_symmetrize,
)
from tsnekit.interfaces import AffinityKernel, NeighborGraph
from tsnekit.neighbor_index import NeighborIndex, find_index
from tsnekit.plugins.affinities.calibration import check_perplexities
from tsnekit.plugins.affinities.fixed_sigma import FixedSigmaKernel
from tsnekit.plugins.affinities.multiscale import MultiscaleKernel
from tsnekit.plugins.affinities.multiscale_mixture import MultiscaleMixtureKernel
from tsnekit.plugins.affinities.perplexity import PerplexityKernel
from tsnekit.plugins.affinities.uniform import UniformKernel
from tsnekit.validation import check_integer, check_real

__all__ = [
    "Affinities",
    "FixedSigmaNN",
    "Multiscale",
    "MultiscaleMixture",
    "NeighborAffinities",
    "NeighborIndex",
    "PerplexityBasedNN",
    "PrecomputedAffinities",
    "Uniform",
    "build_affinities",
]


class _NamedAffinities(NeighborAffinities):
    """Affinities of data, by a kernel and a search for neighbors."""

    def __init__(
        self,
        data: Any,
        kernel: AffinityKernel,
        symmetrize: bool | str,
        knn_index: NeighborIndex | NeighborGraph | None,
        n_jobs: int | None,
        verbose: bool,
        **search: Any,
    ) -> None:
        check_symmetrize(symmetrize)
        index = find_index(data, knn_index, n_jobs=n_jobs, verbose=verbose, **search)
        super().__init__(index, kernel, symmetrize=symmetrize, n_jobs=n_jobs, verbose=verbose)


class PerplexityBasedNN(_NamedAffinities):
    """Affinities of Gaussian kernels that give each point the same perplexity.

    Parameters
    ----------
    data : array-like or sparse matrix of shape (n, p), optional
        The data; needed unless `knn_index` is given.
    perplexity : float, default=30
        Effective number of neighbors, at least 1.
    method : str or NeighborSearch, default="auto"
        ``exact``, ``annoy``, ``forest``, ``pynndescent``, ``hnsw``, ``precomputed``, a plugin's
        name, an instance, or a rule: ``auto`` is exact below 1,000 rows and ``approx`` above,
        ``approx`` is Annoy for dense data in a metric that it has, else PyNNDescent, and
        ``fastest`` is what is expected to take the least time.
    metric : str or callable, default="euclidean"
        Metric of the data space.
    metric_params : dict, optional
        Keyword arguments of the metric.
    symmetrize : bool or {"mean", "max", "none"}, default=True
        Whether P is symmetric: "mean", or True, for the mean of the two directions; "max" for the
        larger one. P sums to 1 in any case.
    n_jobs : int, default=1
        Number of threads; -1 for all processors. The result is the same for any.
    random_state : int, RandomState or None, default=None
        Seed of the neighbor search; None draws from ``numpy.random``.
    verbose : bool, default=False
        Whether to show what is done.
    k_neighbors : int or "auto", default="auto"
        How many neighbors to weigh; "auto" is three times the perplexity.
    knn_kwargs : dict, optional
        Options of the neighbor search.
    knn_index : NeighborIndex or NeighborGraph, optional
        Neighbors in place of `data`: the ``knn_index`` of other affinities, or a graph. All
        parameters about the search are then ignored.

    Attributes
    ----------
    P : CSR matrix of shape (n, n), float32
        Affinities; they sum to 1. Read-only.
    knn_index : NeighborIndex
        The neighbors, which other affinities of the same data can take.

    Raises
    ------
    TypeError, ValueError
        If the data or a parameter is not valid; raised before any work starts.

    References
    ----------
    L. van der Maaten, G. Hinton. "Visualizing data using t-SNE". JMLR 9 (2008), 2579-2605.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from tsnekit import TSNE
    >>> from tsnekit.affinity import PerplexityBasedNN
    >>> affinities = PerplexityBasedNN(load_iris().data, perplexity=20, random_state=0)
    >>> affinities.P.shape, round(float(affinities.P.sum()), 3)
    ((150, 150), 1.0)
    >>> embedding = TSNE(random_state=0).fit(load_iris().data, affinities)

    A second set of affinities, without another search for neighbors:

    >>> narrow = PerplexityBasedNN(knn_index=affinities.knn_index, perplexity=5)
    """

    kernel: PerplexityKernel

    def __init__(
        self,
        data: Any = None,
        perplexity: float = 30,
        method: Any = "auto",
        metric: Any = "euclidean",
        metric_params: Mapping[str, Any] | None = None,
        symmetrize: bool | str = True,
        n_jobs: int | None = 1,
        random_state: Any = None,
        verbose: bool = False,
        k_neighbors: int | str = "auto",
        knn_kwargs: Mapping[str, Any] | None = None,
        knn_index: NeighborIndex | NeighborGraph | None = None,
    ) -> None:
        kernel = PerplexityKernel(perplexity=perplexity, k_neighbors=k_neighbors)
        super().__init__(
            data,
            kernel,
            symmetrize,
            knn_index,
            n_jobs,
            verbose,
            method=method,
            metric=metric,
            metric_params=metric_params,
            random_state=random_state,
            knn_kwargs=knn_kwargs,
        )

    @property
    def perplexity(self) -> float:
        """The perplexity that was asked for."""
        return self.kernel.perplexity

    def set_perplexity(self, new_perplexity: float) -> None:
        """Change the perplexity, and compute P anew.

        Neighbors are searched again only if more are needed than are known.

        Parameters
        ----------
        new_perplexity : float
            At least 1.

        Raises
        ------
        TypeError, ValueError
            If it is not valid, or needs more neighbors than a given graph has.
        """
        self.set_kernel(
            PerplexityKernel(perplexity=new_perplexity, k_neighbors=self.kernel.k_neighbors)
        )

    def to_new(  # type: ignore[override]
        self,
        data: Any,
        perplexity: float | None = None,
        return_distances: bool = False,
        k_neighbors: int | str = "auto",
    ) -> Any:
        """Compute the affinities of new rows to the points.

        Parameters
        ----------
        data : array-like or sparse matrix of shape (n_new, p)
            New rows.
        perplexity : float, optional
            By default that of the points.
        return_distances : bool, default=False
            Whether to return the neighbors and their distances too.
        k_neighbors : int or "auto", default="auto"
            How many neighbors to weigh; "auto" is three times the perplexity.

        Returns
        -------
        P : CSR matrix of shape (n_new, n)
            Each row sums to 1.
        neighbors : ndarray of shape (n_new, k), int32
            Only with `return_distances`; nearest first.
        distances : ndarray of shape (n_new, k), float32
            Only with `return_distances`.

        Raises
        ------
        TypeError, ValueError
            If the rows are not like the data, a parameter is not valid, or the neighbor search
            cannot find neighbors of new rows.
        """
        return super().to_new(
            data, return_distances, perplexity=perplexity, k_neighbors=k_neighbors
        )

    def to_new_with_neighbors(  # type: ignore[override]
        self,
        data: Any,
        k: int,
        /,
        perplexity: float | None = None,
        k_neighbors: int | str = "auto",
    ) -> Any:
        """Compute the affinities of new rows, and find at least `k` neighbors of each.

        Parameters
        ----------
        data, perplexity, k_neighbors
            See `to_new`.
        k : int

        Returns
        -------
        P : CSR matrix of shape (n_new, n)
        neighbors : NeighborGraph
        """
        return super().to_new_with_neighbors(
            data, k, perplexity=perplexity, k_neighbors=k_neighbors
        )


class _SeveralPerplexities(_NamedAffinities):
    """Affinities of a kernel that has perplexities."""

    kernel: MultiscaleMixtureKernel | MultiscaleKernel
    _kind: type[MultiscaleMixtureKernel] | type[MultiscaleKernel]

    def __init__(
        self,
        data: Any = None,
        perplexities: Sequence[float] | None = None,
        method: Any = "auto",
        metric: Any = "euclidean",
        metric_params: Mapping[str, Any] | None = None,
        symmetrize: bool | str = True,
        n_jobs: int | None = 1,
        random_state: Any = None,
        verbose: bool = False,
        knn_kwargs: Mapping[str, Any] | None = None,
        knn_index: NeighborIndex | NeighborGraph | None = None,
    ) -> None:
        super().__init__(
            data,
            self._kind(perplexities=check_perplexities(perplexities)),
            symmetrize,
            knn_index,
            n_jobs,
            verbose,
            method=method,
            metric=metric,
            metric_params=metric_params,
            random_state=random_state,
            knn_kwargs=knn_kwargs,
        )

    @property
    def perplexities(self) -> tuple[float, ...]:
        """The perplexities that were asked for."""
        return self.kernel.perplexities

    def set_perplexities(self, new_perplexities: Sequence[float]) -> None:
        """Change the perplexities, and compute P anew.

        Neighbors are searched again only if more are needed than are known.

        Parameters
        ----------
        new_perplexities : sequence of float
            Each at least 1.

        Raises
        ------
        TypeError, ValueError
            If they are not valid, or need more neighbors than a given graph has.
        """
        self.set_kernel(self._kind(perplexities=new_perplexities))


class MultiscaleMixture(_SeveralPerplexities):
    """Affinities of a mixture of Gaussian kernels of several perplexities.

    Parameters
    ----------
    data : array-like or sparse matrix of shape (n, p), optional
        The data; needed unless `knn_index` is given.
    perplexities : sequence of float
        Each at least 1; required.
    method, metric, metric_params, symmetrize, n_jobs, random_state, verbose
        See `PerplexityBasedNN`.
    knn_kwargs, knn_index
        See `PerplexityBasedNN`.

    Raises
    ------
    TypeError, ValueError
        If the data or a parameter is not valid; raised before any work starts.

    References
    ----------
    J. A. Lee, D. H. Peluffo-Ordonez, M. Verleysen. "Multi-scale similarities in stochastic
    neighbour embedding". Neurocomputing 169 (2015), 246-261.
    D. Kobak, P. Berens. "The art of using t-SNE for single-cell transcriptomics". Nature
    Communications 10 (2019), 5416.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from tsnekit import TSNE
    >>> from tsnekit.affinity import MultiscaleMixture
    >>> affinities = MultiscaleMixture(load_iris().data, perplexities=[5, 40], random_state=0)
    >>> TSNE(initialization="spectral", random_state=0).fit(affinities=affinities).shape
    (150, 2)
    """

    _kind = MultiscaleMixtureKernel


class Multiscale(_SeveralPerplexities):
    """The mean of the affinities that several perplexities give.

    Parameters
    ----------
    data : array-like or sparse matrix of shape (n, p), optional
        The data; needed unless `knn_index` is given.
    perplexities : sequence of float
        Each at least 1; required.
    method, metric, metric_params, symmetrize, n_jobs, random_state, verbose
        See `PerplexityBasedNN`.
    knn_kwargs, knn_index
        See `PerplexityBasedNN`.

    Raises
    ------
    TypeError, ValueError
        If the data or a parameter is not valid; raised before any work starts.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from tsnekit.affinity import Multiscale
    >>> Multiscale(load_iris().data, perplexities=[5, 40], random_state=0).perplexities
    (5.0, 40.0)
    """

    _kind = MultiscaleKernel


class FixedSigmaNN(_NamedAffinities):
    """Affinities of Gaussian kernels, all of one bandwidth.

    Parameters
    ----------
    data : array-like or sparse matrix of shape (n, p), optional
        The data; needed unless `knn_index` is given.
    sigma : float
        Bandwidth, in units of the distances; required.
    k : int, default=30
        How many neighbors to weigh.
    method, metric, metric_params, symmetrize, n_jobs, random_state, verbose
        See `PerplexityBasedNN`.
    knn_kwargs, knn_index
        See `PerplexityBasedNN`.

    Raises
    ------
    TypeError, ValueError
        If the data or a parameter is not valid; raised before any work starts.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from tsnekit.affinity import FixedSigmaNN
    >>> FixedSigmaNN(load_iris().data, sigma=0.5, k=40, random_state=0).P.shape
    (150, 150)
    """

    def __init__(
        self,
        data: Any = None,
        sigma: float | None = None,
        k: int = 30,
        method: Any = "auto",
        metric: Any = "euclidean",
        metric_params: Mapping[str, Any] | None = None,
        symmetrize: bool | str = True,
        n_jobs: int | None = 1,
        random_state: Any = None,
        verbose: bool = False,
        knn_kwargs: Mapping[str, Any] | None = None,
        knn_index: NeighborIndex | NeighborGraph | None = None,
    ) -> None:
        super().__init__(
            data,
            FixedSigmaKernel(
                sigma=check_real("sigma", sigma, above=0),
                k_neighbors=check_integer("k", k, at_least=1),
            ),
            symmetrize,
            knn_index,
            n_jobs,
            verbose,
            method=method,
            metric=metric,
            metric_params=metric_params,
            random_state=random_state,
            knn_kwargs=knn_kwargs,
        )


class Uniform(_NamedAffinities):
    """Equal affinities of the nearest neighbors.

    Parameters
    ----------
    data : array-like or sparse matrix of shape (n, p), optional
        The data; needed unless `knn_index` is given.
    k_neighbors : int, default=30
        How many neighbors to weigh.
    method, metric, metric_params, symmetrize, n_jobs, random_state, verbose
        See `PerplexityBasedNN`.
    knn_kwargs, knn_index
        See `PerplexityBasedNN`.

    Raises
    ------
    TypeError, ValueError
        If the data or a parameter is not valid; raised before any work starts.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from tsnekit.affinity import Uniform
    >>> Uniform(load_iris().data, k_neighbors=10, random_state=0).P.shape
    (150, 150)
    """

    def __init__(
        self,
        data: Any = None,
        k_neighbors: int = 30,
        method: Any = "auto",
        metric: Any = "euclidean",
        metric_params: Mapping[str, Any] | None = None,
        symmetrize: bool | str = True,
        n_jobs: int | None = 1,
        random_state: Any = None,
        verbose: bool = False,
        knn_kwargs: Mapping[str, Any] | None = None,
        knn_index: NeighborIndex | NeighborGraph | None = None,
    ) -> None:
        super().__init__(
            data,
            UniformKernel(k_neighbors=k_neighbors),
            symmetrize,
            knn_index,
            n_jobs,
            verbose,
            method=method,
            metric=metric,
            metric_params=metric_params,
            random_state=random_state,
            knn_kwargs=knn_kwargs,
        )
