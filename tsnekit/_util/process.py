"""The settings that belong to the whole process: BLAS threads, warnings, logging.

All threads share these settings, so that no thread may change and restore one on its own. Each
setting has one owner here, which counts the blocks that need the change. The first block makes the
change, and the last block to end undoes it. Blocks may begin and end in any order and in any
thread.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tsnekit._util.locks import Lock

__all__ = ["one_blas_thread", "show_logs", "without_warnings"]


class Setting(ABC):
    """A setting of the process, and the blocks that need it changed."""

    def __init__(self) -> None:
        # Reentrant, since the garbage collector may end a block while the same thread begins
        # another.
        self._lock = Lock()
        self._blocks: set[object] = set()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._start_anew)

    @contextmanager
    def changed(self, *objects: Any) -> Iterator[None]:
        """Keep the setting of `objects` changed until this block and all others have ended."""
        block = object()
        try:
            with self._lock.held():
                # The block is counted before the change, so that Ctrl-C during the change undoes
                # it.
                self._blocks.add(block)
                self._change(*objects)
            yield
        finally:
            with self._lock.held():
                if block in self._blocks:
                    self._blocks.remove(block)
                    if not self._blocks:
                        self._undo()

    def _start_anew(self) -> None:
        """Undo the change in a forked child, which has none of the other threads."""
        if self._blocks:
            self._blocks.clear()
            self._undo()

    @abstractmethod
    def _change(self, *objects: Any) -> None:
        """Make the change, and remember what it replaces; every block calls this."""

    @abstractmethod
    def _undo(self) -> None:
        """Undo every change since the last call."""


class _BlasThreads(Setting):
    """One thread for each BLAS library whose number of threads all callers share."""

    def __init__(self) -> None:
        super().__init__()
        self._before: dict[str, tuple[Any, int]] = {}

    def _change(self, *libraries: Any) -> None:
        # The first block may have begun before a library was loaded.
        for library in libraries:
            if library.num_threads != 1:
                self._before.setdefault(library.filepath, (library, library.num_threads))
                _set_threads(library, 1)

    def _undo(self) -> None:
        while self._before:
            _, (library, n_threads) = self._before.popitem()
            _set_threads(library, n_threads)


def _set_threads(library: Any, n_threads: int) -> None:
    # Newer versions of threadpoolctl ignore every thread but the first that changed the number.
    # Here the first block and the last one may be in different threads.
    release = getattr(library, "clear_controlling_thread", lambda *, force: None)
    release(force=True)
    library.set_num_threads(n_threads)
    release(force=True)


@contextmanager
def _limited_here(libraries: list[Any]) -> Iterator[None]:
    """Keep libraries with a number of threads for each caller to one thread for this caller."""
    before = [library.num_threads for library in libraries]
    try:
        for library in libraries:
            library.set_num_threads(1)
        yield
    finally:
        for library, n_threads in zip(libraries, before, strict=True):
            library.set_num_threads(n_threads)


def _is_per_caller(library: Any) -> bool:
    openmp = getattr(library, "threading_layer", None) == "openmp"
    return bool(openmp or library.internal_api == "mkl")


def _blas_libraries() -> list[Any]:
    """Return threadpoolctl's handle for each BLAS library that is loaded."""
    from concurrent.futures import ThreadPoolExecutor

    from threadpoolctl import ThreadpoolController

    # C code lists the libraries by calling back into Python. A KeyboardInterrupt raised there would
    # be printed and lost. Python raises it in the main thread only, so another thread asks.
    with ThreadPoolExecutor(1) as pool:
        controller = pool.submit(ThreadpoolController).result()
    return list(controller.select(user_api="blas").lib_controllers)


class _SilentFilter:
    """The pattern of a warning filter: it matches every message while a block is silent.

    Other code copies the list of filters and later restores its copy. A filter may therefore come
    back after it was removed. This filter then matches nothing.
    """

    def __init__(self, blocks: set[object]) -> None:
        self._blocks = blocks

    def match(self, message: str) -> bool:
        """Return whether warnings are to be ignored now."""
        return bool(self._blocks)


class _Warnings(Setting):
    """No warnings."""

    def __init__(self) -> None:
        super().__init__()
        self._filter: Any = ("ignore", _SilentFilter(self._blocks), Warning, None, 0)

    def _change(self, *_: Any) -> None:
        filters: list[Any] = warnings.filters  # type: ignore[assignment]
        if not filters or filters[0] is not self._filter:
            filters.insert(0, self._filter)

    def _undo(self) -> None:
        filters: list[Any] = warnings.filters  # type: ignore[assignment]
        filters[:] = [entry for entry in filters if entry is not self._filter]


class _Logs(Setting):
    """The log of tsnekit on standard error, unless the user's own logging shows it."""

    def __init__(self) -> None:
        super().__init__()
        self._handler = _BarFriendlyHandler()
        self._handler.setFormatter(logging.Formatter("%(message)s"))
        self._before: tuple[int, bool] | None = None

    def _change(self, *_: Any) -> None:
        logger = logging.getLogger("tsnekit")
        shown = logger.hasHandlers() and logger.isEnabledFor(logging.INFO)
        if self._before is None and not shown:
            self._before = logger.level, logger.propagate
            logger.addHandler(self._handler)
            logger.setLevel(logging.INFO)
            logger.propagate = False

    def _undo(self) -> None:
        logger = logging.getLogger("tsnekit")
        logger.removeHandler(self._handler)
        if self._before is not None:
            level, logger.propagate = self._before
            logger.setLevel(level)
            self._before = None


class _BarFriendlyHandler(logging.Handler):
    """Writes above a progress bar instead of through it."""

    def emit(self, record: logging.LogRecord) -> None:
        from tqdm import tqdm

        tqdm.write(self.format(record), file=sys.stderr)


_blas_threads = _BlasThreads()
_warnings = _Warnings()
_logs = _Logs()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep BLAS to one thread within the block."""
    libraries = _blas_libraries()
    own = [library for library in libraries if _is_per_caller(library)]
    shared = [library for library in libraries if not _is_per_caller(library)]
    with _blas_threads.changed(*shared), _limited_here(own):
        yield


@contextmanager
def without_warnings() -> Iterator[None]:
    """Ignore warnings within the block, and in other threads as long as the block lasts."""
    with _warnings.changed():
        yield


@contextmanager
def show_logs(verbose: bool) -> Iterator[None]:
    """Show what tsnekit logs within the block, unless the user's own logging shows it."""
    if not verbose:
        yield
        return
    with _logs.changed():
        yield
