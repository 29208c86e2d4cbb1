"""P on a cluster: blocks of rows, which stay on the workers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._descent.symmetry import symmetric
from tsnekit.affinity._base import Affinities, check_affinities
from tsnekit.affinity._memory import machine_bytes
from tsnekit.dask._blocks import Blocks
from tsnekit.dask._rows import Rows
from tsnekit.dask._tasks import Tasks, finished
from tsnekit.errors import ClusterError
from tsnekit.interfaces import AffinityKernel, SearchProblem, SparseAffinities

__all__ = ["DaskAffinities"]

logger = logging.getLogger(__name__)

BYTES_PER_ENTRY = 8
"""A column and a value."""


class DaskAffinities:
    """The affinities P between the rows of a data set, block by block on the workers.

    A fit makes them, and `DaskEmbedding.affinities` returns them. Other fits take them as
    ``affinities``, as often as they like.

    Parameters
    ----------
    client : distributed.Client
    blocks : Blocks
    matrices : list of futures
        A `SparseAffinities` (rows of the block, n) of each block. All of P is symmetric and sums
        to 1.
    kernel : AffinityKernel, optional
        What made them.
    rows : Rows, optional
        The data.
    search : NeighborSearch, optional
        Finds neighbors in all of the data on one machine; saved for a map that is loaded there.
    problem : SearchProblem, optional
        What `search` is for.
    neighbors : callable, optional
        Returns the `DaskNeighbors` of the data; called when new rows need it.
    again : callable, optional
        Called with the numbers of blocks, in order; yields these blocks. Without it, Dask computes
        blocks again that are lost with a worker.
    """

    def __init__(
        self,
        client: Any,
        blocks: Blocks,
        matrices: Sequence[Any],
        *,
        kernel: AffinityKernel | None = None,
        rows: Rows | None = None,
        search: Any = None,
        problem: SearchProblem | None = None,
        neighbors: Callable[[], Any] | None = None,
        again: Callable[[Sequence[int]], Iterator[SparseAffinities]] | None = None,
    ) -> None:
        self.client = client
        self.blocks = blocks
        self.matrices = list(matrices)
        self.kernel = kernel
        self.rows = rows
        self.search = search
        self.problem = problem
        self._find = neighbors
        self._again = again
        self._neighbors: Any = None
        self._lengths: list[NDArray[np.int64]] | None = None

    @classmethod
    def divided(cls, client: Any, affinities: Affinities, blocks: Blocks) -> DaskAffinities:
        """Send affinities of this machine to the workers.

        Raises
        ------
        TypeError, ValueError
            If they are not an instance of `tsnekit.affinity.Affinities`, or have no P.
        """
        P = symmetric(check_affinities(affinities).matrix)

        def some(wanted: Sequence[int]) -> Iterator[SparseAffinities]:
            for block in wanted:
                rows = blocks.range(block)
                start, stop = P.indptr[rows.start], P.indptr[rows.stop]
                yield SparseAffinities(
                    P.indptr[rows.start : rows.stop + 1] - start,
                    P.indices[start:stop],
                    P.data[start:stop],
                    (rows.stop - rows.start, P.shape[1]),
                )

        matrices = [client.scatter(part, hash=False) for part in some(range(len(blocks)))]
        return cls(client, blocks, matrices, again=some)

    def present(self) -> list[Any]:
        """Return the futures of all blocks, after sending again what was lost with a worker.

        Raises
        ------
        ClusterError
            If a block cannot be had again.
        """
        lost = [i for i, each in enumerate(self.matrices) if each.status == "cancelled"]
        if lost and self._again is None:
            raise ClusterError(
                "the affinities are not on the workers any more: they were cancelled, as "
                "client.restart() does"
            )
        if lost and self._again is not None:
            logger.warning("%d blocks of P were lost with a worker, and are sent again", len(lost))
            try:
                for i, part in zip(lost, self._again(lost), strict=True):
                    self.matrices[i] = self.client.scatter(part, hash=False)
            except (OSError, ValueError) as error:
                raise ClusterError(
                    f"affinities were lost with a worker, and cannot be read again: {error}"
                ) from error
        return self.matrices

    @property
    def n_samples(self) -> int:
        """The number of rows of P."""
        return self.blocks.n_samples

    @property
    def neighbors(self) -> Any:
        """What finds neighbors of new rows.

        Raises
        ------
        ValueError
            If there is no data.
        ClusterError
            If it was lost with a worker.
        """
        if self.rows is not None:
            self.rows.check_there()
        if self._neighbors is None:
            if self._find is None:
                raise ValueError(
                    "neighbors of new rows need the data, but this map was made of given "
                    "affinities, or loaded without the data"
                )
            self._neighbors = self._find()
        return self._neighbors

    def row_ends(self) -> NDArray[np.int64]:
        """Return the row pointers of all of P, (n + 1,)."""
        if self._lengths is None:
            tasks = Tasks("affinities")
            ends = [tasks("ends", i, _indptr, each) for i, each in enumerate(self.present())]
            found = self.client.gather(finished(self.client, ends))
            self._lengths = [np.diff(each) for each in found]
        return np.concatenate([[0], np.cumsum(np.concatenate(self._lengths))]).astype(np.int64)

    def parts(self, name: str) -> Iterator[NDArray[Any]]:
        """Yield the ``indices`` or ``data`` of each block, one block at a time."""
        for i, each in enumerate(self.present()):
            [part] = finished(self.client, [Tasks("affinities")(name, i, getattr, each, name)])
            yield part.result()

    def local(self) -> SparseAffinities:
        """Return all of P.

        Raises
        ------
        MemoryError
            If P is larger than the memory of this machine; nothing is fetched then.
        """
        indptr = self.row_ends()
        needed, there = BYTES_PER_ENTRY * (int(indptr[-1]) + len(indptr)), machine_bytes()
        if there is not None and needed > there:
            raise MemoryError(
                f"the affinities of {self.n_samples:,} rows take {needed / 1e9:.3g} GB, but this "
                f"machine has {there / 1e9:.3g} GB; the methods of the map itself work on the "
                "cluster"
            )
        arrays = {
            "indices": np.empty(indptr[-1], np.int32),
            "data": np.empty(indptr[-1], np.float32),
        }
        for name, array in arrays.items():
            start = 0
            for part in self.parts(name):
                array[start : start + len(part)] = part
                start += len(part)
        n = self.n_samples
        return SparseAffinities(indptr, arrays["indices"], arrays["data"], (n, n), symmetric=True)


def _indptr(matrix: SparseAffinities) -> NDArray[np.int64]:
    return matrix.indptr
