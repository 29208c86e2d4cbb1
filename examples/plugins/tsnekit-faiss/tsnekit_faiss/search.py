"""Searches that ask a FAISS index for candidates, and measure these."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import faiss
import numpy as np

from tsnekit.interfaces import NeighborGraph
from tsnekit_faiss.options import check_integer

__all__ = ["FlatSearch", "HNSWSearch", "IVFSearch"]


class FaissSearch:
    """What the searches have in common; they differ in their index.

    An index squares distances and rounds them to float32, and some indexes subtract large numbers.
    An index therefore only proposes candidates, a few more than needed. The distances of the
    candidates are computed here, and decide which candidates are the nearest.
    """

    ROWS_PER_CALL = 4096  # Python handles Ctrl-C between two calls
    SPARE = 8  # candidates in addition to the wanted neighbors
    NUMBERS_PER_BLOCK = 2_000_000  # differences that a thread holds at once

    def fit(self, X, problem):
        """Take the data, an (n, p) array, and the problem to solve on it."""
        self._problem = problem
        # A shift does not change distances, and float32 is more precise for smaller numbers.
        self._offset = 0.0 if problem.metric == "cosine" else X.mean(axis=0, dtype=np.float64)
        self._rows = self._transformed(X)
        with self._threads():
            self._index = self._built_index()
        return self

    def neighbors(self, k):
        """Return the `k` nearest other rows of each row."""
        k = self._checked(k, len(self._rows) - 1)
        return self._graph(self._rows, k, own=True)

    def query(self, X, k):
        """Return, for each new row, the `k` nearest rows of the fitted data."""
        k = self._checked(k, len(self._rows))
        return self._graph(self._transformed(X), k, own=False)

    def _built_index(self):
        """Return an index of `self._rows`."""
        raise NotImplementedError

    def _prepare_search(self, n_candidates):
        """Set how many rows the index looks at."""

    def _transformed(self, X):
        """Return rows whose squared Euclidean distances give those of the metric."""
        if self._problem.metric != "cosine":
            return np.ascontiguousarray(X - self._offset, dtype=np.float32)
        length = np.linalg.norm(X.astype(np.float64), axis=1, keepdims=True)
        zero = length == 0
        # One more column puts rows of zeros at a distance of 1 from all others, as tsnekit does.
        return np.hstack([X / np.where(zero, 1, length), zero]).astype(np.float32)

    def _true_distances(self, squared):
        if self._problem.metric == "euclidean":
            return np.sqrt(squared)
        return squared / 2 if self._problem.metric == "cosine" else squared

    @staticmethod
    def _checked(k, n_available):
        k = check_integer("k", k)
        if k > n_available:
            raise ValueError(
                f"k must be at most {n_available}, the number of rows to choose from, got {k}"
            )
        return k

    @contextlib.contextmanager
    def _threads(self):
        """Set the number of threads of FAISS, and restore the old number at the end."""
        before = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(self._problem.n_jobs)
        try:
            yield
        finally:
            faiss.omp_set_num_threads(before)

    def _graph(self, queries, k, *, own):
        """Return the neighbors of queries. With `own`, queries are the rows, which are left out."""
        n_candidates = min(len(self._rows), k + own + self.SPARE)
        m = len(queries)
        candidates = np.empty((m, n_candidates), dtype=np.int64)
        with self._threads():
            self._prepare_search(n_candidates)
            for first in range(0, m, self.ROWS_PER_CALL):
                block = slice(first, first + self.ROWS_PER_CALL)
                candidates[block] = self._index.search(queries[block], n_candidates)[1]

        indices = np.empty((m, k), dtype=np.int32)
        distances = np.empty((m, k), dtype=np.float32)

        def measure(block):
            found = candidates[block]
            squared = self._squared(queries[block], found)
            squared[found < 0] = np.inf  # the index found too few
            if own:  # leave out the row by its index, since duplicates have the same distance
                squared[found == np.arange(block.start, block.stop)[:, None]] = np.inf
            order = np.argsort(squared, axis=1, kind="stable")[:, :k]
            indices[block] = np.take_along_axis(found, order, axis=1)
            distances[block] = np.take_along_axis(squared, order, axis=1)

        size = max(1, self.NUMBERS_PER_BLOCK // (n_candidates * queries.shape[1]))
        blocks = [slice(start, min(start + size, m)) for start in range(0, m, size)]
        with ThreadPoolExecutor(self._problem.n_jobs) as pool:
            list(pool.map(measure, blocks))

        for row in np.flatnonzero(np.isinf(distances[:, -1])):
            squared = self._squared(queries[row : row + 1], np.arange(len(self._rows))[None])[0]
            if own:
                squared[row] = np.inf
            indices[row] = np.argsort(squared, kind="stable")[:k]
            distances[row] = squared[indices[row]]
        return NeighborGraph(indices, self._true_distances(distances))

    def _squared(self, queries, candidates):
        """Return squared distances (m, c) of queries to candidates, as sums of squares."""
        offset = self._rows[candidates]
        offset -= queries[:, None]
        return np.einsum("mcp,mcp->mc", offset, offset)


class FlatSearch(FaissSearch):
    """Measure every pair, by products of matrices."""

    def _built_index(self):
        index = faiss.IndexFlatL2(self._rows.shape[1])
        index.add(self._rows)
        return index


class IVFSearch(FaissSearch):
    """Measure the rows in the lists of the nearest centroids (an inverted file).

    Parameters
    ----------
    n_lists : int, optional
        Number of centroids, each with a list of the rows that are nearest to it; by default the
        square root of the number of rows.
    n_probes : int, optional
        How many lists are looked through; by default a sixteenth of them, and at least 16.
    """

    ROWS_PER_LIST = 39  # below that, FAISS complains that the centroids are not well defined

    def __init__(self, *, n_lists=None, n_probes=None):
        self.n_lists = None if n_lists is None else check_integer("n_lists", n_lists)
        self.n_probes = None if n_probes is None else check_integer("n_probes", n_probes)

    def _built_index(self):
        n, p = self._rows.shape
        n_lists = min(self.n_lists or int(n**0.5), max(1, n // self.ROWS_PER_LIST))
        index = faiss.IndexIVFFlat(faiss.IndexFlatL2(p), p, n_lists)
        index.cp.seed = self._problem.seed % 2**31
        index.train(self._rows)
        index.add(self._rows)
        return index

    def _prepare_search(self, n_candidates):
        self._index.nprobe = min(
            self._index.nlist, self.n_probes or max(16, self._index.nlist // 16)
        )


class HNSWSearch(FaissSearch):
    """Follow the links of a hierarchical navigable small world graph.

    Parameters
    ----------
    M : int, default=24
        Links of each row. With fewer, now and then a duplicate of a row is not found.
    ef_construction : int, default=64
        How many near rows are kept in mind while a row is inserted.
    ef : int, optional
        How many near rows are kept in mind while neighbors are searched; by default 16 more than
        the candidates that are wanted.
    """

    def __init__(self, *, M=24, ef_construction=64, ef=None):
        self.M = check_integer("M", M, at_least=2)
        self.ef_construction = check_integer("ef_construction", ef_construction)
        self.ef = None if ef is None else check_integer("ef", ef)

    def _built_index(self):
        index = faiss.IndexHNSWFlat(self._rows.shape[1], self.M)
        index.hnsw.efConstruction = self.ef_construction
        index.hnsw.rng = faiss.RandomGenerator(self._problem.seed % 2**31)
        index.add(self._rows)
        return index

    def _prepare_search(self, n_candidates):
        self._index.hnsw.efSearch = max(n_candidates, self.ef or n_candidates + 16)
