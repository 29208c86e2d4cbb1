"""The progress that `verbose` shows on standard error: a bar, or lines in a file."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

__all__ = ["ProgressBar"]

ERROR_EVERY = 50
"""Iterations between two KL divergences, since each takes as long as one or two iterations."""

LINE_EVERY = 10.0
"""Seconds between two lines in a file."""


class ProgressBar:
    """The iterations of one phase and their pace, with the KL divergence now and then.

    On a terminal and in a notebook, it is a bar that moves. In a file, it is a line at the end of
    the phase, and a line each ten seconds before.

    Parameters
    ----------
    description : str
    total : int
        Number of iterations.
    shown : bool
        Whether there is a bar at all.
    """

    def __init__(self, description: str, total: int, *, shown: bool) -> None:
        self._bar: Any = None
        if shown and _redraws(sys.stderr):
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=description, unit="it", dynamic_ncols=True)
        elif shown:
            self._bar = _Lines(description, total)
        self._total = total

    def advance(self, n: int = 1) -> None:
        """Count one iteration, or several."""
        if self._bar is not None:
            self._bar.update(n)

    def describe(self, description: str) -> None:
        """Show what is done now."""
        if self._bar is not None:
            self._bar.set_description(description)

    def shorten(self, n: int) -> None:
        """Expect so many iterations less."""
        self._total -= n
        if self._bar is not None:
            self._bar.total = self._total
            self._bar.refresh()

    def wants_error(self, iteration: int) -> bool:
        """Return whether the KL divergence after an iteration, counted from 1, is to be shown."""
        due = iteration % ERROR_EVERY == 0 or iteration == self._total
        return self._bar is not None and due

    def show_error(self, error: float, others: Mapping[str, float] | None = None) -> None:
        """Show the KL divergence, and other losses by name."""
        if self._bar is not None:
            losses = {"KL": error, **(others or {})}
            shown = (f"{name} {value:.4f}" for name, value in losses.items())
            self._bar.set_postfix_str(", ".join(shown))

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()


def _redraws(stream: Any) -> bool:
    """Whether a line that was written can be written anew."""
    on_terminal = hasattr(stream, "isatty") and stream.isatty()
    return on_terminal or type(stream).__module__.startswith("ipykernel.")


class _Lines:
    """What tqdm's bar is, in lines that are written once."""

    def __init__(self, description: str, total: int) -> None:
        self._description = description
        self.total = total
        self._done = 0
        self._error = ""
        self._started = self._written = time.monotonic()

    def update(self, n: int) -> None:
        self._done += n
        now = time.monotonic()
        if now - self._written >= LINE_EVERY and self._done < self.total:
            self._written = now
            self._write(now)

    def set_description(self, description: str) -> None:
        self._description = description

    def refresh(self) -> None:
        """Show nothing: a line that was written stays."""

    def set_postfix_str(self, text: str) -> None:
        self._error = f", {text}"

    def close(self) -> None:
        self._write(time.monotonic())

    def _write(self, now: float) -> None:
        seconds = now - self._started
        pace = self._done / seconds if seconds > 0 else 0.0
        print(
            f"{self._description}: {self._done}/{self.total} iterations, {seconds:.1f} s, "
            f"{pace:.0f} it/s{self._error}",
            file=sys.stderr,
            flush=True,
        )
