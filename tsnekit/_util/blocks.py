"""Work on blocks of rows: in threads, and with a chance for Ctrl-C between blocks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tsnekit._util.process import one_blas_thread

__all__ = ["for_blocks", "row_blocks"]


def row_blocks(n: int, size: int) -> list[slice]:
    """Return consecutive slices of at most `size` out of `n` rows.

    Parameters
    ----------
    n, size : int

    Returns
    -------
    list of slice
    """
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def for_blocks(work: Callable[[slice], None], n: int, *, size: int, n_jobs: int) -> None:
    """Call `work` for each block of rows, in `n_jobs` threads.

    An exception, or Ctrl-C, ends the work after the blocks that are under way. With more than one
    thread, BLAS uses one thread in each of them.

    Parameters
    ----------
    work : callable
        Called with a slice of the rows. It should spend its time without the GIL.
    n : int
        Number of rows.
    size : int
        The most rows of a block. Results should not depend on it.
    n_jobs : int
        Number of threads.
    """
    blocks = row_blocks(n, size)
    if n_jobs == 1 or len(blocks) == 1:
        for block in blocks:
            work(block)
        return
    # There are enough threads without those of BLAS.
    with one_blas_thread(), ThreadPoolExecutor(n_jobs) as pool:
        futures = [pool.submit(work, block) for block in blocks]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
