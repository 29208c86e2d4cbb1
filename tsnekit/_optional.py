"""What backends may have in addition to their interfaces; all of it is in `tsnekit.interfaces`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tsnekit.interfaces import Phase

__all__ = ["Descends", "FollowsPhases", "FollowsRows", "MapRows"]


@runtime_checkable
class FollowsPhases(Protocol):
    """A plan without a reference that is told what is in force; its spec wants "phase"."""

    def enter_phase(self, phase: Phase) -> None:
        """Take note of the parameters that are in force from the next gradient on.

        Called before the first gradient of a run, and again whenever a parameter changes. While
        exaggeration fades, this is in each iteration. No call tells that a phase has ended.
        """
        ...


@runtime_checkable
class Descends(Protocol):
    """A whole gradient without a reference that also moves the points, and stays on its device.

    Its spec names the optimizer whose iterations it takes, in the field ``descends``. Where a map
    has another optimizer, or one with other options than the default ones, or where some points are
    held, the core asks for each gradient, as for any `WholeGradient`.
    """

    def descend(
        self, Y: NDArray[np.float32], phase: Phase, n_iter: int, state: dict[str, NDArray[Any]]
    ) -> None:
        """Take `n_iter` iterations from `Y`, and write to `Y` and `state` where they lead.

        Each iteration is one of the core: the gradient with the exaggeration of the phase, a step
        of the optimizer with its rate, momentum and bounds, and a shift of all points so that their
        mean is the origin. `n_iter` is not that of the phase, but the number of iterations until
        the core needs the positions, 50 at most. `state` holds the arrays of the optimizer's own
        method ``state``, to be changed in place. The core may have changed `Y` and `state` since
        the last call. If the call raises an exception, the map stays as it was before the call.
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
