"""The repulsion of an embedding that stays, planned once for all points that are added to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._descent.plan import Plan, PlanKey, Plans
from tsnekit.interfaces import Repulsion, SparseAffinities, WholeGradient
from tsnekit.specs import KL_DIVERGENCE

__all__ = ["PADDING", "ReferenceField"]

# Empty space around the reference, as a fraction of its extent.
PADDING = 0.25
# Plans kept: one per gradient method, options and number of threads.
KEPT_PLANS = 2


class ReferenceField:
    """The positions of an embedding at one moment, and the repulsions that were planned for them.

    An embedding and its partial embeddings share one field. If the embedding moves, it makes a new
    one.

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
        self.padding = padding
        self._start()

    def _start(self) -> None:
        self.positions.setflags(write=False)
        self._plans: Plans[Plan] = Plans(KEPT_PLANS)

    def fits(self, positions: Any) -> bool:
        """Return whether the field has these positions, to the bit."""
        return np.array_equal(self.positions, positions)

    def plan(
        self,
        key: PlanKey,
        affinities: SparseAffinities,
        make: Callable[[], Repulsion | WholeGradient],
        *,
        whose: str = "a gradient method",
        objective: Callable[[Repulsion | WholeGradient], str] | None = None,
    ) -> Plan:
        """Return the plan that is kept under a key, or make it.

        A whole gradient only serves the affinities that it was planned for, and is not kept.
        """

        def made() -> Plan:
            planned = make()
            whole = isinstance(planned, WholeGradient)
            name = KL_DIVERGENCE if objective is None else objective(planned)
            return Plan(key, planned, affinities if whole else None, whose=whose, objective=name)

        plan = self._plans.find(key, affinities, made)
        if plan.affinities is not None:
            self._plans.forget(plan)
        return plan

    def __getstate__(self) -> dict[str, Any]:
        return {"positions": self.positions, "padding": self.padding}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start()
