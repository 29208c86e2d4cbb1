# cython: language_level=3
"""Checks of arrays against one another, before a kernel takes their addresses."""


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
