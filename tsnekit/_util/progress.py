"""The progress bar that `verbose` shows, on standard error."""

from __future__ import annotations

from types import TracebackType

__all__ = ["ProgressBar"]

ERROR_EVERY = 50
"""Iterations between two KL divergences, since each takes as long as one or two iterations."""


class ProgressBar:
    """The iterations of one phase and their pace, with the KL divergence now and then.

    Parameters
    ----------
    description : str
    total : int
        Number of iterations.
    shown : bool
        Whether there is a bar at all.
    """

    def __init__(self, description: str, total: int, *, shown: bool) -> None:
        self._bar = None
        if shown:
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=description, unit="it", dynamic_ncols=True)
        self._total = total

    def advance(self) -> None:
        """Count one iteration."""
        if self._bar is not None:
            self._bar.update()

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
