"""Numba's threads: one search at a time, Ctrl-C, and forked processes."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tsnekit.toolkit import without_warnings

__all__ = ["is_cut_off", "quiet_numba"]

logger = logging.getLogger(__name__)

# The simplest threads of Numba, "workqueue", end the process if two searches use them at once.
_lock = threading.RLock()


@contextmanager
def quiet_numba(n_jobs: int) -> Iterator[int]:
    """Let Numba use `n_jobs` threads, without warnings about faults that tsnekit corrects."""
    import numba

    with _lock, without_warnings():
        before = numba.get_num_threads()
        n_jobs = min(n_jobs, numba.config.NUMBA_NUM_THREADS)
        numba.set_num_threads(n_jobs)
        try:
            yield int(n_jobs)
        except SystemError as error:
            if _comes_of_ctrl_c(error):
                raise KeyboardInterrupt from error
            raise
        finally:
            numba.set_num_threads(before)


def _comes_of_ctrl_c(error: BaseException | None) -> bool:
    """Return whether compiled code that called into Python turned a Ctrl-C into this error."""
    if error is None or isinstance(error, KeyboardInterrupt):
        return error is not None
    return _comes_of_ctrl_c(error.__cause__)


# -- Forked processes --------------------------------------------------------------------------

_threads_stayed_behind = False


def _after_fork() -> None:
    """Renew the lock, which a thread of the parent may hold; note if Numba lost its threads."""
    global _lock, _threads_stayed_behind
    _lock = threading.RLock()
    _threads_stayed_behind = _threads_stayed_behind or _uses_gnu_openmp()


def _uses_gnu_openmp() -> bool:
    """Return whether Numba uses GNU OpenMP, which ends a forked process that uses its threads."""
    numba = sys.modules.get("numba")
    try:
        return numba is not None and sys.platform == "linux" and numba.threading_layer() == "omp"
    except (AttributeError, ValueError):  # Numba is still being imported and has no threads
        return False


def is_cut_off() -> bool:
    """Return whether a fork cut this process off from Numba's threads, and log it if so."""
    if _threads_stayed_behind:
        logger.warning(
            "PyNNDescent cannot run in a process that was forked after Numba started its threads; "
            "searching exhaustively, which takes long for many rows. It runs in processes that "
            "are started by 'spawn' or 'forkserver'"
        )
    return _threads_stayed_behind


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
