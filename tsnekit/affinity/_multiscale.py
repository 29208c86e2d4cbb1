"""Affinities of several perplexities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tsnekit._backends.options import with_options
from tsnekit.affinity._index import NeighborIndex
from tsnekit.affinity._neighbors import NeighborAffinities, check_symmetrize
from tsnekit.affinity._search import build_kernel, find_index
from tsnekit.interfaces import NeighborGraph

__all__ = ["Multiscale", "MultiscaleMixture"]


class MultiscaleMixture(NeighborAffinities):
    """Affinities of a mixture of Gaussian kernels of several perplexities.

    Parameters
    ----------
    data : array-like or sparse matrix of shape (n, p), optional
        The data; needed unless `knn_index` is given.
    perplexities : float or sequence of float
        Each at least 1; required. See `PerplexityBasedNN` for too few neighbors.
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

    _kernel_name: ClassVar[str] = "multiscale_mixture"

    def __init__(
        self,
        data: Any = None,
        perplexities: float | Sequence[float] | None = None,
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
        kernel = build_kernel(self._kernel_name, perplexities=perplexities)
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
    def perplexities(self) -> tuple[float, ...]:
        """The perplexities that were asked for."""
        asked: tuple[float, ...] = self.kernel.perplexities
        return asked

    def set_perplexities(self, new_perplexities: float | Sequence[float]) -> None:
        """Change the perplexities, and compute P again.

        Neighbors are searched again only if P needs more of them than are known.

        Parameters
        ----------
        new_perplexities : float or sequence of float
            Each at least 1.

        Raises
        ------
        TypeError, ValueError
            If they are not valid.
        """
        self.set_kernel(with_options(self.kernel, {"perplexities": new_perplexities}))


class Multiscale(MultiscaleMixture):
    """The mean of the affinities that several perplexities give.

    Parameters
    ----------
    data : array-like or sparse matrix of shape (n, p), optional
        The data; needed unless `knn_index` is given.
    perplexities : float or sequence of float
        Each at least 1; required. See `PerplexityBasedNN` for too few neighbors.
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

    _kernel_name = "multiscale"
