"""How many threads `n_jobs` means, and how many BLAS may use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral

__all__ = ["one_blas_thread", "resolve_n_jobs"]


def resolve_n_jobs(n_jobs: int | None) -> int:
    """Resolve `n_jobs` as scikit-learn does.

    Parameters
    ----------
    n_jobs : int or None
        Number of threads; -1 means every processor that this process may use (CPU affinity and
        cgroup limits count), -2 all but one, and so on; None means 1.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    TypeError
        If `n_jobs` is not an integer.
    ValueError
        If `n_jobs` is 0.
    """
    if n_jobs is None:
        return 1
    if not isinstance(n_jobs, Integral) or isinstance(n_jobs, bool):
        raise TypeError(f"n_jobs must be an integer or None, got {n_jobs!r}")
    if n_jobs == 0:
        raise ValueError("n_jobs=0 has no meaning; give a number of threads, or -1 for all")
    if n_jobs > 0:
        return int(n_jobs)
    from joblib import cpu_count

    return int(max(1, cpu_count() + 1 + n_jobs))


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep BLAS to one thread within the block."""
    from concurrent.futures import ThreadPoolExecutor

    from threadpoolctl import ThreadpoolController

    # The libraries are told by callbacks from C, where the KeyboardInterrupt of a Ctrl-C would be
    # printed and lost. It is raised in the main thread alone, so another one looks for them.
    with ThreadPoolExecutor(1) as pool:
        controller = pool.submit(ThreadpoolController).result()
    with controller.limit(limits=1, user_api="blas"):
        yield
