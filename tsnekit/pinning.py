"""Points that stay, or move less, while others are optimized."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import Optimizer, Phase
from tsnekit.validation import short_repr

__all__ = ["PinnedOptimizer", "check_fixed", "select_rows"]


def check_fixed(fixed: Any, n_samples: int, *, name: str = "fixed") -> NDArray[np.float32] | None:
    """Return how firmly each point is held (n,), from 0 to 1; None where all are free.

    Raises
    ------
    TypeError, ValueError
        If it is neither a mask of the points nor one weight from 0 to 1 for each.
    """
    if fixed is None:
        return None
    try:
        weights = np.array(fixed, dtype=np.float32)
    except (TypeError, ValueError):
        raise TypeError(
            f"{name} must be a mask of the points or weights, got {short_repr(fixed)}"
        ) from None
    if weights.shape != (n_samples,):
        raise ValueError(
            f"{name} must have a value for each of the {n_samples} points, "
            f"got shape {weights.shape}"
        )
    if not ((weights >= 0) & (weights <= 1)).all():
        raise ValueError(f"{name} must be a mask, or weights from 0 (free) to 1 (stays)")
    return weights if weights.any() else None


class PinnedOptimizer:
    """An optimizer that moves some points only, or not so far.

    The optimizer sees the points that move and nothing of the others, so that no momentum builds up
    in these: their part of its state stays what it was.

    Parameters
    ----------
    optimizer : Optimizer
        Already started. It takes over the new state when `release` is called.
    fixed : ndarray of shape (n,)
        From 0 for points that move freely to 1 for those that stay. In between, steps are shorter
        by this share.
    """

    def __init__(self, optimizer: Optimizer, fixed: NDArray[np.float32]) -> None:
        self._optimizer = optimizer
        self._n_samples = len(fixed)
        self._moving = np.flatnonzero(fixed < 1)
        share = 1 - fixed[self._moving, None]
        self._share = share if (share < 1).any() else None
        self._inner = copy.deepcopy(optimizer)
        self._inner.restore(select_rows(optimizer.state(), self._n_samples, self._moving))

    def step(self, Y: NDArray[np.float32], gradient: NDArray[np.float32], phase: Phase) -> None:
        """Move the points that may move, in place, by one step."""
        if not len(self._moving):
            return
        before = Y[self._moving]
        after = before.copy()
        self._inner.step(after, gradient[self._moving], phase)
        if self._share is not None:
            after = before + self._share * (after - before)
        Y[self._moving] = after

    def release(self) -> None:
        """Hand the state of the points that moved back to the optimizer."""
        state, moved = self._optimizer.state(), self._inner.state()
        for name, array in moved.items():
            if _is_per_point(state[name], self._n_samples):
                state[name][self._moving] = array
            else:
                state[name] = array
        self._optimizer.restore(state)


def select_rows(
    state: dict[str, NDArray[Any]], n_samples: int, rows: NDArray[Any]
) -> dict[str, NDArray[Any]]:
    """Return the state of an optimizer for some of its points."""
    return {
        name: array[rows] if _is_per_point(array, n_samples) else array
        for name, array in state.items()
    }


def _is_per_point(array: NDArray[Any], n_samples: int) -> bool:
    return array.ndim > 0 and len(array) == n_samples
