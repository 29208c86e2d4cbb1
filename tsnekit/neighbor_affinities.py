"""Affinities of nearest neighbors, by any kernel."""

from __future__ import annotations

import copy
import logging
import time
from typing import Any

import numpy as np

from tsnekit.affinity_base import Affinities
from tsnekit.backends import options_of
from tsnekit.interfaces import (
    AffinityKernel,
    NeighborGraph,
    NeighborSearch,
    SearchProblem,
    SparseAffinities,
)
from tsnekit.memory import check_memory
from tsnekit.neighbor_index import NeighborIndex, find_index
from tsnekit.progress import show_logs
from tsnekit.symmetrize import conditional_affinities, joint_affinities, to_scipy
from tsnekit.threads import resolve_n_jobs
from tsnekit.validation import short_repr

__all__ = ["DataAffinities", "NeighborAffinities", "build_affinities", "check_symmetrize"]

logger = logging.getLogger(__name__)

SYMMETRIZATIONS = {True: "mean", "mean": "mean", "max": "max", False: None, "none": None}


class NeighborAffinities(Affinities):
    """Affinities of nearest neighbors, by any kernel.

    Parameters
    ----------
    knn_index : NeighborIndex
        Neighbors of the rows. One may serve many affinities.
    kernel : AffinityKernel
        Turns distances into weights.
    symmetrize : bool or {"mean", "max", "none"}, default=True
        Whether P is symmetric: "mean", or True, for the mean of the two directions; "max" for the
        larger one. P sums to 1 in any case.
    n_jobs : int, default=1
        Number of threads; -1 for all processors. The result is the same for any.
    verbose : bool, default=False
        Whether to show what is done.
    memory_limit : int, optional
        Bytes that neighbors and affinities may take; what the machine has by default.

    Attributes
    ----------
    P : CSR matrix of shape (n, n)
    matrix : SparseAffinities
    seconds : dict of str to float
        Time that the search for neighbors and the computation of affinities took.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not valid, or the kernel's weights are not.
    MemoryError
        If more memory than the limit is needed; nothing is searched then.
    """

    memory_limit: int | None = None

    def __init__(
        self,
        knn_index: NeighborIndex,
        kernel: AffinityKernel,
        *,
        symmetrize: bool | str = True,
        n_jobs: int | None = 1,
        verbose: bool = False,
        memory_limit: int | None = None,
    ) -> None:
        self.memory_limit = memory_limit
        self.how = check_symmetrize(symmetrize)
        self.symmetrize = symmetrize
        self.n_jobs = n_jobs
        self.knn_index = knn_index
        super().__init__(self._compute(kernel, verbose), verbose)
        self.kernel = kernel

    def set_kernel(self, kernel: AffinityKernel) -> None:
        """Compute P anew by another kernel, from the same neighbors where they suffice.

        Parameters
        ----------
        kernel : AffinityKernel
        """
        self.matrix = self._compute(kernel, self.verbose)
        self.kernel = kernel

    def to_new(
        self,
        data: Any,
        return_distances: bool = False,
        *,
        perplexity: float | None = None,
        **options: Any,
    ) -> Any:
        """Compute the affinities of new rows to the points.

        Parameters
        ----------
        data : array-like or sparse matrix of shape (n_new, p)
            New rows.
        return_distances : bool, default=False
            Whether to return the neighbors and their distances too.
        perplexity : float, optional
            In place of the kernel's. Kernels that have none ignore it.
        **options
            In place of the kernel's options of these names.

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
            If the rows are not like the data, an option is not valid, or the neighbor search
            cannot find neighbors of new rows.
        """
        if not isinstance(return_distances, (bool, np.bool_)):
            # A perplexity or a number of neighbors in the second place would be taken for it.
            raise TypeError(f"return_distances must be True or False, got {return_distances!r}")
        P, graph = self.to_new_with_neighbors(data, 1, perplexity=perplexity, **options)
        return (P, graph.indices, graph.distances) if return_distances else P

    def to_new_with_neighbors(
        self, data: Any, k: int, /, *, perplexity: float | None = None, **options: Any
    ) -> tuple[Any, NeighborGraph]:
        """Compute the affinities of new rows, and find at least `k` neighbors of each.

        Parameters
        ----------
        data, perplexity, **options
            See `to_new`.
        k : int

        Returns
        -------
        P : CSR matrix of shape (n_new, n)
        neighbors : NeighborGraph
        """
        if perplexity is not None and "perplexity" in options_of(type(self.kernel)):
            options["perplexity"] = perplexity
        kernel = replace_options(self.kernel, options)
        n_jobs = resolve_n_jobs(self.n_jobs)
        with show_logs(self.verbose):
            weighed = kernel.n_neighbors(self.n_samples)
            graph = self.knn_index.query(data, max(k, weighed))
            nearest = NeighborGraph(
                np.ascontiguousarray(graph.indices[:, :weighed]),
                np.ascontiguousarray(graph.distances[:, :weighed]),
            )
            weights = _checked_weights(kernel, nearest.distances, n_jobs)
            matrix = conditional_affinities(nearest.indices, weights, self.n_samples, n_jobs=n_jobs)
        return to_scipy(matrix), graph

    def extended(self, data: Any) -> NeighborAffinities:
        """Compute the affinities of the points and of new rows, all among one another.

        Parameters
        ----------
        data : array-like or sparse matrix of shape (n_new, p)
            New rows.

        Returns
        -------
        NeighborAffinities
            Of the n points and then the n_new rows; these affinities stay as they are.

        Raises
        ------
        TypeError, ValueError
            If the rows are not like the data, or there is only a neighbor graph.
        """
        with show_logs(self.verbose):
            started = time.perf_counter()
            grown = copy.copy(self)
            grown.knn_index = self.knn_index.extended(data)
            fitted = time.perf_counter() - started
        grown.matrix = grown._compute(self.kernel, self.verbose)
        grown.seconds["neighbors"] += fitted
        return grown

    def _compute(self, kernel: AffinityKernel, verbose: bool) -> SparseAffinities:
        n_jobs = resolve_n_jobs(self.n_jobs)
        n_samples = self.knn_index.n_samples
        if n_samples < 2:
            raise ValueError(f"affinities need at least 2 rows, got {n_samples}")
        with show_logs(verbose):
            started = time.perf_counter()
            k = kernel.n_neighbors(n_samples)
            check_memory(n_samples, k, self.memory_limit)
            graph = self.knn_index.neighbors(k)
            found = time.perf_counter()
            weights = _checked_weights(kernel, graph.distances, n_jobs)
            if self.how is None:
                matrix = conditional_affinities(
                    graph.indices, weights, n_samples, scale=1 / n_samples, n_jobs=n_jobs
                )
            else:
                matrix = joint_affinities(graph.indices, weights, how=self.how, n_jobs=n_jobs)
            done = time.perf_counter()
            self.seconds = {"neighbors": found - started, "affinities": done - found}
            logger.info(
                "affinities: %d neighbors of each row, %d entries, %.2f s",
                graph.indices.shape[1],
                len(matrix.data),
                done - found,
            )
        return matrix


class DataAffinities(NeighborAffinities):
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


def build_affinities(
    X: Any,
    *,
    kernel: AffinityKernel,
    search: NeighborSearch,
    problem: SearchProblem,
    symmetrize: bool | str = True,
    verbose: bool = False,
    memory_limit: int | None = None,
) -> NeighborAffinities:
    """Search the neighbors of data and turn their distances into affinities.

    Parameters
    ----------
    X : float array or CSR matrix of shape (n, p)
        Validated data.
    kernel : AffinityKernel
    search : NeighborSearch
        Not fitted yet.
    problem : SearchProblem
        Also says how many threads there are.
    symmetrize, verbose, memory_limit
        See `NeighborAffinities`.

    Returns
    -------
    NeighborAffinities
    """
    index = NeighborIndex(X.shape[0], search=search, problem=problem, data=X, is_fitted=False)
    return NeighborAffinities(
        index,
        kernel,
        symmetrize=symmetrize,
        n_jobs=problem.n_jobs,
        verbose=verbose,
        memory_limit=memory_limit,
    )


def check_symmetrize(given: bool | str) -> str | None:
    """Return how to symmetrize: "mean", "max", or None for not at all.

    Raises
    ------
    ValueError
        If it is none of the ways.
    """
    if not isinstance(given, bool | str) or given not in SYMMETRIZATIONS:
        raise ValueError(
            f"symmetrize must be True, False, 'mean', 'max' or 'none', got {short_repr(given)}"
        )
    return SYMMETRIZATIONS[given]


def replace_options(kernel: AffinityKernel, changes: dict[str, Any]) -> AffinityKernel:
    """Return a kernel of the same kind with some options changed.

    A kernel that is to be used so keeps each option in an attribute of its name.

    Raises
    ------
    TypeError
        If the kernel has no such option, or does not keep its options.
    """
    if not changes:
        return kernel
    kind = type(kernel)
    options = options_of(kind)
    for name in changes:
        if name not in options:
            raise TypeError(
                f"{kind.__name__} has no option {name!r}; its options are "
                f"{', '.join(options) or 'none'}"
            )
    kept = {name: getattr(kernel, name) for name in options if hasattr(kernel, name)}
    replaced: AffinityKernel = kind(**(kept | changes))
    return replaced


def _checked_weights(kernel: AffinityKernel, distances: Any, n_jobs: int) -> Any:
    """Return the kernel's weights, if they are what the interface promises."""
    weights = np.ascontiguousarray(kernel.weights(distances, n_jobs=n_jobs), dtype=np.float32)
    if weights.shape != distances.shape:
        raise ValueError(
            f"{type(kernel).__name__} returned weights of shape {weights.shape} for distances of "
            f"shape {distances.shape}"
        )
    if not np.allclose(weights.sum(axis=1), 1, atol=1e-3) or weights.min() < 0:
        raise ValueError(
            f"{type(kernel).__name__} returned weights that are negative or do not sum to 1"
        )
    return weights
