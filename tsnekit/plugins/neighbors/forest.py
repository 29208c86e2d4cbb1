"""Approximate search by a native forest of random projection trees, refined."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.plugins.neighbors._rows.blocks import row_blocks
from tsnekit.plugins.neighbors._rows.lists import Lists, empty_lists
from tsnekit.plugins.neighbors._rows.refined_forest import RefinedForest
from tsnekit.plugins.neighbors._rows.spaces import VectorSpace
from tsnekit.toolkit import check_integer

__all__ = ["ForestSearch", "has_metric"]


def has_metric(name: str, sparse: bool = False) -> bool:
    """Whether the native layer has a metric of this name."""
    return not sparse and name in VectorSpace.METRICS


class ForestSearch(RefinedForest):
    """Approximate nearest neighbors by random projection trees and neighbors of neighbors.

    The first neighbors of a row are the rows that share a leaf with it in any tree. A search along
    links between rows then finds the others. Mostly, it misses at most a few in a thousand. All of
    this is native code; the result is the same for any number of threads.

    Parameters
    ----------
    n_trees : int, default=8
        Number of trees, at least 2, since nothing connects the leaves of a single tree. More trees
        give better candidates to start from.
    leaf_size : int, default=32
        Most rows of a leaf.

    References
    ----------
    S. Dasgupta, Y. Freund. "Random projection trees and low dimensional manifolds". STOC 2008.

    W. Dong, C. Moses, K. Li. "Efficient k-nearest neighbor graph construction for generic
    similarity measures". WWW 2011.
    """

    ROWS_PER_CALL = 16_384

    def __init__(self, *, n_trees: int = 8, leaf_size: int = 32) -> None:
        self.n_trees = check_integer("n_trees", n_trees, at_least=2)
        self.leaf_size = check_integer("leaf_size", leaf_size, at_least=2)

    def _search_rows(self, k: int) -> Lists:
        lists = self._rough_lists(self._rows, k, first=0)
        self._linked.improve(lists)
        self._linked.refine(lists, k)
        return lists

    def _rough_lists(self, queries: NDArray[np.float32], k: int, *, first: int) -> Lists:
        """Return the nearest of the rows that share a leaf with a query."""
        forest = self._grown_forest()
        indices, distances = empty_lists(len(queries), self._linked.width(k))
        for block in row_blocks(len(queries), self.ROWS_PER_CALL):
            forest.rank(
                queries[block], first if first < 0 else first + block.start, indices[block],
                distances[block], self._problem.n_jobs,
            )  # fmt: skip
        return indices, distances

    def _grow(self) -> Any:
        from tsnekit._native.forest import ProjectionForest

        n, n_jobs = len(self._rows), self._problem.n_jobs
        depth = max(0, math.ceil(math.log2(n / self.leaf_size)))
        forest = ProjectionForest(self._rows, self._space.kernel, self.n_trees, depth)
        rng = np.random.RandomState(self._problem.seed % 2**32)
        seeds = rng.randint(2**63, size=self.n_trees, dtype=np.uint64)
        # A few trees at a time, so that Ctrl-C is seen between them.
        for block in row_blocks(self.n_trees, n_jobs):
            forest.grow(block.start, seeds[block], n_jobs)
        return forest
