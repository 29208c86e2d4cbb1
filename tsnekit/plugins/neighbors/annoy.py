"""Approximate search by Annoy's forest of random projection trees, refined."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.plugins.neighbors._rows.lists import Lists
from tsnekit.plugins.neighbors._rows.refined_forest import RefinedForest
from tsnekit.plugins.neighbors._rows.sample import Sample
from tsnekit.plugins.neighbors._rows.spaces import VectorSpace
from tsnekit.toolkit import check_integer, for_blocks, shown_blocks

__all__ = ["AnnoySearch", "has_metric"]

_ANNOY_NAMES = {"cosine": "angular"}


def has_metric(name: str, sparse: bool = False) -> bool:
    """Return whether Annoy has a metric of this name that is a distance."""
    from annoy import AnnoyIndex

    if sparse or name not in VectorSpace.METRICS:
        return False
    known: Any = _ANNOY_NAMES.get(name, name)
    try:
        AnnoyIndex(1, known)
    except ValueError:
        return False
    return True


class AnnoySearch(RefinedForest):
    """Approximate nearest neighbors by random projection trees and neighbors of neighbors.

    A small forest finds a few rough neighbors of each row, in one or two leaves. This takes a
    fraction of the time that a large forest needs to find all neighbors. A search along links
    between those rows then finds the neighbors. Mostly, it misses at most a few in a thousand.

    Parameters
    ----------
    n_trees : int, default=10
        Number of trees. More of them give better candidates to start from.

    References
    ----------
    Erik Bernhardsson. Annoy: approximate nearest neighbors in C++/Python.
    https://github.com/spotify/annoy

    W. Dong, C. Moses, K. Li. "Efficient k-nearest neighbor graph construction for generic
    similarity measures". WWW 2011.
    """

    CANDIDATES = 20
    """Rough neighbors that the forest is asked for."""

    MOST_FEATURES = 100
    """The most features of rows in the forest. A leaf holds as many rows as they have features."""

    SKETCHED_FEATURES = 64

    ROWS_PER_BLOCK = 1024

    def __init__(self, *, n_trees: int = 10) -> None:
        self.n_trees = check_integer("n_trees", n_trees, at_least=1)

    def _search_rows(self, k: int, truth: Sample) -> Lists:
        lists = self._rough_lists(self._rows, k, first=0)
        self._linked.improve(lists)
        self._widen(lists, k)
        self._refine(lists, truth)
        return lists

    def _rough_lists_for(self, queries: NDArray[np.float32], k: int) -> Lists:
        return self._rough_lists(queries, k, first=-1)

    def _rough_lists(self, queries: NDArray[np.float32], k: int, *, first: int) -> Lists:
        """Return the nearest of the few rows that the forest finds for each query.

        `first` is the row of the first query where the queries are rows of the data, else -1.
        """
        among_rows = first >= 0  # where each row finds itself too
        candidates = np.full((len(queries), self.CANDIDATES + among_rows), -1, dtype=np.int32)
        self._ask_forest(np.arange(len(queries)), None if among_rows else queries, candidates)
        return self._rank(queries, candidates, self._linked.width(k), first=first)

    def _widen(self, lists: Lists, k: int) -> None:
        """Ask the forest for more rows where links led to too few.

        This happens if the data has groups of fewer than k rows, such as duplicates.
        """
        indices, distances = lists
        short = np.flatnonzero(indices[:, k - 1] < 0)
        if not len(short):
            return
        wide = np.full((len(short), k + 1), -1, dtype=np.int32)
        self._ask_forest(short, None, wide, search_k=self.n_trees * (k + 1))
        candidates = np.concatenate([indices[short], wide], axis=1)
        candidates[candidates == short[:, None]] = -1
        indices[short], distances[short] = self._rank(
            self._rows[short], candidates, indices.shape[1], first=-1
        )

    def _ask_forest(
        self,
        rows: NDArray[np.intp],
        queries: NDArray[np.float32] | None,
        out: NDArray[np.int32],
        search_k: int | None = None,
    ) -> None:
        """Fill `out` with the rows that the forest finds for these rows of data or queries."""
        forest = self._grown_forest()
        vectors = None if queries is None else self._sketch(queries)
        wanted = out.shape[1]
        # Enough to visit a leaf or two, however small leaves are.
        search_k = max(self.n_trees, 2 * wanted) if search_k is None else search_k

        find = forest.get_nns_by_item if vectors is None else forest.get_nns_by_vector

        def ask(block: slice) -> None:
            # Annoy reads lists several times as fast as arrays.
            asked = rows[block] if vectors is None else vectors[rows[block]]
            for place, each in enumerate(asked.tolist(), start=block.start):
                found = find(each, wanted, search_k)
                out[place, : len(found)] = found

        for_blocks(
            ask,
            len(rows),
            size=self.ROWS_PER_BLOCK,
            n_jobs=self._problem.n_jobs,
            what="asking the trees",
        )

    def _grow(self) -> Any:
        from annoy import AnnoyIndex

        # Annoy's own Hamming distance only takes bits, for which it equals the squared Euclidean
        # distance. The Euclidean distance also splits other rows well enough.
        manhattan = self._space.kernel == "manhattan"
        vectors = self._sketch(self._rows)
        forest = AnnoyIndex(vectors.shape[1], "manhattan" if manhattan else "euclidean")
        forest.set_seed(self._problem.seed % 2**31)
        for block in shown_blocks(len(vectors), self.ROWS_PER_BLOCK, "filling the trees"):
            for row, values in enumerate(vectors[block].tolist(), start=block.start):
                forest.add_item(row, values)
        # With more threads Annoy would grow other trees.
        forest.build(self.n_trees, n_jobs=1)
        return forest

    def _sketch(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return rows of fewer features, whose distances are about the same, for the forest.

        Each feature is added, with a random sign, to one of few sums (Charikar, Chen and
        Farach-Colton, 2002, "Finding frequent items in data streams").
        """
        n, p = rows.shape
        if p <= self.MOST_FEATURES:
            return rows
        rng = np.random.RandomState(self._problem.seed % 2**32)
        order = rng.permutation(p)
        signs = rng.choice(np.array([-1, 1], dtype=np.float32), size=p)
        starts = np.arange(self.SKETCHED_FEATURES) * p // self.SKETCHED_FEATURES
        out = np.empty((n, self.SKETCHED_FEATURES), dtype=np.float32)

        def add_up(block: slice) -> None:
            out[block] = np.add.reduceat(rows[block][:, order] * signs, starts, axis=1)

        for_blocks(
            add_up,
            n,
            size=self.ROWS_PER_BLOCK,
            n_jobs=self._problem.n_jobs,
            what="adding up features",
        )
        return out
