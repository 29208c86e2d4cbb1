"""What a map makes small: the divergence or a loss of the gradient method, and force terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tsnekit._descent.plan import Plan
from tsnekit._descent.terms import Terms
from tsnekit.specs import KL_DIVERGENCE

__all__ = ["Losses", "losses_in_force", "losses_of", "objective_in_force"]


@dataclass(frozen=True, kw_only=True)
class Losses:
    """The losses of a map.

    Parameters
    ----------
    parts : mapping of str to float
        The KL divergence, the loss of the gradient method if it has one of its own, and the loss of
        each force term without its weight, by name.
    objective : str
        The name of what is made small.
    total : float
        The value of it.
    """

    parts: Mapping[str, float]
    objective: str
    total: float


def objective_in_force(plan: Plan, weights: Mapping[str, float]) -> str:
    """Return the name of what is made small, given the weights of force terms by name."""
    return "".join([plan.objective, *(f" + {w:g} {name}" for name, w in weights.items())])


def losses_of(plan: Plan, terms: Terms | None, Y: NDArray[np.float32]) -> dict[str, float]:
    """Return all losses by name, of all force terms, whether they act or not."""
    parts = {KL_DIVERGENCE: plan.kl_divergence(Y)}
    if plan.objective != KL_DIVERGENCE:
        parts[plan.objective] = plan.loss(Y)
    return parts if terms is None else parts | terms.losses(Y)


def losses_in_force(
    plan: Plan, terms: Terms | None, Y: NDArray[np.float32], phase: str, share: float
) -> Losses:
    """Return all losses, and the sum of those in force.

    Parameters
    ----------
    plan : Plan
    terms : Terms or None
    Y : ndarray of shape (n, d), float32
    phase : str
        The name of the phase.
    share : float
        The share of its iterations that lies behind.
    """
    parts = losses_of(plan, terms, Y)
    weights = {} if terms is None else terms.acting(phase, share)
    return Losses(
        parts=parts,
        objective=objective_in_force(plan, weights),
        total=parts[plan.objective] + sum(w * parts[name] for name, w in weights.items()),
    )
