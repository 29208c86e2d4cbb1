# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Neighbor lists: measured exhaustively, ranked from candidates, or improved along links."""

from libc.stdint cimport int32_t, int64_t
from .rows cimport (
    FoundLists, NeighborLists, Problem, Queries, RowMetric, Rows, borrow, borrow_rows, row_metric,
)
from .shapes cimport expect, expect_indices, expect_rows

cdef extern from "kernels/neighbors/refine.hpp" namespace "tsnekit":
    struct Links:
        int degree
        const int32_t* index

    void c_rank_candidates "tsnekit::rank_candidates"(
        const Queries& queries, const Rows& data, RowMetric metric, const int32_t* candidates,
        int width, const NeighborLists& lists, int threads,
    ) except + nogil
    void c_link_rows "tsnekit::link_rows"(
        const Rows& data, RowMetric metric, const FoundLists& lists, int reach, int degree,
        int32_t* links, int threads,
    ) except + nogil
    void c_follow_links "tsnekit::follow_links"(
        const Queries& queries, const Rows& data, RowMetric metric, const Links& links,
        int breadth, const NeighborLists& lists, int threads,
    ) except + nogil

cdef extern from "kernels/neighbors/scan.hpp" namespace "tsnekit":
    void c_scan_rows "tsnekit::scan_rows"(
        const Queries& queries, const Rows& data, RowMetric metric, const NeighborLists& lists,
        int threads,
    ) except + nogil


def rank_candidates(
    const float[:, ::1] queries, int64_t first, const float[:, ::1] X, str metric,
    const int32_t[:, ::1] candidates, int32_t[:, ::1] indices, float[:, ::1] distances,
    int n_threads,
):
    """Fill `indices` and `distances` by the nearest of the candidates of each query.

    Candidates may be unordered, repeated, or -1 for none. Where there are too few of them, -1 and
    infinity fill the last places. The queries are the rows of `X` from row `first` on, and a row is
    no neighbor of itself; where `first` is -1, they are other rows. Distances are squared,
    Manhattan, or counts.
    """
    if indices.shape[0] == 0 or indices.shape[1] == 0:
        return
    cdef Problem p = borrow(queries, first, X, metric, indices, distances)
    expect("candidates", candidates.shape[0], indices.shape[0])
    expect_indices("candidates", &candidates[0, 0], candidates.size, -1, X.shape[0])
    with nogil:
        c_rank_candidates(
            p.queries, p.data, p.metric, &candidates[0, 0], <int>candidates.shape[1], p.lists,
            n_threads,
        )


def link_rows(
    const float[:, ::1] X, str metric, const int32_t[:, ::1] indices,
    const float[:, ::1] distances, int reach, int32_t[:, ::1] links, int n_threads,
):
    """Fill `links` with neighbors in different directions, then with the rows that chose a row."""
    if indices.shape[0] == 0 or indices.shape[1] == 0:
        return
    cdef Rows data = borrow_rows(X)
    cdef RowMetric kind = row_metric(metric)
    expect_rows("distances", distances.shape[0], distances.shape[1], data.n, indices.shape[1])
    expect("links", links.shape[0], data.n)
    expect("indices", indices.shape[0], data.n)
    expect_indices("indices", &indices[0, 0], indices.size, -1, data.n)
    cdef FoundLists lists = FoundLists(
        n=data.n, k=<int>indices.shape[1], index=&indices[0, 0], distance=&distances[0, 0],
    )
    with nogil:
        c_link_rows(data, kind, lists, reach, <int>links.shape[1], &links[0, 0], n_threads)


def follow_links(
    const float[:, ::1] queries, int64_t first, const float[:, ::1] X, str metric,
    const int32_t[:, ::1] links, int breadth, int32_t[:, ::1] indices, float[:, ::1] distances,
    int n_threads,
):
    """Improve the lists by following links from the `breadth` nearest of each query."""
    if indices.shape[0] == 0 or indices.shape[1] == 0:
        return
    cdef Problem p = borrow(queries, first, X, metric, indices, distances)
    expect("links", links.shape[0], X.shape[0])
    expect_indices("links", &links[0, 0], links.size, -1, X.shape[0])
    expect_indices("indices", &indices[0, 0], indices.size, -1, X.shape[0])
    cdef Links followed = Links(degree=<int>links.shape[1], index=&links[0, 0])
    with nogil:
        c_follow_links(
            p.queries, p.data, p.metric, followed, breadth, p.lists, n_threads,
        )


def scan_rows(
    const float[:, ::1] queries, int64_t first, const float[:, ::1] X, str metric,
    int32_t[:, ::1] indices, float[:, ::1] distances, int n_threads,
):
    """Fill `indices` and `distances` by the nearest rows of `X`, measuring every pair."""
    if indices.shape[0] == 0 or indices.shape[1] == 0:
        return
    cdef Problem p = borrow(queries, first, X, metric, indices, distances)
    with nogil:
        c_scan_rows(p.queries, p.data, p.metric, p.lists, n_threads)
