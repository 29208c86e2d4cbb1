"""Locks that a forked process finds free."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Lock"]


class Lock:
    """A reentrant lock that is free in a forked child, even if a thread of the parent held it.

    A forked child does not have the other threads of its parent, so that nothing in the child would
    release their locks. A copy of a lock is a new lock, which is free.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _locks.add(self)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock until the block ends."""
        # In a child that was forked within the block, the block ends with the lock it began with.
        with self._lock:
            yield

    def __reduce__(self) -> tuple[Any, ...]:
        return Lock, ()

    def _renew(self) -> None:
        self._lock = threading.RLock()


_locks: weakref.WeakSet[Lock] = weakref.WeakSet()


def _renew_locks() -> None:
    for lock in list(_locks):
        lock._renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
