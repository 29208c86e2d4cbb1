"""When a phase of the optimization ends: after a number of iterations, or by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from tsnekit._util.validation import check_integer, short_repr

__all__ = [
    "AUTO",
    "Ending",
    "FixedLength",
    "PhaseEnd",
    "SmallChange",
    "SteepestFall",
    "check_iterations",
    "ending_of_early",
]

WATCHED = "the KL divergence"

AUTO = "auto"
"""A number of iterations that the phase finds by itself."""


@dataclass(frozen=True, kw_only=True)
class PhaseEnd:
    """How a phase ended.

    Parameters
    ----------
    n_iter : int
        Iterations that it took.
    reason : str
        What ended it.
    """

    n_iter: int
    reason: str


class Ending(Protocol):
    """Decides when a phase ends; made anew for each phase.

    Attributes
    ----------
    at_most : int
        The most iterations.
    reason_at_most : str
        What ends the phase after as many.
    watched : str
        What the divergence is, for reasons: another loss has its place if the map makes that small.
    """

    at_most: int
    reason_at_most: str
    watched: str

    def looks_at(self, iteration: int) -> bool:
        """Return whether the divergence after so many iterations is needed."""
        ...

    def reason(self, iteration: int, divergence: float) -> str | None:
        """Return what ends the phase after so many iterations, or None if it goes on."""
        ...


class FixedLength:
    """A phase takes a number of iterations.

    Parameters
    ----------
    n_iter : int
    """

    watched = WATCHED

    def __init__(self, n_iter: int) -> None:
        self.at_most = n_iter
        self.reason_at_most = "it took the given number of iterations"

    def looks_at(self, iteration: int) -> bool:
        """Return False, since no divergence matters."""
        return False

    def reason(self, iteration: int, divergence: float) -> None:
        """Return None: nothing ends the phase before its last iteration."""


class SteepestFall:
    """A phase ends when the steepest fall of the divergence lies behind it.

    While points that belong together find one another, the divergence falls by several percent in
    a few iterations. Early exaggeration has done its work when it falls by no more than a small
    part of that.

    Parameters
    ----------
    every : int, default=10
        Iterations from one look at the divergence to the next.
    steep : float, default=0.01
        The least relative fall between two looks that counts as steep.
    share : float, default=0.05
        The phase ends at a fall of less than this share of the steepest one.
    at_least, at_most : int, default=30 and 250
        Bounds on the number of iterations.

    References
    ----------
    A. C. Belkina et al. "Automated optimized parameters for T-distributed stochastic neighbor
    embedding improve visualization and analysis of large datasets". Nature Communications 10
    (2019), 5415.
    """

    watched = WATCHED

    def __init__(
        self,
        *,
        every: int = 10,
        steep: float = 0.01,
        share: float = 0.05,
        at_least: int = 30,
        at_most: int = 250,
    ) -> None:
        self._every, self._steep, self._share = every, steep, share
        self._at_least = at_least
        self._last: float | None = None
        self._steepest = 0.0
        self.at_most = at_most
        self.reason_at_most = "it took as many iterations as it may"

    def looks_at(self, iteration: int) -> bool:
        """Return whether the divergence after so many iterations is needed."""
        return iteration % self._every == 0

    def reason(self, iteration: int, divergence: float) -> str | None:
        """Return what ends the phase after so many iterations, or None if it goes on."""
        last, self._last = self._last, divergence
        if last is None or last == 0:
            return None
        fall = (last - divergence) / abs(last)
        self._steepest = max(self._steepest, fall)
        past = self._steepest >= self._steep and fall < self._share * self._steepest
        if not past or iteration < self._at_least:
            return None
        return f"the steepest fall of {self.watched} lay behind it"


class SmallChange:
    """A phase ends when the divergence changes little.

    Parameters
    ----------
    tolerance : float
        The phase ends if the divergence has changed by no more than this share of itself.
    within : int, default=50
        The iterations in which it may change by so much.
    every : int, default=25
        Iterations from one look at the divergence to the next.
    at_least, at_most : int, default=100 and 1000
        Bounds on the number of iterations.
    """

    watched = WATCHED

    def __init__(
        self,
        tolerance: float,
        *,
        within: int = 50,
        every: int = 25,
        at_least: int = 100,
        at_most: int = 1000,
    ) -> None:
        self._tolerance, self._within, self._every = tolerance, within, every
        self._at_least = at_least
        self._seen: dict[int, float] = {}
        self.at_most = at_most
        self.reason_at_most = "it took as many iterations as it may"

    def looks_at(self, iteration: int) -> bool:
        """Return whether the divergence after so many iterations is needed."""
        return iteration % self._every == 0 and iteration >= self._at_least - self._within

    def reason(self, iteration: int, divergence: float) -> str | None:
        """Return what ends the phase after so many iterations, or None if it goes on."""
        self._seen[iteration] = divergence
        before = self._seen.pop(iteration - self._within, None)
        if before is None or iteration < self._at_least:
            return None
        if not abs(before - divergence) <= self._tolerance * abs(before):  # or not a number
            return None
        return (
            f"{self.watched} changed by no more than {self._tolerance:g} of itself "
            f"in {self._within} iterations"
        )


def check_iterations(name: str, value: Any) -> int | str:
    """Return a number of iterations, or "auto".

    Raises
    ------
    TypeError, ValueError
        If it is neither.
    """
    if not isinstance(value, str):
        return check_integer(name, value, at_least=0)
    if value != AUTO:
        raise ValueError(f"{name} must be an integer from 0 up or 'auto', got {short_repr(value)}")
    return AUTO


def ending_of_early(n_iter: int | str) -> Ending:
    """Return what ends an early exaggeration of so many iterations, or of "auto" many."""
    return SteepestFall() if isinstance(n_iter, str) else FixedLength(int(n_iter))
