"""Approximate search by a native forest of random projection trees, refined."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.plugins.neighbors._rows.approximate import FEW_ROWS
from tsnekit.plugins.neighbors._rows.lists import Lists, empty_lists
from tsnekit.plugins.neighbors._rows.refined_forest import RefinedForest
from tsnekit.plugins.neighbors._rows.sample import Sample
from tsnekit.plugins.neighbors._rows.spaces import VectorSpace
from tsnekit.toolkit import check_integer, progress, row_blocks, shown_blocks

__all__ = ["ForestSearch", "has_metric"]


def has_metric(name: str, sparse: bool = False) -> bool:
    """Whether the native layer has a metric of this name."""
    return not sparse and name in VectorSpace.METRICS


class ForestSearch(RefinedForest):
    """Approximate nearest neighbors by random projection trees and neighbors of neighbors.

    The first neighbors of a row are the nearest of some hundred rows that share a node with it in
    any tree. A search along links between rows then finds the others. Mostly, it misses at most a
    few in a thousand. All of this is native code; the result is the same for any number of threads.

    Parameters
    ----------
    n_trees : int, default=8
        Number of trees, at least 2, since nothing connects the leaves of a single tree. More trees
        give better candidates to start from.
    leaf_size : int, default=32
        Most rows of a leaf. New rows look for their first neighbors in leaves.

    References
    ----------
    Sanjoy Dasgupta, Yoav Freund. "Random projection trees and low dimensional manifolds".
    STOC 2008.

    J. A. V. Muñoz et al. "Hierarchical clustering-based graphs for large scale approximate nearest
    neighbor search". Pattern Recognition 96, 2019.

    W. Dong, C. Moses, K. Li. "Efficient k-nearest neighbor graph construction for generic
    similarity measures". WWW 2011.
    """

    PASSES_OF_FEW = 2

    NODE_ROWS = 512
    """Most rows among which every pair is measured.

    They fit into the cache. The nodes of a tree that have so many rows are above its leaves.
    """

    ROWS_PER_CALL = 16_384

    def __init__(self, *, n_trees: int = 8, leaf_size: int = 32) -> None:
        self.n_trees = check_integer("n_trees", n_trees, at_least=2)
        self.leaf_size = check_integer("leaf_size", leaf_size, at_least=2)

    def _prepare_rows(self) -> None:
        if len(self._rows) > FEW_ROWS:
            # Rows that share a leaf come side by side, so that near rows are near in memory.
            self._order = self._grow_trees(1).order(0)
            self._rows = self._rows[self._order]
        super()._prepare_rows()

    def _search_rows(self, k: int, truth: Sample) -> Lists:
        lists = self._rough_lists(k)
        self._refine(lists, truth)
        return lists

    def _rough_lists(self, k: int) -> Lists:
        """Return, for each row, the nearest rows that share a node with it in any tree."""
        forest, n = self._grown_forest(), len(self._rows)
        shape = n, self._linked.width(k)
        lists = np.full(shape, -1, dtype=np.int32), np.full(shape, np.inf, dtype=np.float32)
        level = min(self._depth(self.leaf_size), self._depth(self.NODE_ROWS))
        nodes = row_blocks(2**level, max(1, self.ROWS_PER_CALL * 2**level // n))
        with progress("neighbors: measuring within nodes", self.n_trees * 2**level, "nodes") as bar:
            for tree, block in itertools.product(range(self.n_trees), nodes):
                forest.scan(tree, level, block.start, block.stop, *lists, self._problem.n_jobs)
                bar.advance(block.stop - block.start)
        return lists

    def _rough_lists_for(self, queries: NDArray[np.float32], k: int) -> Lists:
        """Return the nearest of the rows in the leaves to which a query belongs."""
        forest = self._grown_forest()
        indices, distances = empty_lists(len(queries), self._linked.width(k))
        for block in shown_blocks(len(queries), self.ROWS_PER_CALL, "asking the trees"):
            forest.rank(queries[block], -1, indices[block], distances[block], self._problem.n_jobs)
        return indices, distances

    def _grow(self) -> Any:
        return self._grow_trees(self.n_trees)

    def _grow_trees(self, n_trees: int) -> Any:
        from tsnekit._native.forest import ProjectionForest

        n_jobs = self._problem.n_jobs
        depth = self._depth(self.leaf_size)
        forest = ProjectionForest(self._rows, self._space.kernel, n_trees, depth)
        rng = np.random.RandomState(self._problem.seed % 2**32)
        seeds = rng.randint(2**63, size=n_trees, dtype=np.uint64)
        # A few trees at a time, so that Ctrl-C is seen between them.
        for block in row_blocks(n_trees, n_jobs):
            forest.grow(block.start, seeds[block], n_jobs)
        return forest

    def _depth(self, most: int) -> int:
        """Return the level of trees whose nodes have at most so many rows."""
        return max(0, math.ceil(math.log2(len(self._rows) / most)))
