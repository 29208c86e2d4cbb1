"""Failures in the code of a plugin, which must not end the program."""

from __future__ import annotations

__all__ = ["FAILURES", "describe"]

FAILURES = (Exception, SystemExit)
"""The exceptions that the core catches around code of a plugin; Ctrl-C is not one of them."""


def describe(error: BaseException) -> str:
    """Return the kind of an error and its message."""
    return f"{type(error).__name__}: {error}"
