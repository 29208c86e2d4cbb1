"""Work on blocks of rows: in threads, with a chance for Ctrl-C and progress between blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from tsnekit.toolkit import one_blas_thread, progress

__all__ = ["for_blocks", "row_blocks", "shown_blocks"]


def row_blocks(n: int, size: int) -> list[slice]:
    """Return consecutive slices of at most `size` out of `n` rows."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def shown_blocks(n: int, size: int, what: str) -> Iterator[slice]:
    """Yield the slices of `row_blocks`, and show how many rows are done."""
    with progress(f"neighbors: {what}", n) as bar:
        for block in row_blocks(n, size):
            yield block
            bar.advance(block.stop - block.start)


def for_blocks(
    work: Callable[[slice], None], n: int, *, size: int, n_jobs: int, what: str = "working"
) -> None:
    """Call `work` for each block of rows, in `n_jobs` threads, and show `what` is done.

    An exception, or Ctrl-C, ends the work after the blocks that are under way.
    """
    blocks = row_blocks(n, size)
    if n_jobs == 1 or len(blocks) == 1:
        for block in shown_blocks(n, size, what):
            work(block)
        return
    # There are enough threads without those of BLAS.
    with one_blas_thread(), ThreadPoolExecutor(n_jobs) as pool:
        futures = [pool.submit(work, block) for block in blocks]
        try:
            for future, _ in zip(futures, shown_blocks(n, size, what), strict=True):
                future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
