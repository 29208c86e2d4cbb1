"""Affinities of several perplexities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tsnekit.interfaces import NeighborGraph
from tsnekit.neighbor_affinities import DataAffinities
from tsnekit.neighbor_index import NeighborIndex
from tsnekit.plugins.affinities.calibration import check_perplexities
from tsnekit.plugins.affinities.multiscale import MultiscaleKernel
from tsnekit.plugins.affinities.multiscale_mixture import MultiscaleMixtureKernel

__all__ = ["Multiscale", "MultiscaleMixture"]


class _SeveralPerplexities(DataAffinities):
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
