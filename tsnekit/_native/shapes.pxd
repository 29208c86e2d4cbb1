# cython: language_level=3
"""Checks of arrays against one another, before a kernel takes their addresses."""

from libc.stdint cimport int32_t, int64_t


cdef inline int expect(str name, Py_ssize_t length, Py_ssize_t wanted) except -1:
    """Raise a ValueError unless an array has the length that the others ask for."""
    if length != wanted:
        raise ValueError(f"{name} must have length {wanted}, got {length}")
    return 0


cdef inline int expect_least(str name, Py_ssize_t length, Py_ssize_t wanted) except -1:
    """Raise a ValueError if an array is shorter than what will be written or read."""
    if length < wanted:
        raise ValueError(f"{name} must have at least length {wanted}, got {length}")
    return 0


cdef inline int expect_rows(
    str name, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t wanted_rows,
    Py_ssize_t wanted_columns,
) except -1:
    """Raise a ValueError unless a two-dimensional array has this shape."""
    if rows != wanted_rows or columns != wanted_columns:
        raise ValueError(
            f"{name} must have shape ({wanted_rows}, {wanted_columns}), got ({rows}, {columns})"
        )
    return 0


cdef inline int expect_dimensions(int d, int most) except -1:
    """Raise a ValueError unless points have 1 to `most` dimensions."""
    if not 1 <= d <= most:
        raise ValueError(f"points must have 1 to {most} dimensions, got {d}")
    return 0


cdef inline int expect_indices(
    str name, const int32_t* start, Py_ssize_t size, int64_t least, int64_t limit
) except -1:
    """Raise a ValueError unless all indices are from `least` to below `limit`."""
    cdef int32_t low = 0, high = 0
    cdef Py_ssize_t i
    if size == 0:
        return 0
    low = high = start[0]
    for i in range(size):
        low = min(low, start[i])
        high = max(high, start[i])
    if low < least or high >= limit:
        raise ValueError(f"{name} must be from {least} to {limit - 1}, got {low} to {high}")
    return 0
