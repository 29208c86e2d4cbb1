"""The repulsion of an embedding that stays, planned once for all points that are added to it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import Repulsion, WholeGradient

__all__ = ["PADDING", "ReferenceField"]

# Empty space around the reference, as a fraction of its extent.
PADDING = 0.25
# Plans kept: one per gradient method, options and number of threads.
KEPT_PLANS = 2


class ReferenceField:
    """The positions of an embedding at one moment, and what was planned for them.

    Partial embeddings share it with the embedding, which makes a new one when it has moved.

    Parameters
    ----------
    positions : array-like of shape (n, d)
        Copied.
    padding : float, default=0.25
        Empty space that a grid adds around the positions.
    """

    def __init__(self, positions: Any, padding: float = PADDING) -> None:
        self.positions: NDArray[np.float32] = np.array(
            positions, dtype=np.float32, order="C", subok=False
        )
        self.positions.setflags(write=False)
        self.padding = padding
        self._start()

    def _start(self) -> None:
        self._plans: OrderedDict[Hashable, Repulsion] = OrderedDict()
        self._lock = threading.Lock()

    def fits(self, positions: Any) -> bool:
        """Whether these are the positions, bit by bit."""
        return np.array_equal(self.positions, positions)

    def plan(
        self, key: Hashable, make: Callable[[], Repulsion | WholeGradient]
    ) -> Repulsion | WholeGradient:
        """Return the plan that is kept under a key, or make one.

        A whole gradient belongs to the affinities of some points, and is not kept.
        """
        with self._lock:
            if key not in self._plans:
                planned = make()
                if isinstance(planned, WholeGradient):
                    return planned
                self._plans[key] = _OneAtATime(planned)
                while len(self._plans) > KEPT_PLANS:
                    self._plans.popitem(last=False)
            self._plans.move_to_end(key)
            return self._plans[key]

    def __getstate__(self) -> dict[str, Any]:
        return {"positions": self.positions, "padding": self.padding}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.positions.setflags(write=False)
        self._start()


class _OneAtATime:
    """A repulsion that threads take turns with, since it may have buffers of its own."""

    def __init__(self, repulsion: Repulsion) -> None:
        self._repulsion = repulsion
        self._lock = threading.Lock()

    def __call__(
        self,
        Y: NDArray[np.float32],
        out: NDArray[np.float32],
        row_z: NDArray[np.float64] | None = None,
    ) -> float:
        with self._lock:
            return self._repulsion(Y, out, row_z)
