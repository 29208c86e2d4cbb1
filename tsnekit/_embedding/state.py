"""Everything about an embedding except its positions."""

from __future__ import annotations

import copy
import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from tsnekit._backends.resolve import Choice, resolve_backend
from tsnekit._descent.endings import PhaseEnd
from tsnekit._descent.loop import Progress
from tsnekit._descent.parameters import DescentParameters
from tsnekit._descent.plan import Plan, Plans
from tsnekit._descent.terms import Terms
from tsnekit._util.process import show_logs
from tsnekit.interfaces import Optimizer, SparseAffinities

__all__ = ["HasRunState", "RunState", "fresh_state"]

logger = logging.getLogger(__name__)

KEPT = (
    "parameters",
    "optimizer",
    "backends",
    "seconds",
    "endings",
    "iteration",
    "exaggeration",
)
"""What a pickle keeps."""


@dataclass
class RunState(Progress):
    """Parameters, optimizer, backends and times of an embedding.

    Parameters
    ----------
    parameters : DescentParameters
        Defaults of ``optimize``.
    optimizer : Optimizer
    backends : dict of str to Choice
        The backends that were chosen, by extension point.
    seconds : dict of str to float
        Time spent, by phase.
    endings : dict of str to PhaseEnd
        How the last phase of each name ended.
    joint : tuple of (SparseAffinities, SparseAffinities), optional
        The last affinity matrix, and its symmetric form.
    plans : Plans
        Keeps the gradient that was planned last.
    terms : Plans
        Keeps the force terms that were prepared last.
    phase_lock : RLock
        Held by the thread that runs a phase, so that threads which optimize one embedding in place
        take turns.
    """

    parameters: DescentParameters
    optimizer: Optimizer
    backends: dict[str, Choice] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    endings: dict[str, PhaseEnd] = field(default_factory=dict)
    joint: tuple[SparseAffinities, SparseAffinities] | None = None
    plans: Plans[Plan] = field(default_factory=lambda: Plans(1), repr=False, compare=False)
    terms: Plans[Terms] = field(default_factory=lambda: Plans(1), repr=False, compare=False)
    phase_lock: Any = field(default_factory=threading.RLock, repr=False, compare=False)

    def end_phase(self, name: str, started: float, iterations: int, reason: str) -> None:
        """Keep, and log, how a phase ended that began at a time, after so many iterations."""
        elapsed = time.perf_counter() - started
        self.seconds[name] = self.seconds.get(name, 0.0) + elapsed
        end = PhaseEnd(n_iter=self.iteration - iterations, reason=reason)
        self.endings[name] = end
        logger.info("%s ended after %d iterations: %s", name, end.n_iter, reason)

    def copied(self) -> RunState:
        """Return a copy that can be optimized on its own."""
        return RunState(
            self.parameters,
            copy.deepcopy(self.optimizer),
            backends=dict(self.backends),
            seconds=dict(self.seconds),
            endings=dict(self.endings),
            joint=self.joint,
            iteration=self.iteration,
            exaggeration=self.exaggeration,
        )

    def __getstate__(self) -> dict[str, Any]:
        # Callbacks belong to the program that runs; plans and locks belong to the process.
        state = {name: getattr(self, name) for name in KEPT}
        return state | {"parameters": self.parameters.replace(callbacks=None)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]


class _WithState(Protocol):
    @property
    def state(self) -> RunState: ...


class HasRunState:
    """What a map with a `RunState` tells of it."""

    @property
    def gradient_descent_params(self: _WithState) -> dict[str, Any]:
        """The defaults of `optimize`, by name."""
        return self.state.parameters.values()

    @property
    def backends(self: _WithState) -> dict[str, Choice]:
        """The backends that were chosen, and why, by extension point."""
        return dict(self.state.backends)

    @property
    def seconds(self: _WithState) -> dict[str, float]:
        """The time spent on each step so far."""
        return dict(self.state.seconds)

    @property
    def endings(self: _WithState) -> dict[str, PhaseEnd]:
        """How many iterations the last phase of each name took, and what ended it."""
        return dict(self.state.endings)


def fresh_state(parameters: DescentParameters, optimizer: str | Optimizer | None) -> RunState:
    """Return the state of an embedding that has not been optimized."""
    with show_logs(parameters.verbose):
        reason = "the default" if optimizer is None else None
        given = "momentum" if optimizer is None else optimizer
        backend = resolve_backend("optimizer", given, reason=reason)
    return RunState(parameters, backend.instance, backends={"optimizer": backend.choice})
