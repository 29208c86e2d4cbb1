"""Approximate search by a hierarchy of navigable small worlds, with hnswlib."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.plugins.neighbors._rows.approximate import ApproximateSearch
from tsnekit.plugins.neighbors._rows.blocks import shown_blocks
from tsnekit.plugins.neighbors._rows.lists import Lists
from tsnekit.plugins.neighbors._rows.sample import Sample
from tsnekit.plugins.neighbors._rows.spaces import VectorSpace
from tsnekit.toolkit import check_integer

__all__ = ["HNSWSearch", "has_metric"]

_SPACES = {"euclidean": "l2", "sqeuclidean": "l2"}


def has_metric(name: str, sparse: bool = False) -> bool:
    """Return whether hnswlib has a metric of this name that is a distance."""
    from hnswlib import Index

    if sparse or name not in VectorSpace.METRICS:
        return False
    try:
        Index(space=_SPACES.get(name, name), dim=1)
    except RuntimeError:
        return False
    return True


class HNSWSearch(ApproximateSearch):
    """Approximate nearest neighbors by a hierarchical navigable small world graph.

    Rows are inserted in random order, since sorted rows give a bad graph. Several threads insert
    rows at the same time, in an order that differs from run to run. The few neighbors that are
    missed then differ as well. With ``n_jobs=1``, the same seed always gives the same result.

    Parameters
    ----------
    M : int, default=12
        Links of each row.
    ef_construction : int, default=64
        How many near rows are candidates while a row is inserted.
    ef : int, optional
        How many near rows are candidates while neighbors are searched. The default is 16 more than
        the number of neighbors, which finds at least 98 of 100.

    References
    ----------
    Y. A. Malkov, D. A. Yashunin. "Efficient and robust approximate nearest neighbor search using
    hierarchical navigable small world graphs". IEEE TPAMI 42(4), 2020.
    """

    MIN_RECALL = 0.95

    MOST_EFFORT = 4
    """The largest factor for the number of candidates if too few neighbors are found."""

    ROWS_PER_CALL = 4096

    def __init__(self, *, M: int = 12, ef_construction: int = 64, ef: int | None = None) -> None:
        self.M = check_integer("M", M, at_least=2)
        self.ef_construction = check_integer("ef_construction", ef_construction, at_least=1)
        self.ef = None if ef is None else check_integer("ef", ef, at_least=1)

    def _prepare_rows(self) -> None:
        from hnswlib import Index

        self._effort = 1
        n, p = self._rows.shape
        self._index = Index(space="l2", dim=p)
        self._index.init_index(
            max_elements=n,
            M=self.M,
            ef_construction=self.ef_construction,
            random_seed=self._problem.seed % 2**31,
        )
        order = np.random.RandomState(self._problem.seed % 2**32).permutation(n)
        for block in shown_blocks(n, self.ROWS_PER_CALL, "building the graph"):
            self._index.add_items(
                self._rows[order[block]], order[block], num_threads=self._problem.n_jobs
            )

    def _search_rows(self, k: int, truth: Sample) -> Lists:
        candidates = self._ask(self._rows, k + 1)
        return self._rank(self._rows, candidates, k, first=0)

    def _search_rows_for(self, queries: NDArray[np.float32], k: int) -> Lists:
        return self._rank(queries, self._ask(queries, k), k, first=-1)

    def _try_harder(self) -> bool:
        self._effort *= 2
        return self._effort <= self.MOST_EFFORT

    def _ask(self, queries: NDArray[np.float32], k: int) -> NDArray[np.int32]:
        """Return the rows that the graph finds for each query, -1 where it finds too few."""
        kept = self._effort * (self.ef or k + 15)
        self._index.set_ef(min(len(self._rows), max(k, kept)))
        candidates = np.full((len(queries), k), -1, dtype=np.int32)
        for block in shown_blocks(len(queries), self.ROWS_PER_CALL, "asking the graph"):
            try:
                candidates[block] = self._index.knn_query(
                    queries[block], k, num_threads=self._problem.n_jobs
                )[0]
            except RuntimeError:
                # hnswlib refuses the whole block if the part of the graph around one row is small.
                for row in range(block.start, block.stop):
                    candidates[row] = self._ask_for_one(queries[row], k)
        return candidates

    def _ask_for_one(self, query: NDArray[np.float32], k: int) -> Any:
        try:
            return self._index.knn_query(query, k, num_threads=1)[0]
        except RuntimeError:
            return -1
