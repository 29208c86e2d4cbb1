"""What a backend must leave as it is: everything that belongs to the process."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np
import pytest

__all__ = ["undisturbed"]


@contextlib.contextmanager
def undisturbed(capfd: pytest.CaptureFixture[str], *, imports: bool) -> Iterator[None]:
    """Check that the code within leaves the process as it was, and prints nothing.

    Parameters
    ----------
    capfd : pytest.CaptureFixture
        Sees what native code prints, too.
    imports : bool
        Whether the code may import modules, which change a few settings.
    """
    import sklearn  # noqa: F401, which tsnekit needs, and which sets variables when imported
    from threadpoolctl import threadpool_limits

    facts = {what: read for what, read in _FACTS.items() if not (imports and what in _OF_IMPORTS)}
    capfd.readouterr()
    # Settings that an earlier use has left behind would hide that the code makes them again.
    of_numpy, of_python = np.random.get_state(), random.getstate()  # noqa: NPY002
    np.random.seed(_SEED)  # noqa: NPY002
    random.seed(_SEED)
    kept = {name: value for name, value in os.environ.items() if not name.endswith(_THREADS)}
    with mock.patch.dict(os.environ, kept, clear=True), threadpool_limits(2):
        before = {what: read() for what, read in facts.items()}
        yield
        after = {what: read() for what, read in facts.items()}
    np.random.set_state(of_numpy)  # noqa: NPY002
    random.setstate(of_python)
    printed = "".join(capfd.readouterr())
    assert printed == "", f"it printed {printed[:200]!r}"
    for what, old in before.items():
        new = after[what]
        assert new == old or isinstance(old, dict), f"it changed {what}"
        if isinstance(old, dict):
            changed = [
                f"{key}: {value!r} became {new.get(key)!r}"
                for key, value in old.items()
                if new.get(key) != value
            ]
            # Libraries that were loaded meanwhile have limits of their own.
            if what != _LIMITS:
                changed += [f"{key}: {new[key]!r} is new" for key in new if key not in old]
            assert not changed, f"it changed {what}: {'; '.join(changed)}"


def _numpy_state() -> tuple[Any, ...]:
    name, key, *rest = np.random.get_state(legacy=True)  # noqa: NPY002, this one must not change
    return (name, np.asarray(key).tobytes(), *rest)


def _thread_limits() -> dict[str, int]:
    from threadpoolctl import threadpool_info

    return {each["filepath"]: each["num_threads"] for each in threadpool_info()}


def _handlers() -> dict[str, Any]:
    return {each.name: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}


_SEED = 918_273_645
"""A seed that nobody else takes."""

_THREADS = "_NUM_THREADS"
"""How variables end that say how many threads a library uses."""

_LIMITS = "the limits on threads"

_FACTS: dict[str, Callable[[], Any]] = {
    "the state of np.random": _numpy_state,
    "the state of random": random.getstate,
    "the environment": lambda: dict(os.environ),
    _LIMITS: _thread_limits,
    "the errors of NumPy": lambda: dict(np.geterr()),
    "the handlers of signals": _handlers,
    "the filters of warnings": lambda: list(warnings.filters),
    "the working directory": os.getcwd,
    "sys.path": lambda: list(sys.path),
}

_OF_IMPORTS = frozenset(
    {
        "the state of random",
        "the handlers of signals",
        "the filters of warnings",
        "sys.path",
    }
)
"""What modules change that are imported."""
