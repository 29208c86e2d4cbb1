"""Settings of the process have one owner, which counts the blocks that change them."""

import logging
import os
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
import threadpoolctl
from threadpoolctl import threadpool_limits

from tsnekit._util.process import one_blas_thread, show_logs, without_warnings

LOGGER = logging.getLogger("tsnekit")


def blas():
    """Return the numbers of threads that the BLAS libraries use."""
    return {info["num_threads"] for info in threadpoolctl.threadpool_info() if is_blas(info)}


def is_blas(info):
    return info["user_api"] == "blas"


def silent():
    """Return whether a warning is ignored."""
    with warnings.catch_warnings(record=True) as shown:
        warnings.warn("a test", UserWarning, stacklevel=1)
    return not shown


def logging_state():
    return LOGGER.level, LOGGER.propagate, list(LOGGER.handlers)


SETTINGS = {
    "blas": (one_blas_thread, blas, {1}),
    "warnings": (without_warnings, silent, True),
    "logging": (lambda: show_logs(True), lambda: LOGGER.level, logging.INFO),
}


@pytest.fixture(params=list(SETTINGS))
def setting(request, monkeypatch):
    """Return a block, a function that reads its setting, and the values inside and outside."""
    block, read, within = SETTINGS[request.param]
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    with threadpool_limits(2, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("always")
        without = read()
        assert without != within
        yield block, read, within, without


class Walker:
    """A thread that enters and leaves a block when it is told to."""

    def __init__(self, block):
        self._pool = ThreadPoolExecutor(1)
        self._make = block

    def enter(self):
        def enter():
            self._block = self._make()
            self._block.__enter__()

        self._pool.submit(enter).result()

    def leave(self):
        self._pool.submit(lambda: self._block.__exit__(None, None, None)).result()

    def see(self, read):
        return self._pool.submit(read).result()


def test_the_first_block_changes_and_the_last_one_restores(setting):
    block, read, within, without = setting
    first, second = Walker(block), Walker(block)
    first.enter()
    second.enter()
    first.leave()
    assert second.see(read) == within  # the block of this thread has not ended
    second.leave()
    assert read() == without


def test_a_block_in_the_middle_ends_first(setting):
    block, read, within, without = setting
    outer, inner = Walker(block), Walker(block)
    outer.enter()
    inner.enter()
    inner.leave()
    assert outer.see(read) == within
    outer.leave()
    assert read() == without


def test_blocks_in_one_thread_may_be_nested(setting):
    block, read, within, without = setting
    with block():
        with block():
            assert read() == within
        assert read() == within
    assert read() == without


def test_many_threads_at_once(setting):
    block, read, within, without = setting
    n_threads = 8
    barrier = threading.Barrier(n_threads)

    def work(_):
        barrier.wait()
        seen = []
        for _ in range(20):
            with block():
                seen.append(read())
        return seen

    # Reading the warnings changes the filters, which only one thread may do.
    if block is without_warnings:
        read = without_warnings_seen
    with ThreadPoolExecutor(n_threads) as pool:
        seen = [value for job in pool.map(work, range(n_threads)) for value in job]
    assert set(map(str, seen)) == {str(within)}
    assert SETTINGS_READ[block]() == without


def without_warnings_seen():
    warnings.warn("a test", UserWarning, stacklevel=1)  # an error, if it were shown
    return True


def test_an_error_restores_the_setting(setting):
    block, read, _, without = setting
    with pytest.raises(RuntimeError, match="on the way"), block():
        raise RuntimeError("on the way")
    assert read() == without


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test_a_forked_child_starts_clean(setting):
    block, read, within, without = setting
    other = Walker(block)
    other.enter()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        found = b"failed"
        try:
            before = read()
            with block():
                during = read()
            found = repr((before, during, read())).encode()
        finally:
            os.write(writer, found)
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        assert pipe.read().decode() == repr((without, within, without))
    assert other.see(read) == within
    other.leave()
    assert read() == without


def test_other_code_that_restores_the_filters_does_not_bring_silence_back():
    """`catch_warnings` restores the filters that it saved within a silent block."""
    block = without_warnings()
    block.__enter__()
    with warnings.catch_warnings():
        block.__exit__(None, None, None)
    with pytest.raises(UserWarning, match="heard"):
        warnings.warn("heard", UserWarning, stacklevel=1)


def test_libraries_loaded_after_the_first_block_are_limited_too(monkeypatch):
    from tsnekit._util import process

    class Library:
        def __init__(self, name):
            self.filepath, self.num_threads = name, 4
            self.internal_api = "any"

        def set_num_threads(self, n):
            self.num_threads = n

    first, late = Library("first"), Library("late")
    loaded = [first]
    monkeypatch.setattr(process, "_blas_libraries", lambda: list(loaded))
    with one_blas_thread():
        loaded.append(late)
        with one_blas_thread():
            assert (first.num_threads, late.num_threads) == (1, 1)
        assert (first.num_threads, late.num_threads) == (1, 1)
    assert (first.num_threads, late.num_threads) == (4, 4)


def test_libraries_that_count_for_each_thread_are_limited_in_each(monkeypatch):
    from tsnekit._util import process

    class Library:
        filepath, internal_api = "library", "mkl"

        def __init__(self):
            self._local = threading.local()

        @property
        def num_threads(self):
            return getattr(self._local, "n", 4)

        def set_num_threads(self, n):
            self._local.n = n

    library = Library()
    monkeypatch.setattr(process, "_blas_libraries", lambda: [library])
    other = Walker(one_blas_thread)
    with one_blas_thread():
        assert other.see(lambda: library.num_threads) == 4
        other.enter()
        assert other.see(lambda: library.num_threads) == 1
    assert library.num_threads == 4
    other.leave()
    assert other.see(lambda: library.num_threads) == 4


def test_ctrl_c_during_the_change_undoes_it(monkeypatch):
    from tsnekit._util import process

    class Library:
        filepath, internal_api, num_threads = "library", "any", 4

        def set_num_threads(self, n):
            self.num_threads = n
            if n == 1:
                raise KeyboardInterrupt

    library = Library()
    monkeypatch.setattr(process, "_blas_libraries", lambda: [library])
    with pytest.raises(KeyboardInterrupt), one_blas_thread():
        pass
    assert library.num_threads == 4


def test_ctrl_c_cannot_be_lost_while_blas_is_searched(monkeypatch):
    """C code drops exceptions of its callbacks. Python raises Ctrl-C in the main thread only."""
    threads = []

    class Controller(threadpoolctl.ThreadpoolController):
        def __init__(self):
            threads.append(threading.current_thread())
            super().__init__()

    monkeypatch.setattr("threadpoolctl.ThreadpoolController", Controller)
    with one_blas_thread():
        pass
    assert threads
    assert threading.main_thread() not in threads


def test_logging_of_the_user_is_left_alone(caplog):
    with caplog.at_level(logging.INFO, "tsnekit"):
        before = logging_state()
        with show_logs(True):
            assert logging_state() == before
        assert logging_state() == before


def test_no_logs_without_verbose():
    before = logging_state()
    with show_logs(False):
        assert logging_state() == before


def test_import_changes_no_setting():
    code = (
        "import logging, warnings; before = list(warnings.filters);"
        "import tsnekit._util.process;"
        "assert warnings.filters == before; assert not logging.getLogger('tsnekit').handlers"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True)


SETTINGS_READ = {block: read for block, read, _ in SETTINGS.values()}
