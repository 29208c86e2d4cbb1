"""Affinities of nearest neighbors, by any kernel."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from tsnekit._backends.contracts import n_neighbors_of, weights_of
from tsnekit._backends.missing import MissingBackend
from tsnekit._backends.options import options_of, with_options
from tsnekit._util.process import show_logs
from tsnekit._util.threads import resolve_n_jobs
from tsnekit._util.validation import short_repr
from tsnekit.affinity._base import Affinities
from tsnekit.affinity._index import NeighborIndex
from tsnekit.affinity._matrix import conditional_affinities, joint_affinities, to_scipy
from tsnekit.affinity._memory import check_memory
from tsnekit.interfaces import (
    AffinityKernel,
    NeighborGraph,
    NeighborSearch,
    SearchProblem,
    SparseAffinities,
)

__all__ = [
    "NeighborAffinities",
    "build_affinities",
    "check_symmetrize",
    "kernel_of_new_points",
]

logger = logging.getLogger(__name__)

SYMMETRIZATIONS = {True: "mean", "mean": "mean", "max": "max", False: None, "none": None}


class NeighborAffinities(Affinities):
    """Affinities of nearest neighbors, by any kernel.

    Parameters
    ----------
    knn_index : NeighborIndex
        Neighbors of the rows. One index may serve many affinities.
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
        super().__init__(verbose=verbose)
        check_symmetrize(symmetrize)
        self.memory_limit = memory_limit
        self.symmetrize = symmetrize
        self.n_jobs = n_jobs
        self.knn_index = knn_index
        self.set_kernel(kernel)

    def set_kernel(self, kernel: AffinityKernel) -> None:
        """Compute P again with another kernel, from the same neighbors if they are enough.

        Parameters
        ----------
        kernel : AffinityKernel
        """
        self._matrix, self.seconds = self._compute(kernel)
        self.kernel: Any = kernel

    @property
    def effective_perplexities_(self) -> tuple[float, ...]:
        """The perplexities in use: those of the kernel, lowered if there are too few neighbors.

        With a kernel that has no perplexity, this attribute does not exist.
        """
        if not hasattr(self.kernel, "effective_perplexities"):
            missing = isinstance(self.kernel, MissingBackend)
            what = (
                str(self.kernel) if missing else f"{type(self.kernel).__name__} has no perplexity"
            )
            raise AttributeError(what)
        found: tuple[float, ...] = self.kernel.effective_perplexities(self.knn_index.available)
        return found

    @property
    def effective_perplexity_(self) -> float:
        """The perplexity in use, for kernels with a single one."""
        found = self.effective_perplexities_
        if len(found) != 1:
            raise AttributeError(
                f"{type(self.kernel).__name__} has several perplexities: see "
                "effective_perplexities_"
            )
        return found[0]

    def known_neighbors(self) -> NeighborGraph | None:
        """Return the neighbors of each row, at least those that P was computed from."""
        return self.knn_index.graph

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
            Replaces the perplexity of the kernel. The number of neighbors is then the kernel's
            default for this perplexity. Kernels without a perplexity ignore it.
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
            If the rows are not like the data, an option is not valid, or the neighbor search
            cannot find neighbors of new rows.
        """
        if not isinstance(return_distances, (bool, np.bool_)):
            # Otherwise a perplexity or a number of neighbors as second argument would count as
            # True.
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
        kernel = kernel_of_new_points(self.kernel, perplexity, options)
        n_jobs = resolve_n_jobs(self.n_jobs)
        with show_logs(self.verbose):
            weighed = n_neighbors_of(kernel, self.n_samples)
            graph = self.knn_index.query(data, max(k, weighed))
            nearest = NeighborGraph(
                np.ascontiguousarray(graph.indices[:, :weighed]),
                np.ascontiguousarray(graph.distances[:, :weighed]),
            )
            weights = weights_of(kernel, nearest.distances, n_jobs)
            matrix = conditional_affinities(nearest.indices, weights, self.n_samples, n_jobs=n_jobs)
        return to_scipy(matrix), graph

    def extended(self, data: Any) -> NeighborAffinities:
        """Compute the affinities of all points: those of the data, and new rows.

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
        grown = copy.copy(self)
        grown.knn_index = self.knn_index.extended(data)
        grown.set_kernel(self.kernel)
        return grown

    def _compute(self, kernel: AffinityKernel) -> tuple[SparseAffinities, dict[str, float]]:
        """Return P and the time that its steps took."""
        how = check_symmetrize(self.symmetrize)
        n_jobs = resolve_n_jobs(self.n_jobs)
        n_samples = self.knn_index.n_samples
        if n_samples < 2:
            raise ValueError(f"affinities need at least 2 rows, got {n_samples}")
        with show_logs(self.verbose):
            started = time.perf_counter()
            # For this number of rows, the kernel asks for no more neighbors than there are.
            k = n_neighbors_of(kernel, self.knn_index.available + 1)
            check_memory(n_samples, k, self.memory_limit)
            graph = self.knn_index.neighbors(k)
            found = time.perf_counter()
            weights = weights_of(kernel, graph.distances, n_jobs)
            if how is None:
                matrix = conditional_affinities(
                    graph.indices, weights, n_samples, scale=1 / n_samples, n_jobs=n_jobs
                )
            else:
                matrix = joint_affinities(graph.indices, weights, how=how, n_jobs=n_jobs)
            done = time.perf_counter()
            logger.info(
                "affinities: %d neighbors of each row, %d entries, %.2f s",
                graph.indices.shape[1],
                len(matrix.data),
                done - found,
            )
        return matrix, {"neighbors": found - started, "affinities": done - found}


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
    """Search the neighbors of the rows and turn their distances into affinities.

    Parameters
    ----------
    X : float array or CSR matrix of shape (n, p)
        Validated data; kept, not copied.
    kernel : AffinityKernel
    search : NeighborSearch
        Not fitted yet.
    problem : SearchProblem
        Also holds the number of threads.
    symmetrize, verbose, memory_limit
        See `NeighborAffinities`.

    Returns
    -------
    NeighborAffinities
    """
    index = NeighborIndex(X.shape[0], search=search, problem=problem, data=X)
    return NeighborAffinities(
        index,
        kernel,
        symmetrize=symmetrize,
        n_jobs=problem.n_jobs,
        verbose=verbose,
        memory_limit=memory_limit,
    )


def kernel_of_new_points(
    kernel: AffinityKernel, perplexity: float | None, options: Mapping[str, Any]
) -> AffinityKernel:
    """Return the kernel of new rows; see `NeighborAffinities.to_new`.

    Parameters
    ----------
    kernel : AffinityKernel
        That of the data.
    perplexity : float or None
    options : mapping
        Options that replace those of the kernel.

    Raises
    ------
    TypeError, ValueError
        If an option is not valid.
    """
    known = options_of(type(kernel))
    options = dict(options)
    if perplexity is not None and "perplexity" in known:
        # A number of neighbors that was given for another perplexity may not fit this one.
        defaults = {name: known[name] for name in ("k_neighbors",) if name in known}
        options = defaults | options | {"perplexity": perplexity}
    return with_options(kernel, options) if options else kernel


def check_symmetrize(given: bool | str) -> str | None:
    """Return how to symmetrize: "mean", "max", or None for not at all.

    Raises
    ------
    ValueError
        If `given` is not one of the valid values.
    """
    if not isinstance(given, bool | str) or given not in SYMMETRIZATIONS:
        raise ValueError(
            f"symmetrize must be True, False, 'mean', 'max' or 'none', got {short_repr(given)}"
        )
    return SYMMETRIZATIONS[given]
