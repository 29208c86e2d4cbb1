"""Warnings that point at the line of the user's program that called tsnekit."""

from __future__ import annotations

import sys
import warnings

__all__ = ["warn"]

BETWEEN = ("tsnekit.", "sklearn.")
"""Modules that are not the user's program."""


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, as from the line of the program that called tsnekit, or scikit-learn's use of it.

    Parameters
    ----------
    message : str
    category : type, default=UserWarning
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(BETWEEN):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
