"""Planned gradients: how they are told apart, kept, and shared by threads."""

from __future__ import annotations

import types
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from tsnekit._backends.contracts import number_of
from tsnekit._descent.parameters import DescentParameters
from tsnekit._util.locks import Lock
from tsnekit._util.threads import resolve_n_jobs
from tsnekit.interfaces import (
    FollowsPhases,
    Phase,
    Repulsion,
    SparseAffinities,
    SupportsDivergence,
    WholeGradient,
)
from tsnekit.specs import KL_DIVERGENCE

__all__ = ["Plan", "PlanKey", "Plans", "snapshot"]


@dataclass(frozen=True)
class PlanKey:
    """The parameters that a plan depends on, as they were when it was made.

    Parameters
    ----------
    method, options, gradient_params : hashable
        Snapshots of the gradient method, of its documented options and of the others.
    dof : float
    n_jobs : int
        Already resolved.
    """

    method: Hashable
    options: Hashable
    gradient_params: Hashable
    dof: float
    n_jobs: int

    @classmethod
    def of(cls, parameters: DescentParameters) -> PlanKey:
        """Return the key of some parameters."""
        params = parameters.gradient_params
        return cls(
            method=snapshot(parameters.negative_gradient_method),
            options=snapshot(parameters.facade_params()),
            gradient_params=snapshot(None if params is None else dict(params)),
            dof=float(parameters.dof),
            n_jobs=resolve_n_jobs(parameters.n_jobs),
        )


class Plan:
    """A planned repulsion or gradient, which threads use one at a time.

    The planned object has its own buffers, so only one thread may use it at a time. Of the methods
    below, those of the planned object's interface can be called.

    Parameters
    ----------
    key : PlanKey
    planned : Repulsion or WholeGradient
    affinities : SparseAffinities, optional
        The matrix that a gradient was planned for. A repulsion serves any matrix.
    whose : str, default="a gradient method"
        The gradient method, for messages.
    objective : str, default="KL divergence"
        The name of what the gradient makes small.
    follows : FollowsPhases, optional
        What is told of the phases.
    descends : str, optional
        Name of the optimizer whose iterations the planned object takes by itself.
    """

    def __init__(
        self,
        key: PlanKey,
        planned: Repulsion | WholeGradient,
        affinities: SparseAffinities | None = None,
        *,
        whose: str = "a gradient method",
        follows: FollowsPhases | None = None,
        objective: str = KL_DIVERGENCE,
        descends: str | None = None,
    ) -> None:
        self.whose = whose
        self.objective = objective
        self.descends = descends
        self._follows = follows
        self._phase: Phase | None = None
        self._key = key
        self._planned: Any = planned
        self.affinities = affinities
        self._lock = Lock()

    def serves(self, key: PlanKey, affinities: SparseAffinities) -> bool:
        """Return whether the plan was made for this key, and serves this matrix."""
        return self._key == key and (self.affinities is None or self.affinities is affinities)

    def enter_phase(self, phase: Phase) -> None:
        """Tell the planned object what is in force; see `tsnekit.interfaces.FollowsPhases`."""
        if self._follows is None or phase is self._phase:
            return
        with self._lock.held():
            self._follows.enter_phase(phase)
            self._phase = phase

    def __call__(
        self,
        Y: NDArray[np.float32],
        out: NDArray[np.float32],
        row_z: NDArray[np.float64] | None = None,
    ) -> float:
        """Evaluate the repulsion; see `tsnekit.interfaces.Repulsion`."""
        with self._lock.held():
            z: float = self._planned(Y, out, row_z)
            return z

    def gradient(
        self, Y: NDArray[np.float32], out: NDArray[np.float32], exaggeration: float
    ) -> None:
        """Fill `out` with the gradient; see `tsnekit.interfaces.WholeGradient`."""
        with self._lock.held():
            self._planned.gradient(Y, out, exaggeration)

    def gradient_and_divergence(
        self, Y: NDArray[np.float32], out: NDArray[np.float32], exaggeration: float
    ) -> float:
        """Do both, in one pass if the gradient can; see `tsnekit.interfaces.SupportsDivergence`.

        If the method has an objective of its own, return its loss in place of the divergence.
        """
        if self.objective != KL_DIVERGENCE:
            self.gradient(Y, out, exaggeration)
            return self.loss(Y)
        with self._lock.held():
            if isinstance(self._planned, SupportsDivergence):
                found = self._planned.gradient_and_divergence(Y, out, exaggeration)
            else:
                self._planned.gradient(Y, out, exaggeration)
                found = self._planned.kl_divergence(Y)
        return self._divergence(found, Y)

    def descend(
        self, Y: NDArray[np.float32], phase: Phase, n_iter: int, state: dict[str, NDArray[Any]]
    ) -> None:
        """Take some iterations; see `tsnekit.interfaces.Descends`."""
        with self._lock.held():
            self._planned.descend(Y, phase, n_iter, state)

    def kl_divergence(self, Y: NDArray[np.float32]) -> float:
        """Return the KL divergence of `Y`, without exaggeration."""
        with self._lock.held():
            return self._divergence(self._planned.kl_divergence(Y), Y)

    def loss(self, Y: NDArray[np.float32]) -> float:
        """Return the loss of a method with an objective of its own, without exaggeration."""
        with self._lock.held():
            return number_of(self.whose, self._planned.loss(Y), f"the {self.objective}", Y)

    def value(self, Y: NDArray[np.float32]) -> float:
        """Return what the method makes small: its loss, or else the KL divergence."""
        return self.kl_divergence(Y) if self.objective == KL_DIVERGENCE else self.loss(Y)

    def _divergence(self, found: Any, Y: NDArray[np.float32]) -> float:
        return number_of(self.whose, found, "the KL divergence", Y)


class _Serves(Protocol):
    def serves(self, key: Any, affinities: SparseAffinities) -> bool: ...


Planned = TypeVar("Planned", bound=_Serves)


class Plans(Generic[Planned]):
    """The plans that were used last, of gradients or of force terms.

    Parameters
    ----------
    kept : int
        How many plans to keep.
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._plans: list[Planned] = []
        self._lock = Lock()

    def find(self, key: Any, affinities: SparseAffinities, make: Callable[[], Planned]) -> Planned:
        """Return the plan for a key and a matrix, or make it; threads that ask at once share it."""
        with self._lock.held():
            found = next((each for each in self._plans if each.serves(key, affinities)), None)
            plan = make() if found is None else found
            others = [each for each in self._plans if each is not plan]
            self._plans = [plan, *others][: self._kept]
            return plan

    def forget(self, plan: Planned) -> None:
        """Remove a plan."""
        with self._lock.held():
            self._plans = [each for each in self._plans if each is not plan]


# -- Values as they are now ------------------------------------------------------------------------

_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_THEMSELVES = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)


def snapshot(value: Any) -> Hashable:
    """Return a hashable snapshot of a value, which is compared by content.

    Two snapshots are equal only if the values had the same types and the same content: arrays are
    compared element by element, instances by their class and state, functions and classes by
    identity. The snapshot of an object whose state cannot be read equals no other, not even one of
    the same object.
    """
    return _frozen(value, {})


class _Itself:
    """An object that is compared by identity. The reference keeps it alive."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self._value is other._value

    def __hash__(self) -> int:
        return id(self._value)


def _frozen(value: Any, seen: dict[int, tuple[int, Any]]) -> Hashable:
    kind = type(value)
    if kind in _PLAIN:
        return kind, value
    if isinstance(value, _THEMSELVES):
        return _Itself(value)
    if id(value) in seen:  # a cycle, or a part that is shared
        return "seen", seen[id(value)][0]
    seen[id(value)] = len(seen), value  # kept alive, so that no other object gets its id
    if kind is np.ndarray and not value.dtype.hasobject:
        return kind, value.dtype.str, value.shape, value.tobytes()
    if kind in (list, tuple):
        return kind, tuple(_frozen(each, seen) for each in value)
    if kind is dict:
        items = ((_frozen(name, seen), _frozen(each, seen)) for name, each in value.items())
        return kind, tuple(items)
    try:
        reduced = value.__reduce_ex__(4)
        if isinstance(reduced, str):  # the name of a global object
            return _Itself(value)
        parts = list(reduced)
        for iterator in (3, 4):  # the items of lists and dictionaries
            if len(parts) > iterator and parts[iterator] is not None:
                parts[iterator] = list(parts[iterator])
    except Exception:  # whatever the object's own code raises
        return _Itself(object())
    return kind, tuple(_frozen(part, seen) for part in parts)
