"""Force terms as users give them: which ones, with which options, weights and schedules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tsnekit._backends.contracts import described
from tsnekit._backends.missing import MissingBackend
from tsnekit._backends.registry import default_registry
from tsnekit._backends.resolve import (
    Backend,
    check_name,
    check_options,
    find_registered,
    resolve_backend,
)
from tsnekit._descent.endings import Ending, FixedLength
from tsnekit._util.fields import check_schedule
from tsnekit._util.validation import short_repr
from tsnekit.errors import BackendUnavailableError
from tsnekit.forces import ForceProblem, ForceTerm, SupportsCheck
from tsnekit.specs import ForceSpec, Spec

__all__ = [
    "POINT",
    "ForceRecipe",
    "check_fits",
    "check_forces",
    "check_windows",
    "recipes_of",
    "terms_of",
]

POINT = "forces"

SCHEDULE = ("weight", "start", "stop", "phases")
"""Options that every force term has, since the core applies them."""

UNREGISTERED = ForceSpec(name="unregistered", factory="unused:unused", n_components=None)
"""What an instance claims whose class is not registered."""


@dataclass(frozen=True)
class ForceRecipe:
    """A force term, its options and its schedule.

    Parameters
    ----------
    term : str or ForceTerm
    options : dict
        Options of the term itself.
    schedule : dict
        The weight and the schedule, as far as they are given.
    """

    term: str | ForceTerm
    options: dict[str, Any]
    schedule: dict[str, Any]

    @property
    def spec(self) -> Spec:
        """What the term claims."""
        if isinstance(self.term, str):
            return default_registry().get(POINT, self.term).spec
        found = find_registered(POINT, self.term)
        return UNREGISTERED if found is None else found.spec

    def in_force(self) -> dict[str, Any]:
        """Return the weight and the schedule, with the defaults of the spec."""
        spec = self.spec
        assert isinstance(spec, ForceSpec)
        return check_schedule(f"forces: {self}: ", spec.schedule | self.schedule)

    def resolved(self, problem: ForceProblem) -> Backend:
        """Build the term.

        Raises
        ------
        BackendUnavailableError
            If it cannot act on this map, or its plugin is missing.
        """
        backend = resolve_backend(POINT, self.term, problem, params=self.options)
        # The names of backends are asked when they are resolved.
        unmet = () if isinstance(self.term, str) else self.spec.unmet(problem)
        if unmet:
            whose = described(POINT, self.term)
            raise BackendUnavailableError(f"{whose} cannot be used here: {'; '.join(unmet)}")
        return backend

    def __str__(self) -> str:
        return self.term if isinstance(self.term, str) else type(self.term).__name__


def recipes_of(forces: Any) -> tuple[ForceRecipe, ...]:
    """Return the force terms that were given.

    Parameters
    ----------
    forces : object
        None, a term, or a list of terms. A term is a name, an instance, or a pair of one of them
        and a mapping of options, with the weight and the schedule among them.

    Raises
    ------
    TypeError
        If `forces` has another form.
    """
    if forces is None:
        return ()
    if _is_term(forces) or _is_pair(forces):
        forces = [forces]
    if not isinstance(forces, list | tuple):
        raise TypeError(
            "forces must be None, the name of a force term, an instance of "
            "tsnekit.forces.ForceTerm, a pair of one of them and a mapping of options, or a list "
            f"of these, got {short_repr(forces)}"
        )
    return tuple(_recipe(each) for each in forces)


def _recipe(given: Any) -> ForceRecipe:
    term, options = given if _is_pair(given) else (given, {})
    if not all(isinstance(name, str) for name in options):
        raise TypeError(f"forces: names of options are strings, got {short_repr(options)}")
    own = {name: value for name, value in options.items() if name not in SCHEDULE}
    return ForceRecipe(term, own, {name: options[name] for name in SCHEDULE if name in options})


def _is_term(given: Any) -> bool:
    return isinstance(given, str | ForceTerm)


def _is_pair(given: Any) -> bool:
    return isinstance(given, list | tuple) and len(given) == 2 and isinstance(given[1], Mapping)


def terms_of(forces: Any) -> list[Any]:
    """Return the names and instances of force terms, without their options."""
    return [recipe.term for recipe in recipes_of(forces)]


def check_forces(name: str, forces: Any) -> None:
    """Check force terms, with all that can be checked without a map.

    Raises
    ------
    TypeError, ValueError
        If a term is unknown, or an option, weight or schedule is not valid.
    """
    for recipe in recipes_of(forces):
        if isinstance(recipe.term, MissingBackend):
            continue
        check_name(name, recipe.term)
        check_options(name, recipe.term, recipe.options, others=SCHEDULE)
        recipe.in_force()


def check_fits(forces: Any, problem: ForceProblem) -> None:
    """Check that force terms can act on a map, before any work starts.

    Raises
    ------
    TypeError, ValueError
        If one of them cannot, or an option does not fit the map.
    """
    for recipe in recipes_of(forces):
        built = recipe.resolved(problem).instance
        if isinstance(built, SupportsCheck):
            try:
                built.check(problem.n_samples, problem.n_components)
            except (TypeError, ValueError) as error:
                # Some subclasses, such as UnicodeDecodeError, cannot be made from a message.
                kind = TypeError if isinstance(error, TypeError) else ValueError
                raise kind(f"forces: {recipe}: {error}") from error


def check_windows(forces: Any, phases: Iterable[tuple[str, Ending, Any]]) -> None:
    """Check that no term acts in a part of a phase whose length nobody knows.

    Parameters
    ----------
    forces : object
    phases : iterable of tuple
        Name, ending and parameters of each phase.

    Raises
    ------
    ValueError
        If a term does; the message says what to give.
    """
    for recipe in recipes_of(forces):
        window = recipe.in_force()
        if (window["start"], window["stop"]) == (0, 1):
            continue
        for name, ending, _ in phases:
            acts = window["phases"] is None or name in window["phases"]
            if acts and not isinstance(ending, FixedLength):
                raise ValueError(
                    f"forces: {recipe} acts from {window['start']:g} to {window['stop']:g} of the "
                    f"iterations of {name!r}, but 'auto' does not say how many there are; give a "
                    f"number of iterations, or start=0 and stop=1"
                )
