"""The affinities that users know by name, each a neighbor search and a kernel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsnekit._backends.options import with_options
from tsnekit._util.validation import check_integer
from tsnekit.affinity._index import NeighborIndex
from tsnekit.affinity._neighbors import NeighborAffinities, check_symmetrize
from tsnekit.affinity._search import build_kernel, find_index
from tsnekit.interfaces import NeighborGraph

__all__ = ["FixedSigmaNN", "PerplexityBasedNN", "Uniform"]


class PerplexityBasedNN(NeighborAffinities):
    """Affinities of Gaussian kernels that give each point the same perplexity.

    Parameters
    ----------
    data : array-like or sparse matrix of shape (n, p), optional
        The data; needed unless `knn_index` is given. A float array or CSR matrix is kept without a
        copy, because new rows are compared with it. Writing to it later changes the affinities of
        new rows.
    perplexity : float, default=30
        Effective number of neighbors, at least 1. If the data or a given graph has too few
        neighbors, a third of their number is used, with a warning.
    method : str or NeighborSearch, default="auto"
        ``exact``, ``annoy``, ``forest``, ``pynndescent``, ``hnsw``, ``precomputed``, a plugin's
        name, an instance, or a rule: ``auto`` is exact below 1,000 rows and ``approx`` above,
        ``approx`` is Annoy for dense data in a metric that Annoy has, else PyNNDescent, and
        ``fastest`` is the search with the lowest expected time.
    metric : str or callable, default="euclidean"
        Metric of the data space.
    metric_params : dict, optional
        Keyword arguments of the metric.
    symmetrize : bool or {"mean", "max", "none"}, default=True
        Whether P is symmetric: "mean", or True, for the mean of the two directions; "max" for the
        larger one. P sums to 1 in any case.
    n_jobs : int, default=1
        Number of threads; -1 for all processors. The result is the same for any.
    random_state : int, RandomState, Generator or None, default=None
        Seed of the neighbor search; None draws from ``numpy.random``.
    verbose : bool, default=False
        Whether to show what is done.
    k_neighbors : int or "auto", default="auto"
        How many neighbors to weigh; "auto" is three times the perplexity.
    knn_kwargs : dict, optional
        Options of the neighbor search.
    knn_index : NeighborIndex or NeighborGraph, optional
        Neighbors in place of `data`: the ``knn_index`` of other affinities, one of
        `tsnekit.nearest_neighbors`, or a graph. A graph holds neighbors in any order, with or
        without the row itself. All parameters about the search are then ignored.

    Attributes
    ----------
    P : CSR matrix of shape (n, n), float32
        Affinities; they sum to 1. Read-only.
    knn_index : NeighborIndex
        The neighbors, which other affinities of the same data can use.
    effective_perplexity_ : float
        The perplexity in use.

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
        check_symmetrize(symmetrize)
        kernel = build_kernel("perplexity", perplexity=perplexity, k_neighbors=k_neighbors)
        index = find_index(
            data,
            knn_index,
            method=method,
            metric=metric,
            metric_params=metric_params,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
            knn_kwargs=knn_kwargs,
        )
        super().__init__(index, kernel, symmetrize=symmetrize, n_jobs=n_jobs, verbose=verbose)

    @property
    def perplexity(self) -> float:
        """The perplexity that was asked for."""
        return self.kernel.perplexity

    def set_perplexity(self, new_perplexity: float) -> None:
        """Change the perplexity, and compute P again.

        Neighbors are searched again only if P needs more of them than are known.

        Parameters
        ----------
        new_perplexity : float
            At least 1.

        Raises
        ------
        TypeError, ValueError
            If it is not valid.
        """
        self.set_kernel(with_options(self.kernel, {"perplexity": new_perplexity}))

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
            The default is the perplexity of the points.
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


class FixedSigmaNN(NeighborAffinities):
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
        k = check_integer("k", k, at_least=1)
        check_symmetrize(symmetrize)
        kernel = build_kernel("fixed_sigma", sigma=sigma, k_neighbors=k)
        index = find_index(
            data,
            knn_index,
            method=method,
            metric=metric,
            metric_params=metric_params,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
            knn_kwargs=knn_kwargs,
        )
        super().__init__(index, kernel, symmetrize=symmetrize, n_jobs=n_jobs, verbose=verbose)

    def to_new(  # type: ignore[override]
        self, data: Any, k: int | None = None, return_distances: bool = False, **options: Any
    ) -> Any:
        """Compute the affinities of new rows to the points.

        Parameters
        ----------
        data : array-like or sparse matrix of shape (n_new, p)
            New rows.
        k : int, optional
            How many neighbors to weigh; by default as many as for the points.
        return_distances : bool, default=False
            Whether to return the neighbors and their distances too.
        **options
            Options that replace those of the kernel.

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
        if k is not None:
            options["k_neighbors"] = check_integer("k", k, at_least=1)
        return super().to_new(data, return_distances, **options)


class Uniform(NeighborAffinities):
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
        check_symmetrize(symmetrize)
        kernel = build_kernel("uniform", k_neighbors=k_neighbors)
        index = find_index(
            data,
            knn_index,
            method=method,
            metric=metric,
            metric_params=metric_params,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
            knn_kwargs=knn_kwargs,
        )
        super().__init__(index, kernel, symmetrize=symmetrize, n_jobs=n_jobs, verbose=verbose)
