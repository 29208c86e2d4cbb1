"""Checks of options, before any work."""

from numbers import Integral

__all__ = ["check_integer"]


def check_integer(name, value, *, at_least=1):
    """Return an integer, checked."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {value!r}")
    return int(value)
