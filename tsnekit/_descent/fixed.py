"""Points that stay fixed, or move less, while others are optimized."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._backends.contracts import described, refuse
from tsnekit._backends.resolve import find_registered, wants
from tsnekit._util.validation import as_floats
from tsnekit.interfaces import FollowsRows, MapRows, Optimizer, Phase

__all__ = ["FixedPointsOptimizer", "check_fixed", "select_rows", "tell_rows"]


def check_fixed(fixed: Any, n_samples: int, *, name: str = "fixed") -> NDArray[np.float32] | None:
    """Return how much each point is fixed (n,), from 0 to 1; None where all are free.

    Raises
    ------
    TypeError, ValueError
        If `fixed` is neither a mask of the points nor one weight from 0 to 1 for each.
    """
    if fixed is None:
        return None
    weights = as_floats(fixed, name=name)
    if weights.shape != (n_samples,):
        raise ValueError(
            f"{name} must have a value for each of the {n_samples} points, "
            f"got shape {weights.shape}"
        )
    if not ((weights >= 0) & (weights <= 1)).all():
        raise ValueError(
            f"{name} must be a mask, or weights from 0 (free) to 1 (stays), "
            f"got {weights.min():g} to {weights.max():g}"
        )
    return weights if weights.any() else None


class FixedPointsOptimizer:
    """An optimizer that leaves some points fixed, or moves them less far.

    A copy of the optimizer sees the points that may move and no others, so that no momentum builds
    up in fixed points. After each step, the given optimizer has the state of all points: the new
    state of the points that moved, and the old state of the fixed points.

    Parameters
    ----------
    optimizer : Optimizer
        Already started.
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
        self.restore(optimizer.state())
        rows = self._moving.astype(np.int64)
        tell_rows(self._inner, MapRows(n_samples=len(fixed), moving=rows, fixed=fixed.copy()))

    def start(self, Y: NDArray[np.float32]) -> None:
        """Start both optimizers afresh."""
        self._optimizer.start(Y)
        self.restore(self._optimizer.state())

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
        state = self._optimizer.state()
        for name, array in self._inner.state().items():
            if _is_per_point(state[name], self._n_samples):
                state[name][self._moving] = array
            else:
                state[name] = array
        self._optimizer.restore(state)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the state of all points."""
        return self._optimizer.state()

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state of all points."""
        self._optimizer.restore(state)
        self._inner.restore(select_rows(state, self._n_samples, self._moving))


def tell_rows(optimizer: Optimizer, rows: MapRows) -> None:
    """Tell an optimizer which rows of the map it moves, if it wants to know.

    Raises
    ------
    ContractError
        If its spec says that it wants to know, but it has no `enter_rows`.
    """
    if not wants("optimizer", optimizer, "rows"):
        return
    if isinstance(optimizer, FollowsRows):
        optimizer.enter_rows(rows)
    elif find_registered("optimizer", optimizer) is not None:
        refuse(described("optimizer", optimizer), 'wants "rows", but has no enter_rows')


def select_rows(
    state: Mapping[str, NDArray[Any]], n_samples: int, rows: NDArray[Any]
) -> dict[str, NDArray[Any]]:
    """Return the state of an optimizer for some of its points."""
    return {
        name: array[rows] if _is_per_point(array, n_samples) else array
        for name, array in state.items()
    }


def _is_per_point(array: NDArray[Any], n_samples: int) -> bool:
    return array.ndim > 0 and len(array) == n_samples
