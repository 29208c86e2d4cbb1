"""What an embedding is beside its positions."""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass, field
from typing import Any

from tsnekit.backends import Choice, resolve_backend
from tsnekit.interfaces import Optimizer, SparseAffinities, WholeGradient
from tsnekit.parameters import DescentParameters
from tsnekit.progress import show_logs

__all__ = ["RunState", "fresh_state"]


@dataclass
class RunState:
    """Everything about an embedding but its positions.

    Parameters
    ----------
    parameters : DescentParameters
        Defaults of ``optimize``.
    optimizer : Optimizer
    iteration : int
        Iterations since the embedding was made.
    backends : dict of str to Choice
        The backends that were chosen, by extension point.
    seconds : dict of str to float
        Time spent, by phase.
    plan : tuple of (key, SparseAffinities, WholeGradient), optional
        The gradient that the last call planned, for the next one.
    """

    parameters: DescentParameters
    optimizer: Optimizer
    iteration: int = 0
    backends: dict[str, Choice] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    plan: tuple[Any, SparseAffinities, WholeGradient] | None = None

    def copied(self) -> RunState:
        """Return a copy that can be optimized on its own."""
        return dataclasses.replace(
            self,
            optimizer=copy.deepcopy(self.optimizer),
            backends=dict(self.backends),
            seconds=dict(self.seconds),
            plan=None,
        )

    def __getstate__(self) -> dict[str, Any]:
        # Callbacks belong to the program that runs, and a plan to the process.
        parameters = self.parameters.replace(callbacks=None)
        return self.__dict__ | {"plan": None, "parameters": parameters}


def fresh_state(parameters: DescentParameters, optimizer: str | Optimizer | None) -> RunState:
    """Return the state of an embedding that has not been optimized."""
    with show_logs(parameters.verbose):
        backend = resolve_backend("optimizer", "momentum" if optimizer is None else optimizer)
    return RunState(parameters, backend.instance, backends={"optimizer": backend.choice})
