"""What backends may have in addition to their interfaces; all of it is in `tsnekit.interfaces`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tsnekit.interfaces import Phase

__all__ = ["FollowsPhases", "FollowsRows", "MapRows"]


@runtime_checkable
class FollowsPhases(Protocol):
    """A plan without a reference that is told what is in force; its spec wants "phase"."""

    def enter_phase(self, phase: Phase) -> None:
        """Take note of the parameters that are in force from the next gradient on.

        Called before the first gradient of a run, and again whenever a parameter changes. While
        exaggeration fades, this is in each iteration. No call tells that a phase has ended.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class MapRows:
    """The rows of a map that an optimizer moves, and those that are held.

    Parameters
    ----------
    n_samples : int
        Number of points of the map.
    moving : ndarray of shape (m,), int64
        The rows of the map that the optimizer gets in each step, ascending. Those that are held
        entirely are not among them.
    fixed : ndarray of shape (n_samples,), float32
        How much each point of the map is held, from 0 for points that are free to 1 for points that
        stay where they are.
    """

    n_samples: int
    moving: NDArray[np.int64]
    fixed: NDArray[np.float32]


@runtime_checkable
class FollowsRows(Protocol):
    """An optimizer that is told which rows of the map it moves; its spec wants "rows"."""

    def enter_rows(self, rows: MapRows) -> None:
        """Take note of the rows whose positions and gradients the next steps get.

        Called after `start` or `restore`, before the first step of a run. The rows are not part of
        the state: a later `restore` leaves them as they are.
        """
        ...
