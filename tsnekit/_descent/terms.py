"""Force terms that were prepared for a map, and when they act."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._backends.contracts import check_gradient, described, number_of, prepared
from tsnekit._backends.resolve import Choice
from tsnekit._descent.parameters import DescentParameters
from tsnekit._descent.plan import snapshot
from tsnekit._descent.recipes import ForceRecipe, recipes_of
from tsnekit._util.locks import Lock
from tsnekit._util.threads import resolve_n_jobs
from tsnekit.forces import Force, ForceProblem
from tsnekit.interfaces import SparseAffinities

__all__ = ["ForceKey", "Term", "Terms"]

LEFT_OUT = 4
"""The factor of the gradient of the KL divergence that gradient methods leave out."""


@dataclass(frozen=True)
class ForceKey:
    """The parameters that prepared forces depend on, as they were then.

    Parameters
    ----------
    forces : hashable
    dof : float
    n_jobs : int
    """

    forces: Hashable
    dof: float
    n_jobs: int

    @classmethod
    def of(cls, parameters: DescentParameters) -> ForceKey:
        """Return the key of some parameters."""
        return cls(
            forces=snapshot(parameters.forces),
            dof=float(parameters.dof),
            n_jobs=resolve_n_jobs(parameters.n_jobs),
        )


@dataclass(frozen=True, kw_only=True)
class Term:
    """A force, its weight, and when it acts.

    Parameters
    ----------
    name : str
    whose : str
        The force term, for messages.
    force : Force
    weight, start, stop : float
    phases : tuple of str or None
        None for all of them.
    """

    name: str
    whose: str
    force: Force
    weight: float
    start: float
    stop: float
    phases: tuple[str, ...] | None

    def acts(self, phase: str, share: float) -> bool:
        """Return whether it acts when a share of the iterations of a phase lies behind it."""
        return (self.phases is None or phase in self.phases) and self.start <= share < self.stop

    def loss(self, Y: NDArray[np.float32]) -> float:
        """Return its loss, without the weight."""
        return number_of(self.whose, self.force.loss(Y), "the loss", Y)


class Terms:
    """The force terms of a map.

    Threads use them one at a time.

    Parameters
    ----------
    key : ForceKey
    affinities : SparseAffinities
        The matrix that they were prepared for, or came from.
    terms : list of Term
    choice : Choice
        Which terms there are.
    """

    def __init__(
        self, key: ForceKey, affinities: SparseAffinities, terms: list[Term], choice: Choice
    ) -> None:
        self.choice = choice
        self._key = key
        self._affinities = affinities
        self._terms = terms
        self._lock = Lock()
        self._gradient: NDArray[np.float32] | None = None

    @classmethod
    def of(
        cls,
        parameters: DescentParameters,
        problem: ForceProblem,
        affinities: SparseAffinities,
    ) -> Terms:
        """Prepare all terms for a map.

        Raises
        ------
        TypeError, ValueError
            If a term cannot act on this map, or breaks its contract.
        """
        terms: list[Term] = []
        choices: list[Choice] = []
        for recipe in recipes_of(parameters.forces):
            backend = recipe.resolved(problem)
            terms.append(
                Term(
                    name=_name_among(recipe, [each.name for each in terms]),
                    whose=described("forces", backend.instance),
                    force=prepared(backend.instance, problem),
                    **recipe.in_force(),
                )
            )
            choices.append(backend.choice)
        return cls(ForceKey.of(parameters), affinities, terms, _joint(choices))

    def serves(self, key: ForceKey, affinities: SparseAffinities) -> bool:
        """Return whether the terms were prepared for this key and this matrix."""
        return self._key == key and self._affinities is affinities

    def act_in(self, phase: str) -> bool:
        """Return whether any term acts in a part of a phase."""
        return any(each.phases is None or phase in each.phases for each in self._terms)

    def acting(self, phase: str, share: float) -> dict[str, float]:
        """Return the weights of the terms that act, by name."""
        return {each.name: each.weight for each in self._terms if each.acts(phase, share)}

    def add_gradient(
        self,
        Y: NDArray[np.float32],
        out: NDArray[np.float32],
        phase: str,
        share: float,
        iteration: int,
    ) -> None:
        """Add the gradients of the terms that act to that of the KL divergence, without factor 4.

        Parameters
        ----------
        Y, out : ndarray of shape (n, d), float32
        phase : str
        share : float
            The share of the iterations of the phase that lies behind this one.
        iteration : int
            For messages.

        Raises
        ------
        ContractError
            If a gradient is not finite, or was not filled.
        """
        for term in self._terms:
            if not term.acts(phase, share):
                continue
            with self._lock.held():
                if self._gradient is None:
                    self._gradient = np.empty_like(Y)
                gradient = self._gradient
                gradient.fill(np.nan)  # a gradient that is not filled is seen
                term.force.gradient(Y, gradient)
                check_gradient(term.whose, Y, gradient, iteration)
                gradient *= np.float32(term.weight / LEFT_OUT)
                out += gradient

    def loss(self, Y: NDArray[np.float32], phase: str, share: float) -> float:
        """Return the sum of the losses of the terms that act, with their weights."""
        acting = [each for each in self._terms if each.acts(phase, share)]
        with self._lock.held():
            return sum(each.weight * each.loss(Y) for each in acting)

    def losses(self, Y: NDArray[np.float32]) -> dict[str, float]:
        """Return the loss of each term, without its weight, by name."""
        with self._lock.held():
            return {each.name: each.loss(Y) for each in self._terms}


def _name_among(recipe: ForceRecipe, names: list[str]) -> str:
    """Return the name of a term, which several terms must not share."""
    name = str(recipe)
    if isinstance(recipe.term, str):
        name = recipe.spec.name
    number = 2
    found = name
    while found in names:
        found, number = f"{name} {number}", number + 1
    return found


def _joint(choices: list[Choice]) -> Choice:
    """Return several choices as one."""
    fields: Mapping[str, list[Any]] = {
        field: list(dict.fromkeys(getattr(each, field) for each in choices))
        for field in ("origin", "reason")
    }
    names = ", ".join(each.name for each in choices)
    return Choice(names, ", ".join(fields["origin"]), ", ".join(fields["reason"]))
