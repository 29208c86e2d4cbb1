# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Rough lists of nearest neighbors, from a forest of random projection trees."""

cimport cython
from libc.stdint cimport int32_t, int64_t, uint64_t
from .rows cimport NeighborLists, Problem, Queries, RowMetric, Rows, borrow, borrow_rows, row_metric
from .shapes cimport expect, expect_indices, expect_rows

import numpy as np

cdef extern from "kernels/neighbors/forest.hpp" namespace "tsnekit":
    struct Forest:
        int trees
        int depth
        int32_t* place
        int32_t* leaf
        int32_t* pole
        float* median

    void c_grow_forest "tsnekit::grow_forest"(
        const Rows& data, RowMetric metric, int first_tree, int trees, const uint64_t* seeds,
        const Forest& forest, int threads,
    ) except + nogil
    void c_find_leaves "tsnekit::find_leaves"(
        const float* queries, int64_t m, const Rows& data, RowMetric metric,
        const Forest& forest, int32_t* leaf, int threads,
    ) except + nogil
    void c_rank_leaf_mates "tsnekit::rank_leaf_mates"(
        const Queries& queries, const Rows& data, RowMetric metric, const Forest& forest,
        const int32_t* leaf, int64_t leaf_stride, const NeighborLists& lists, int threads,
    ) except + nogil

cdef extern from "kernels/neighbors/leaves.hpp" namespace "tsnekit":
    void c_scan_nodes "tsnekit::scan_nodes"(
        const Rows& data, RowMetric metric, const Forest& forest, int tree, int level,
        int64_t first, int64_t last, const NeighborLists& lists, int threads,
    ) except + nogil
    void c_rename_rows "tsnekit::rename_rows"(
        int64_t n, int k, int32_t* index, const float* distance, const int32_t* name, int threads,
    ) except + nogil


def rename_rows(
    int32_t[:, ::1] indices, const float[:, ::1] distances, const int32_t[::1] names, int n_threads,
):
    """Replace each row r in lists by names[r]; equal distances are in the order of the names."""
    expect_rows(
        "distances", distances.shape[0], distances.shape[1], indices.shape[0], indices.shape[1],
    )
    if indices.shape[0] == 0 or indices.shape[1] == 0:
        return
    expect_indices("indices", &indices[0, 0], indices.size, -1, names.shape[0])
    if names.shape[0]:
        with nogil:
            c_rename_rows(
                indices.shape[0], <int>indices.shape[1], &indices[0, 0], &distances[0, 0],
                &names[0], n_threads,
            )


@cython.final
cdef class ProjectionForest:
    """Balanced trees over rows of data; `grow` grows them.

    Parameters
    ----------
    X : float32 array (n, p)
        Kept, not copied.
    metric : {"sqeuclidean", "manhattan", "hamming"}
    n_trees : int
    depth : int
        Levels of splits; leaves hold n / 2**depth rows, rounded.
    """

    cdef Rows data
    cdef RowMetric metric
    cdef Forest forest
    cdef const float[:, ::1] X
    cdef str metric_name
    cdef int32_t[:, ::1] place, leaf
    cdef int32_t[:, :, ::1] pole
    cdef float[:, ::1] median

    def __init__(self, const float[:, ::1] X, str metric, int n_trees, int depth):
        self.data = borrow_rows(X)
        if n_trees < 1:
            raise ValueError(f"n_trees must be at least 1, got {n_trees}")
        if not 0 <= depth < 31 or (<int64_t>1 << depth) > X.shape[0]:
            raise ValueError(f"depth must leave a row to each leaf, got {depth}")
        self.X = X
        self.metric_name = metric
        self.metric = row_metric(metric)
        cdef int64_t nodes = (<int64_t>1 << depth) - 1
        self.place = np.zeros((n_trees, X.shape[0]), dtype=np.int32)
        self.leaf = np.zeros((n_trees, X.shape[0]), dtype=np.int32)
        self.pole = np.zeros((n_trees, max(1, nodes), 2), dtype=np.int32)
        self.median = np.zeros((n_trees, max(1, nodes)), dtype=np.float32)
        self.forest = Forest(
            trees=n_trees, depth=depth, place=&self.place[0, 0], leaf=&self.leaf[0, 0],
            pole=&self.pole[0, 0, 0], median=&self.median[0, 0],
        )

    def grow(self, int first, const uint64_t[::1] seeds, int n_threads):
        """Grow the trees from number `first` on, one for each seed."""
        if first < 0 or first + seeds.shape[0] > self.forest.trees:
            raise ValueError(f"there are {self.forest.trees} trees to grow, got more")
        if seeds.shape[0] == 0:
            return
        with nogil:
            c_grow_forest(self.data, self.metric, first, <int>seeds.shape[0], &seeds[0],
                          self.forest, n_threads)

    def order(self, int tree):
        """Return the rows, int32 array (n,), leaf by leaf: near rows are often near in it."""
        self.expect_tree(tree)
        return np.array(self.place[tree])

    def scan(
        self, int tree, int level, int64_t first, int64_t last, int32_t[:, ::1] indices,
        float[:, ::1] distances, int n_threads,
    ):
        """Merge, into lists of all rows, the nearest rows within nodes of one level of a tree.

        Level l has 2**l nodes, of which those from `first` to before `last` are scanned. -1 and
        infinity must fill the places of the lists that are empty.
        """
        self.expect_tree(tree)
        if not 0 <= level <= self.forest.depth:
            raise ValueError(f"level must be from 0 to {self.forest.depth}, got {level}")
        if not 0 <= first <= last <= (<int64_t>1 << level):
            raise ValueError(
                f"nodes must be from 0 to {<int64_t>1 << level}, got {first} to {last}"
            )
        cdef Problem p
        if indices.shape[1] == 0:
            return
        expect("indices", indices.shape[0], self.data.n)
        p = borrow(self.X, 0, self.X, self.metric_name, indices, distances)
        with nogil:
            c_scan_nodes(
                p.data, p.metric, self.forest, tree, level, first, last, p.lists, n_threads,
            )

    cdef int expect_tree(self, int tree) except -1:
        if not 0 <= tree < self.forest.trees:
            raise ValueError(f"tree must be from 0 to {self.forest.trees - 1}, got {tree}")
        return 0

    def rank(
        self, const float[:, ::1] queries, int64_t first, int32_t[:, ::1] indices,
        float[:, ::1] distances, int n_threads,
    ):
        """Fill `indices` and `distances` by the nearest of the rows in the leaves of each query.

        The queries are the rows of the data from row `first` on or, where that is -1, other rows.
        -1 and infinity fill the places for which there are too few.
        """
        if indices.shape[0] == 0 or indices.shape[1] == 0:
            return
        cdef Problem p = borrow(queries, first, self.X, self.metric_name, indices, distances)
        cdef int64_t m = indices.shape[0], stride = self.data.n
        cdef int32_t[::1] found
        cdef const int32_t* leaf = self.forest.leaf + max(0, first)
        if first < 0:
            found = np.empty(self.forest.trees * m, dtype=np.int32)
            leaf = &found[0]
            stride = m
            with nogil:
                c_find_leaves(
                    p.queries.data, m, p.data, p.metric, self.forest, &found[0], n_threads,
                )
        with nogil:
            c_rank_leaf_mates(
                p.queries, p.data, p.metric, self.forest, leaf, stride, p.lists, n_threads,
            )
