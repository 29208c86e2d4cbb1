"""Help with names that are misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["did_you_mean"]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a question that ends a message and names the closest of `known`.

    If no name is close, return the full stop that ends the message.
    """
    close = difflib.get_close_matches(name, tuple(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else "."
