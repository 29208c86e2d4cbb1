"""How many threads `n_jobs` means."""

from __future__ import annotations

from numbers import Integral

__all__ = ["resolve_n_jobs"]

MAX_JOBS = 65_536
"""No machine runs this many threads at once; a larger number is a mistake."""


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
        If `n_jobs` is 0, or more threads than any machine has.
    """
    if n_jobs is None:
        return 1
    if not isinstance(n_jobs, Integral) or isinstance(n_jobs, bool):
        raise TypeError(f"n_jobs must be an integer or None, got {n_jobs!r}")
    if n_jobs == 0:
        raise ValueError("n_jobs=0 has no meaning; give a number of threads, or -1 for all")
    if n_jobs > MAX_JOBS:
        raise ValueError(f"n_jobs must be at most {MAX_JOBS:,}, got {n_jobs!r}")
    if n_jobs > 0:
        return int(n_jobs)
    from joblib import cpu_count

    return int(max(1, cpu_count() + 1 + n_jobs))
