"""Starting positions by diffusion maps of weighted graphs, connected or not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tsnekit._util.caller import warn
from tsnekit._util.process import one_blas_thread, show_logs
from tsnekit._util.random_states import as_random_state
from tsnekit._util.threads import resolve_n_jobs
from tsnekit._util.validation import check_integer, check_real
from tsnekit.affinity._matrix import check_matrix, to_scipy
from tsnekit.errors import ConvergenceWarning
from tsnekit.initialization._placement import finish, random

__all__ = ["Graph", "diffusion_map", "embed_components", "spectral"]

logger = logging.getLogger(__name__)

DENSE_BELOW = 100
"""Points of a component up to which all eigenvectors are computed at once."""


class Graph(Protocol):
    """What the eigensolver needs of a symmetric matrix; CSR matrices have it."""

    @property
    def shape(self) -> tuple[int, int]:
        """The number of points, twice."""
        ...

    def sum(self, axis: int, dtype: Any) -> Any:
        """Return the sum of each row, for ``axis=1``."""
        ...

    def __matmul__(self, x: NDArray[np.float32]) -> NDArray[np.float32]: ...

    def toarray(self) -> NDArray[np.float32]:
        """Return a small matrix as an array."""
        ...


def spectral(
    A: Any,
    n_components: int = 2,
    tol: float = 1e-4,
    max_iter: int | None = None,
    random_state: Any = None,
    verbose: bool = False,
    add_jitter: bool = True,
    *,
    n_jobs: int | None = 1,
) -> NDArray[np.float64]:
    """Place points by a diffusion map: the leading eigenvectors of a random walk on a graph.

    The parts of a graph that is not connected are laid out one by one, side by side.

    Parameters
    ----------
    A : SparseAffinities, sparse matrix or array of shape (n, n)
        Non-negative weights of the edges, such as affinities. If they are not symmetric, the mean
        of the two directions is taken.
    n_components : int, default=2
        Dimensions of the embedding.
    tol : float, default=1e-4
        Relative accuracy of the eigenvalues.
    max_iter : int, optional
        The most iterations of the eigensolver, 10 n by default.
    random_state : int, RandomState, Generator or None, default=None
        Seed of the noise for coordinates that the graph does not determine; None draws from
        ``numpy.random``. The eigensolver has a fixed start.
    verbose : bool, default=False
        Whether to show what is done.
    add_jitter : bool, default=True
        Whether to move apart points that lie exactly on one another; see `jitter`.
    n_jobs : int, default=1
        Number of threads, checked and not used: the eigensolver works on one.

    Returns
    -------
    ndarray of shape (n, n_components), float64
        The first coordinate has a standard deviation of 1e-4. If the eigensolver fails, the
        positions are random, with a `tsnekit.errors.ConvergenceWarning`.

    Raises
    ------
    TypeError, ValueError
        If the matrix or a parameter is not valid.

    References
    ----------
    R. R. Coifman, S. Lafon. "Diffusion maps". Applied and Computational Harmonic Analysis 21
    (2006), 5-30.

    Examples
    --------
    The first coordinate follows a chain of 50 points:

    >>> import numpy as np
    >>> from tsnekit.initialization import spectral
    >>> chain = np.eye(50, k=1) + np.eye(50, k=-1)
    >>> steps = np.diff(spectral(chain, random_state=0)[:, 0])
    >>> bool((steps > 0).all() or (steps < 0).all())
    True
    """
    n_components = check_integer("n_components", n_components, at_least=1)
    tol = check_real("tol", tol, at_least=0)
    if max_iter is not None:
        max_iter = check_integer("max_iter", max_iter, at_least=1)
    resolve_n_jobs(n_jobs)
    graph = _symmetric_graph(A)
    rng = as_random_state(random_state)
    with show_logs(verbose):
        found = diffusion_map(graph, n_components, tol=tol, max_iter=max_iter)
    if found is None:
        return random(graph.shape[0], n_components, rng)
    return finish(found, n_components, rng, add_jitter=add_jitter)


def _symmetric_graph(A: Any) -> Any:
    """Return a graph as a symmetric CSR matrix, float32; `A` is not changed."""
    graph = to_scipy(check_matrix(A, name="A", square=True))
    if not graph.data.all():
        graph = graph.copy()
        graph.eliminate_zeros()  # an edge of weight 0 connects nothing
    other = graph.T.tocsr()
    same = all(
        np.array_equal(getattr(graph, part), getattr(other, part))
        for part in ("indptr", "indices", "data")
    )
    return graph if same else ((graph + other) * np.float32(0.5)).tocsr()


def diffusion_map(
    graph: Any,
    n_components: int,
    *,
    tol: float = 1e-4,
    max_iter: int | None = None,
) -> NDArray[np.float64] | None:
    """Embed a graph by the leading eigenvectors of the random walk on it.

    Parameters
    ----------
    graph : CSR matrix of shape (n, n), float32
        Symmetric.
    n_components : int
    tol : float, default=1e-4
        Relative accuracy of the eigenvalues.
    max_iter : int, optional

    Returns
    -------
    ndarray of shape (n, n_components), float64, or None
        A coordinate is 0 where the graph has too few points for it. None, with a warning, where the
        eigensolver fails.
    """
    from scipy.sparse.csgraph import connected_components

    # In a symmetric graph, every component is strongly connected. Strong components are found
    # without a transpose.
    count, labels = connected_components(graph, directed=True, connection="strong")

    def part(rows: NDArray[np.intp]) -> Any:
        return graph[rows][:, rows]

    return embed_components(graph, part, count, labels, n_components, tol=tol, max_iter=max_iter)


def embed_components(
    graph: Graph,
    part: Callable[[NDArray[np.intp]], Graph],
    count: int,
    labels: NDArray[np.integer[Any]],
    n_components: int,
    *,
    tol: float,
    max_iter: int | None,
) -> NDArray[np.float64] | None:
    """Embed a graph whose connected components are known.

    Parameters
    ----------
    graph : Graph of shape (n, n)
    part : callable
        Returns the part of the graph that has some rows and columns, given their numbers.
    count : int
        The number of components.
    labels : ndarray of shape (n,), int
        The component of each point.
    n_components, tol, max_iter
        See `diffusion_map`, which also says what is returned.
    """
    from scipy.sparse.linalg import ArpackError

    def layout(connected: Graph) -> NDArray[np.float64]:
        return _connected(connected, n_components, tol, max_iter)

    try:
        # Threads inside BLAS may change the last bits, so BLAS has one.
        with one_blas_thread():
            if count == 1:
                return layout(graph)
            logger.info("the graph has %d components that are not connected", count)
            return _side_by_side(part, n_components, labels, count, layout)
    except ArpackError as error:
        warn(
            f"the eigensolver failed ({error}); the initialization is random",
            ConvergenceWarning,
        )
        return None


def _connected(
    graph: Graph, n_components: int, tol: float, max_iter: int | None
) -> NDArray[np.float64]:
    """Embed a connected graph."""
    n = graph.shape[0]
    positions = np.zeros((n, n_components))
    degree = np.asarray(graph.sum(axis=1, dtype=np.float64)).ravel()
    found = min(n_components, n - 1)
    if found == 0 or not (degree > 0).all():
        return positions
    # The walk has the eigenvalues of this symmetric matrix, and the same eigenvectors up to a
    # factor for each point. The first eigenvector of the walk is constant, and therefore known.
    # Without it, the next eigenvalue is the largest.
    inverse_root = (1 / np.sqrt(degree)).astype(np.float32)
    trivial = np.sqrt(degree / degree.sum()).astype(np.float32)

    def walk(x: NDArray[np.float32]) -> NDArray[np.float32]:
        x = x.ravel().astype(np.float32, copy=False)
        product: NDArray[np.float32] = inverse_root * (graph @ (inverse_root * x))
        return product - trivial * (trivial @ x)

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
    # The solver starts from one vector. If two eigenvalues are equal, it therefore finds only one
    # eigenvector. It finds the other one after the first is taken out of the operator.
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
    part: Callable[[NDArray[np.intp]], Graph],
    n_components: int,
    labels: NDArray[np.integer[Any]],
    count: int,
    layout: Callable[[Graph], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Embed every component by itself, in a cell of a grid, the largest first.

    The area that a component takes grows with the number of its points.
    """
    sizes = np.bincount(labels, minlength=count)
    members = np.split(np.argsort(labels, kind="stable"), np.cumsum(sizes)[:-1])
    side = int(np.ceil(round(count ** (1 / n_components), 6)))
    positions = np.zeros((len(labels), n_components))
    for cell, component in enumerate(np.argsort(-sizes, kind="stable")):
        rows = members[component]
        if len(rows) > 1:
            found = layout(part(rows))
            found /= np.abs(found).max() or 1.0
            positions[rows] = found * 0.4 * (len(rows) / sizes.max()) ** (1 / n_components)
        # Cells are filled along the first axis first.
        positions[rows] += [cell // side**axis % side for axis in range(n_components)]
    return positions - positions.mean(axis=0)
