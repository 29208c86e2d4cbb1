"""The progress that `verbose` shows on standard error: a bar, or lines in a file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any

__all__ = ["ProgressBar", "progress", "verbosely"]

ERROR_EVERY = 50
"""Iterations between two KL divergences, since each takes as long as one or two iterations."""

LINE_EVERY = 10.0
"""Seconds between two lines in a file."""

SHORT = 1.0
"""Seconds below which a step of a search has no bar."""

_verbose: ContextVar[bool] = ContextVar("tsnekit_verbose", default=False)


@contextmanager
def verbosely(verbose: bool) -> Iterator[None]:
    """Let the code within the block show its `progress`, or not."""
    token = _verbose.set(verbose)
    try:
        yield
    finally:
        _verbose.reset(token)


def progress(description: str, total: int, unit: str = "rows") -> ProgressBar:
    """Return a bar for one step of a neighbor search, with a method ``advance(n)``.

    It is shown within a fit with ``verbose=True``, if the step takes longer than a second. In a
    file, it is a line each ten seconds.

    Parameters
    ----------
    description : str
        What is done, such as "neighbors: asking the trees".
    total : int
        How much there is to do.
    unit : str, default="rows"
        What is counted.

    Returns
    -------
    ProgressBar
        A context manager.
    """
    return ProgressBar(description, total, shown=_verbose.get(), unit=unit, of_step=True)


class ProgressBar:
    """The iterations of one phase and their pace, with the KL divergence now and then.

    On a terminal and in a notebook, it is a bar that moves. In a file, it is a line at the end of
    the phase, and a line each ten seconds before.

    Parameters
    ----------
    description : str
    total : int
        Number of iterations, or of what else is counted.
    shown : bool
        Whether there is a bar at all.
    unit : str, default="iterations"
        What is counted.
    of_step : bool, default=False
        Whether it is of a step of a longer task: nothing is then left of it at its end.
    """

    def __init__(
        self,
        description: str,
        total: int,
        *,
        shown: bool,
        unit: str = "iterations",
        of_step: bool = False,
    ) -> None:
        self._bar: Any = None
        if shown and _redraws(sys.stderr):
            from tqdm import tqdm

            self._bar = tqdm(
                total=total,
                desc=description,
                unit="it" if unit == "iterations" else f" {unit}",
                unit_scale=of_step,
                dynamic_ncols=True,
                leave=not of_step,
                delay=SHORT if of_step else 0,
            )
        elif shown:
            self._bar = _Lines(description, total, unit, has_last=not of_step)
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

    def show_error(self, error: float) -> None:
        """Show the KL divergence."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"KL {error:.4f}")

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

    def __init__(self, description: str, total: int, unit: str, *, has_last: bool) -> None:
        self._description = description
        self.total = total
        self._unit = unit
        self._has_last = has_last
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
        if self._has_last:
            self._write(time.monotonic())

    def _write(self, now: float) -> None:
        seconds = now - self._started
        pace = self._done / seconds if seconds > 0 else 0.0
        short = "it" if self._unit == "iterations" else self._unit
        print(
            f"{self._description}: {self._done}/{self.total} {self._unit}, {seconds:.1f} s, "
            f"{pace:.0f} {short}/s{self._error}",
            file=sys.stderr,
            flush=True,
        )
