"""Silence for warnings of others that say nothing to a user."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["without_warnings"]

_lock = threading.RLock()


@contextmanager
def without_warnings() -> Iterator[None]:
    """Ignore warnings, in one thread at a time.

    Filters belong to the process: were they changed by two threads at once, the last to put them
    back could leave all warnings ignored. No lock may be waited for within.
    """
    with _lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _after_fork() -> None:
    """Renew the lock, which a thread of the parent may hold."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
