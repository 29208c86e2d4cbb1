"""How many threads `n_jobs` means, and keeping those of others out."""

from __future__ import annotations

import threading
from numbers import Integral
from types import TracebackType
from typing import Any

__all__ = ["BLAS_ON_ONE_THREAD", "resolve_n_jobs"]


class _OneThreadOfBLAS:
    """While anyone is within, BLAS uses one thread; the last one to leave restores its threads.

    BLAS has one number of threads for the whole process, and with more of them its last bits may
    change. Several fits at once would restore it in the wrong order if each kept it for itself.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._limits: Any = None

    def __enter__(self) -> None:
        from threadpoolctl import threadpool_limits

        with self._lock:
            if self._inside == 0:
                self._limits = threadpool_limits(1, user_api="blas")
            self._inside += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._limits.restore_original_limits()


BLAS_ON_ONE_THREAD = _OneThreadOfBLAS()


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
