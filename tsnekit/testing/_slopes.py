"""A gradient beside finite differences of its loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import SupportsLoss, WholeGradient
from tsnekit.specs import KL_DIVERGENCE
from tsnekit.testing._points import Points

__all__ = ["check_objective", "check_slopes"]

STEPS = ((0.2, 0.1), (0.02, 0.01))
"""Lengths of two steps, in units of the map. The second pair is for losses that bend sharply."""


def check_slopes(
    loss: Callable[[Points], float], gradient: NDArray[Any], Y: Points, tolerance: float
) -> None:
    """Check that a gradient tells how a loss changes, as all points move and as one moves.

    Parameters
    ----------
    loss : callable
    gradient : ndarray of shape (n, d)
        At `Y`.
    Y : ndarray of shape (n, d), float32
    tolerance : float
        The largest error along a direction, as a share of the slope.
    """
    gradient = gradient.astype(np.float64)
    rng = np.random.default_rng(0)
    directions = [rng.normal(size=Y.shape) for _ in range(3)]
    longest = np.argsort((gradient**2).sum(axis=1))
    for row in longest[[-1, -2, len(Y) // 2]]:
        directions.append(np.zeros(Y.shape))
        directions[-1][row] = rng.normal(size=Y.shape[1])
    for number, direction in enumerate(directions):
        direction /= np.linalg.norm(direction)
        found = float((gradient * direction).sum())
        seen = []
        for steps in STEPS:
            wide, narrow = (_slope(loss, Y, direction, step) for step in steps)
            slope = narrow + (narrow - wide) / 3  # the error of fourth order remains
            scale = max(abs(slope), float(np.linalg.norm(gradient)) / 10, 1e-12)
            rounding = abs(loss(Y)) * 1e-7 / (2 * steps[1])
            allowed = tolerance * scale + abs(narrow - wide) / 5 + rounding
            if abs(found - slope) <= allowed:
                break
            seen.append(f"{slope:.5g} (steps of {steps[1]:g})")
        else:
            raise AssertionError(
                f"along direction {number}, the gradient is {found:.5g}, and the loss changes by "
                f"{' or '.join(seen)} for each unit of the map"
            )


def check_objective(objective: str, plan: WholeGradient, Y: Points, tolerance: float) -> None:
    """Check that a whole gradient is that of its loss, if it has another objective than t-SNE."""
    if objective == KL_DIVERGENCE:
        return
    assert isinstance(plan, SupportsLoss), f"the plan has no loss, but {objective!r} has one"
    out = np.full(Y.shape, np.nan, dtype=np.float32)
    plan.gradient(Y, out, 1.0)
    check_slopes(plan.loss, 4.0 * out, Y, tolerance)  # gradient methods leave the factor 4 out


def _slope(
    loss: Callable[[Points], float], Y: Points, direction: NDArray[Any], step: float
) -> float:
    low = (Y - step * direction).astype(np.float32)
    high = (Y + step * direction).astype(np.float32)
    # Rounded positions are not exactly where the step leads.
    moved = float(np.linalg.norm(high.astype(np.float64) - low))
    return (loss(high) - loss(low)) / moved
