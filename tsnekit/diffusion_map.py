"""Diffusion maps of weighted graphs, connected or not."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.errors import ConvergenceWarning
from tsnekit.interfaces import SparseAffinities
from tsnekit.symmetrize import from_scipy, to_scipy
from tsnekit.threads import one_blas_thread
from tsnekit.validation import check_rows

__all__ = ["check_graph", "diffusion_map"]

logger = logging.getLogger(__name__)

DENSE_BELOW = 100
"""Points of a component up to which all eigenvectors are computed at once."""


def check_graph(A: Any) -> Any:
    """Return a graph as a symmetric CSR matrix, float32; `A` is not changed.

    Raises
    ------
    ValueError
        If it is not square, or a weight is negative or not finite.
    """
    from scipy.sparse import csr_matrix

    if isinstance(A, SparseAffinities):
        graph = to_scipy(A)
    else:
        graph = csr_matrix(A, dtype=np.float32)
        check_rows(graph, name="A")
    if graph.shape[0] != graph.shape[1]:
        raise ValueError(f"A must be square, got shape {graph.shape}")
    if not np.isfinite(graph.data).all() or (graph.data < 0).any():
        raise ValueError("A must have finite weights that are not negative")
    probe = np.random.RandomState(0).uniform(0.5, 1, graph.shape[0]).astype(np.float32)
    forward, backward = graph @ probe, graph.T @ probe
    if not np.allclose(forward, backward, rtol=1e-4, atol=1e-4 * np.abs(forward).max(initial=0)):
        graph = ((graph + graph.T) * np.float32(0.5)).tocsr()
    return graph


def diffusion_map(
    graph: Any,
    n_components: int,
    *,
    tol: float = 1e-4,
    max_iter: int | None = None,
    n_jobs: int = 1,
) -> NDArray[np.float64] | None:
    """Embed a graph by the leading eigenvectors of the random walk on it.

    Parameters
    ----------
    graph : CSR matrix of shape (n, n), float32
        Symmetric; see `check_graph`.
    n_components : int
    tol : float, default=1e-4
        Relative accuracy of the eigenvalues.
    max_iter : int, optional
    n_jobs : int, default=1
        Number of threads. The result is the same for any.

    Returns
    -------
    ndarray of shape (n, n_components), float64, or None
        Coordinates that a component of the graph leaves open are 0. None, with a warning, where
        the eigensolver fails.
    """
    from scipy.sparse.csgraph import connected_components
    from scipy.sparse.linalg import ArpackError

    # In a symmetric graph strong components are all there are, and need no transpose.
    count, labels = connected_components(graph, directed=True, connection="strong")

    def layout(part: Any) -> NDArray[np.float64]:
        return _connected(part, n_components, tol, max_iter, n_jobs)

    try:
        # Threads inside BLAS may change the last bits, so they are kept out of it.
        with one_blas_thread():
            if count == 1:
                return layout(graph)
            logger.info("the graph has %d components that are not connected", count)
            return _side_by_side(graph, n_components, labels, count, layout)
    except ArpackError as error:
        warnings.warn(
            f"the eigensolver failed ({error}); the initialization is random",
            ConvergenceWarning,
            stacklevel=3,
        )
        return None


def _connected(
    graph: Any, n_components: int, tol: float, max_iter: int | None, n_jobs: int
) -> NDArray[np.float64]:
    """Embed a connected graph."""
    from tsnekit._native.matvec import matvec

    n = graph.shape[0]
    positions = np.zeros((n, n_components))
    degree = np.asarray(graph.sum(axis=1, dtype=np.float64)).ravel()
    found = min(n_components, n - 1)
    if found == 0 or not (degree > 0).all():
        return positions
    # The walk has the eigenvalues of this symmetric matrix, and its eigenvectors up to a factor.
    # The first is known: it is the same for all points. Without it, the next is the largest.
    inverse_root = (1 / np.sqrt(degree)).astype(np.float32)
    trivial = np.sqrt(degree / degree.sum()).astype(np.float32)

    rows = from_scipy(graph, copy=False)
    product = np.empty(n, dtype=np.float32)

    def walk(x: NDArray[np.float32]) -> NDArray[np.float32]:
        x = x.ravel().astype(np.float32, copy=False)
        matvec(rows.indptr, rows.indices, rows.data, inverse_root * x, product, n_jobs)
        return inverse_root * product - trivial * (trivial @ x)

    if n < DENSE_BELOW:
        dense = inverse_root[:, None] * graph.toarray() * inverse_root
        values, vectors = np.linalg.eigh(dense - np.outer(trivial, trivial))
        values, vectors = values[-found:], vectors[:, -found:]
    else:
        values, vectors = _leading_eigenvectors(walk, trivial, found, tol, max_iter)
    order = np.argsort(-values)
    coordinates = vectors[:, order] * inverse_root[:, None] * values[order]
    largest = np.abs(coordinates).argmax(axis=0)
    positions[:, :found] = coordinates * np.sign(coordinates[largest, np.arange(found)])
    return positions


def _leading_eigenvectors(
    walk: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    trivial: NDArray[np.float32],
    count: int,
    tol: float,
    max_iter: int | None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the largest eigenvalues of a symmetric operator, and their eigenvectors in columns."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    n = len(trivial)
    rng = np.random.RandomState(0)

    def leading(
        function: Callable[[NDArray[np.float32]], NDArray[np.float32]], count: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        start = rng.standard_normal(n).astype(np.float32)
        start -= trivial * (trivial @ start)
        operator = LinearOperator((n, n), matvec=function, dtype=np.float32)
        return eigsh(operator, count, which="LA", tol=tol, v0=start, maxiter=max_iter)

    values, vectors = leading(walk, count)
    # What the solver builds up from one vector holds but one direction of an eigenvalue that a
    # symmetric graph has twice. What is left without those that were found shows the others.
    for _ in range(count):

        def rest(x: NDArray[np.float32]) -> NDArray[np.float32]:
            return walk(x) - vectors @ (values * (vectors.T @ x.ravel()))

        value, vector = leading(rest, 1)
        smallest = values.argmin()
        if value[0] <= values[smallest] + tol * abs(values[smallest]):
            break
        values[smallest], vectors[:, smallest] = value[0], vector[:, 0]
    return values, vectors


def _side_by_side(
    graph: Any,
    n_components: int,
    labels: NDArray[np.integer[Any]],
    count: int,
    layout: Callable[[Any], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Embed every component by itself, in a cell of a grid, the largest first.

    The area that a component takes grows with the number of its points.
    """
    sizes = np.bincount(labels, minlength=count)
    members = np.split(np.argsort(labels, kind="stable"), np.cumsum(sizes)[:-1])
    side = int(np.ceil(round(count ** (1 / n_components), 6)))
    positions = np.zeros((graph.shape[0], n_components))
    for cell, component in enumerate(np.argsort(-sizes, kind="stable")):
        rows = members[component]
        if len(rows) > 1:
            found = layout(graph[rows][:, rows])
            found /= np.abs(found).max() or 1.0
            positions[rows] = found * 0.4 * (len(rows) / sizes.max()) ** (1 / n_components)
        # Cells are filled along the first axis first.
        positions[rows] += [cell // side**axis % side for axis in range(n_components)]
    return positions - positions.mean(axis=0)
