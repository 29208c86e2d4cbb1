"""New rows on a map: each chunk is placed by the code of a map on one machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._embedding.full import TSNEEmbedding
from tsnekit._embedding.partial import phases_of_new_points
from tsnekit._embedding.placement import check_placement
from tsnekit._util.validation import check_integer, check_positions
from tsnekit.affinity._index import NeighborIndex
from tsnekit.affinity._neighbors import NeighborAffinities, kernel_of_new_points
from tsnekit.dask._cluster import check_cluster, find_client, threads_of
from tsnekit.dask._portable import check_no_forces
from tsnekit.dask._rows import rows_of
from tsnekit.dask._tasks import Tasks
from tsnekit.interfaces import AffinityKernel, NeighborGraph, SparseAffinities

if TYPE_CHECKING:
    from tsnekit.dask._embedding import DaskEmbedding

__all__ = ["transform"]


def transform(
    embedding: DaskEmbedding,
    X: Any,
    *,
    perplexity: Any,
    initialization: Any,
    k: int,
    **of_phases: Any,
) -> Any:
    """Return the positions of new rows as a dask array; see `DaskEmbedding.transform`."""
    import dask.array as arrays

    parameters = embedding.state.parameters
    check_no_forces(parameters)
    phases_of_new_points(parameters, forces=None, n_components=embedding.shape[1], **of_phases)
    k = check_integer("k", k, at_least=1)
    check_placement(initialization)
    affinities = embedding.affinities
    client = find_client(affinities.client)
    n_jobs = threads_of(parameters.n_jobs, check_cluster(client))
    neighbors, kernel = affinities.neighbors.for_new_rows(), affinities.kernel
    assert kernel is not None  # where there are neighbors, a kernel weighed them
    rows = rows_of(X, client, like=affinities.rows).again()
    d = embedding.shape[1]
    if not isinstance(initialization, str):
        initialization = check_positions(
            initialization, name="initialization", n_samples=rows.n_samples, n_components=d
        )
    weighed = kernel_of_new_points(kernel, perplexity, {}).n_neighbors(len(embedding))
    wanted = min(max(k, weighed), len(embedding))

    tasks = Tasks("transform")
    values = parameters.replace(n_jobs=n_jobs, callbacks=None, verbose=False).values()
    # Each worker plans the field of the map once, in its own copy.
    reference = tasks(
        "map",
        0,
        Reference,
        client.scatter(embedding.compute(), hash=False),
        kernel,
        embedding.random_state,
        values,
    )
    parts = []
    first = 0
    for i, (chunk, size) in enumerate(zip(rows.chunks, rows.sizes, strict=True)):
        start = initialization
        if not isinstance(start, str):
            start = initialization[first : first + size]
        options = {"perplexity": perplexity, "initialization": start, "k": k, **of_phases}
        found = neighbors.query(chunk, wanted)
        placed = tasks("place", i, Reference.place, reference, found, options)
        parts.append(arrays.from_delayed(placed, shape=(size, d), dtype=np.float32))
        first += size
    return arrays.concatenate(parts)


class FoundNeighbors(NeighborIndex):
    """An index of which every query is answered already: what is asked is the answer."""

    def query(self, X: Any, k: int) -> NeighborGraph:
        """Return the `k` nearest neighbors in a `NeighborGraph`."""
        k = min(k, self.n_samples)
        return NeighborGraph(
            np.ascontiguousarray(X.indices[:, :k]), np.ascontiguousarray(X.distances[:, :k])
        )


class OfNewRows(NeighborAffinities):
    """The affinities of new rows to a map; those of the map's own rows are not there.

    Parameters
    ----------
    n_samples : int
        Points of the map.
    kernel : AffinityKernel
    n_jobs : int
    """

    def __init__(self, n_samples: int, kernel: AffinityKernel, n_jobs: int) -> None:
        nothing = np.zeros(n_samples + 1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32)
        self._matrix = SparseAffinities(*nothing, (n_samples, n_samples))
        self.verbose = False
        self.kernel = kernel
        self.n_jobs = n_jobs
        self.knn_index = FoundNeighbors(n_samples)


class Reference:
    """A map on which a worker places points.

    It is no array, since Dask sends arrays of all classes as plain ones.

    Parameters
    ----------
    positions : ndarray of shape (n, d)
    kernel : AffinityKernel
        That of the map.
    random_state : int, RandomState or None
    parameters : mapping
        Those of the map, for one worker.
    """

    def __init__(
        self,
        positions: NDArray[np.float32],
        kernel: AffinityKernel,
        random_state: Any,
        parameters: Mapping[str, Any],
    ) -> None:
        affinities = OfNewRows(len(positions), kernel, parameters["n_jobs"])
        self._map = TSNEEmbedding(positions, affinities, random_state=random_state, **parameters)

    def place(self, found: NeighborGraph, options: Mapping[str, Any]) -> NDArray[np.float32]:
        """Return the positions of the rows whose neighbors these are."""
        return np.array(self._map.transform(found, **options), subok=False)
