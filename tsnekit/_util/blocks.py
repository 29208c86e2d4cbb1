"""Work on blocks of rows: in threads, with a chance for Ctrl-C and progress between blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from tsnekit._util.process import one_blas_thread
from tsnekit._util.progress import progress

__all__ = ["for_blocks", "row_blocks", "shown_blocks"]


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


def shown_blocks(n: int, size: int, what: str) -> Iterator[slice]:
    """Yield the slices of `row_blocks`, and show how many rows are done, as `progress` does.

    Parameters
    ----------
    n, size : int
    what : str
        What is done with the rows.

    Yields
    ------
    slice
    """
    with progress(f"neighbors: {what}", n) as bar:
        for block in row_blocks(n, size):
            yield block
            bar.advance(block.stop - block.start)


def for_blocks(
    work: Callable[[slice], None], n: int, *, size: int, n_jobs: int, what: str | None = None
) -> None:
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
    what : str, optional
        What is done with the rows. If it is given, progress is shown, as `shown_blocks` does.
    """
    blocks = row_blocks(n, size)
    done = blocks if what is None else shown_blocks(n, size, what)
    if n_jobs == 1 or len(blocks) == 1:
        for block in done:
            work(block)
        return
    # There are enough threads without those of BLAS.
    with one_blas_thread(), ThreadPoolExecutor(n_jobs) as pool:
        futures = [pool.submit(work, block) for block in blocks]
        try:
            for future, _ in zip(futures, done, strict=True):
                future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
