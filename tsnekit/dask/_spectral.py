"""A diffusion map of affinities that are in many places, by products with their blocks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.affinity._matrix import to_scipy
from tsnekit.dask._blocks import Blocks
from tsnekit.dask._tasks import Tasks
from tsnekit.initialization._diffusion_map import embed_components
from tsnekit.interfaces import SparseAffinities

__all__ = ["diffusion_map"]

logger = logging.getLogger(__name__)

GATHERED_ROWS = 20_000
"""Points of a component up to which its part of P is gathered by the client."""

ATTEMPTS = 3
"""How often a product is tried while workers are lost. What the client sends has no other copy."""


def diffusion_map(
    client: Any,
    parts: Sequence[Any],
    blocks: Blocks,
    n_components: int,
    *,
    tol: float,
    max_iter: int | None,
) -> NDArray[np.float64] | None:
    """Embed a symmetric P by the leading eigenvectors of the random walk on it.

    The solver is that of one machine. Each of its products with P is one round of tasks, and a task
    holds one block of P and one number for each of all rows. The client holds about 25 numbers of
    32 bits for each row.

    Parameters
    ----------
    client : distributed.Client
    parts : sequence of futures
        The rows of P of each block, a `SparseAffinities`.
    blocks : Blocks
    n_components, tol, max_iter
        See `tsnekit.initialization.spectral`.

    Returns
    -------
    ndarray of shape (n, n_components), float64, or None
        As `tsnekit.initialization._diffusion_map.diffusion_map` does.
    """
    graph = _DistributedGraph(client, parts, blocks)
    roots, labels = np.unique(graph.components(), return_inverse=True)
    return embed_components(
        graph, graph.part, len(roots), labels, n_components, tol=tol, max_iter=max_iter
    )


class _DistributedGraph:
    """A symmetric matrix whose rows are on the workers, or some rows and columns of it.

    Parameters
    ----------
    client : distributed.Client
    parts : sequence of futures
    blocks : Blocks
    rows : ndarray of shape (m,), int, optional
        The rows and columns; all by default. No other row has an entry in these columns.
    """

    def __init__(
        self,
        client: Any,
        parts: Sequence[Any],
        blocks: Blocks,
        rows: NDArray[np.intp] | None = None,
    ) -> None:
        self._client, self._parts, self._blocks, self._rows = client, parts, blocks, rows
        self._tasks = Tasks("initialization")
        self._rounds = 0

    @property
    def shape(self) -> tuple[int, int]:
        """The number of points, twice."""
        n = self._blocks.n_samples if self._rows is None else len(self._rows)
        return n, n

    def sum(self, axis: int, dtype: Any) -> Any:
        """Return the sum of each row."""
        return self._of_rows(self._each("degree", _degrees))

    def __matmul__(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the product with a vector."""
        if self._rows is not None:
            given, x = x, np.zeros(self._blocks.n_samples, dtype=np.float32)
            x[self._rows] = given
        return self._of_rows(self._each("product", _product, x))

    def toarray(self) -> NDArray[np.float32]:
        """Return a small matrix as an array."""
        rows = np.arange(self._blocks.n_samples) if self._rows is None else self._rows
        return self._gathered(rows).toarray()

    def part(self, rows: NDArray[np.intp]) -> Any:
        """Return the part of a component."""
        if len(rows) <= GATHERED_ROWS:
            return self._gathered(rows)
        return _DistributedGraph(self._client, self._parts, self._blocks, rows)

    def components(self) -> NDArray[np.int32]:
        """Return the smallest row of the component of each row.

        Each row starts as a component of its own. In each round, every component joins the smallest
        one among the neighbors of its rows, and then finds the smallest one that this one joined.
        """
        labels = np.arange(self._blocks.n_samples, dtype=np.int32)
        while True:
            smallest = self._each("components", _smallest_label, labels)
            joined = labels.copy()
            np.minimum.at(joined, labels, smallest)
            np.minimum(joined, smallest, out=joined)
            while not np.array_equal(further := joined[joined], joined):
                joined = further
            if np.array_equal(joined, labels):
                return labels
            labels = joined

    def _of_rows(self, found: NDArray[Any]) -> NDArray[Any]:
        return found if self._rows is None else found[self._rows]

    def _each(
        self, step: str, function: Callable[..., NDArray[Any]], vector: Any = None
    ) -> NDArray[Any]:
        """Return what a function returns for the blocks, one after another, in one round."""
        for attempt in range(ATTEMPTS):
            self._rounds += 1
            try:
                sent = []
                if vector is not None:
                    sent = [self._client.scatter(vector, hash=False)]
                tasks = [
                    self._tasks(step, f"{self._rounds}.{block}", function, part, *sent)
                    for block, part in enumerate(self._parts)
                ]
                return np.concatenate(self._client.gather(self._client.compute(tasks)))
            except CancelledError:
                if attempt + 1 == ATTEMPTS:
                    raise
                logger.warning("a worker was lost during a product with P; it is done again")
        raise AssertionError

    def _gathered(self, rows: NDArray[np.intp]) -> Any:
        """Return some rows and columns as a CSR matrix; they have no entries elsewhere."""
        from scipy.sparse import vstack

        edges = np.searchsorted(rows, self._blocks.bounds)
        self._rounds += 1
        tasks = [
            self._tasks("gather", f"{self._rounds}.{block}", _rows_of, part,
                        rows[edges[block] : edges[block + 1]] - self._blocks.bounds[block])
            for block, part in enumerate(self._parts)
            if edges[block] < edges[block + 1]
        ]  # fmt: skip
        found = vstack(self._client.gather(self._client.compute(tasks)), format="csr")
        found.indices = np.searchsorted(rows, found.indices).astype(np.int32)
        return type(found)((found.data, found.indices, found.indptr), (len(rows),) * 2)


def _degrees(part: SparseAffinities) -> NDArray[np.float64]:
    return np.asarray(to_scipy(part).sum(axis=1, dtype=np.float64)).ravel()


def _product(part: SparseAffinities, x: NDArray[np.float32]) -> NDArray[np.float32]:
    product: NDArray[np.float32] = to_scipy(part) @ x
    return product


def _smallest_label(part: SparseAffinities, labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the smallest label among the neighbors of each row, the largest integer for none."""
    smallest = np.full(part.shape[0], np.iinfo(np.int32).max, dtype=np.int32)
    # An edge of weight 0 connects nothing.
    found = np.where(part.data > 0, labels[part.indices], smallest[:1])
    filled = np.flatnonzero(np.diff(part.indptr))
    if len(filled):
        smallest[filled] = np.minimum.reduceat(found, part.indptr[filled])
    return smallest


def _rows_of(part: SparseAffinities, rows: NDArray[np.integer[Any]]) -> Any:
    return to_scipy(part)[rows]
