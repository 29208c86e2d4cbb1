# cython: language_level=3
"""Rows of data, queries and lists of neighbors, as the kernels take them."""

from libc.stdint cimport int32_t, int64_t
from .shapes cimport expect_rows

cdef extern from "kernels/neighbors/rows.hpp" namespace "tsnekit":
    enum class RowMetric:
        squared_euclidean
        manhattan
        hamming

    struct Rows:
        int64_t n
        int d
        const float* data

    struct Queries:
        const float* data
        int64_t first

    struct NeighborLists:
        int64_t n
        int k
        int32_t* index
        float* distance

    struct FoundLists:
        int64_t n
        int k
        const int32_t* index
        const float* distance


cdef struct Problem:
    Queries queries
    Rows data
    RowMetric metric
    NeighborLists lists


cdef inline RowMetric row_metric(str metric) except *:
    if metric == "sqeuclidean":
        return RowMetric.squared_euclidean
    if metric == "manhattan":
        return RowMetric.manhattan
    if metric == "hamming":
        return RowMetric.hamming
    raise ValueError(f"metric must be 'sqeuclidean', 'manhattan' or 'hamming', got {metric!r}")


cdef inline Rows borrow_rows(const float[:, ::1] X) except *:
    if X.shape[0] == 0 or X.shape[1] == 0:
        raise ValueError("there must be rows to search, with at least 1 feature")
    return Rows(n=X.shape[0], d=<int>X.shape[1], data=&X[0, 0])


cdef inline Problem borrow(
    const float[:, ::1] queries, int64_t first, const float[:, ::1] X, str metric,
    int32_t[:, ::1] indices, float[:, ::1] distances,
) except *:
    cdef Problem problem
    cdef Py_ssize_t n = indices.shape[0]
    expect_rows("queries", queries.shape[0], queries.shape[1], n, X.shape[1])
    expect_rows("distances", distances.shape[0], distances.shape[1], n, indices.shape[1])
    problem.data = borrow_rows(X)
    if not -1 <= first <= X.shape[0] - n and first != -1:
        raise ValueError(f"first must be -1 or a row from which {n} follow, got {first}")
    problem.queries = Queries(data=&queries[0, 0], first=first)
    problem.metric = row_metric(metric)
    problem.lists = NeighborLists(
        n=indices.shape[0], k=<int>indices.shape[1], index=&indices[0, 0],
        distance=&distances[0, 0],
    )
    return problem
