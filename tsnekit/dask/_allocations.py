"""The memory of arrays, which the C library keeps for the next ones during an optimization."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator

__all__ = ["kept_memory"]

SET_BY_DASK = "MALLOC_TRIM_THRESHOLD_"

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt, from malloc.h."""

DEFAULT_BYTES = 128 * 1024
"""The default of both."""

KEPT_BYTES = 32 * 2**20
"""The most that glibc allows for an array that is not mapped by itself."""


@contextlib.contextmanager
def kept_memory() -> Iterator[None]:
    """Let the C library keep what is freed, within this context.

    Dask's nanny makes glibc give memory back early. That also makes it map each array of 128 KB or
    more by itself, so that an iteration which makes a few of them waits for new pages each time.
    """
    given = os.environ.get(SET_BY_DASK, "")
    library = ctypes.CDLL(None) if given.isdigit() else None
    if not (hasattr(library, "mallopt") and hasattr(library, "malloc_trim")):
        yield
        return
    assert library is not None
    library.mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
    library.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
    try:
        yield
    finally:
        library.mallopt(M_MMAP_THRESHOLD, DEFAULT_BYTES)
        library.mallopt(M_TRIM_THRESHOLD, int(given))
        library.malloc_trim(0)
