"""Ctrl-C, noticed also where Python would lose it."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

__all__ = ["INTERRUPTS"]


class Interrupts:
    """Counts how often Ctrl-C is pressed, within its context.

    The futures of Dask run code when they are freed. Python ignores a KeyboardInterrupt that is
    raised there, and in other such places, so that a fit would go on for hours. Here, what was not
    seen as an exception is seen at the next `check`. Outside the main thread, and with a handler
    that is not Python's own, nothing is counted.
    """

    def __init__(self) -> None:
        self._depth = self._pressed = self._seen = 0
        self._replaced = False

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is not threading.main_thread():
            return self
        self._depth += 1
        if self._depth == 1 and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._pressed = self._seen = 0
            signal.signal(signal.SIGINT, self._press)
            self._replaced = True
        return self

    def __exit__(self, *error: object) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        self._depth -= 1
        if self._depth == 0 and self._replaced:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._replaced = False

    def take(self) -> None:
        """Note that a KeyboardInterrupt was caught."""
        self._seen = self._pressed

    def check(self) -> None:
        """Raise a KeyboardInterrupt if one was lost."""
        if self._pressed > self._seen:
            self._seen = self._pressed
            raise KeyboardInterrupt

    def _press(self, number: int, frame: FrameType | None) -> Any:
        self._pressed += 1
        signal.default_int_handler(number, frame)


INTERRUPTS = Interrupts()
"""Those of this process."""
