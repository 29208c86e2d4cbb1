"""From what the user gave for an extension point to a backend that is ready for use."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tsnekit import forces, interfaces
from tsnekit._backends import rules
from tsnekit._backends.loading import Registered
from tsnekit._backends.missing import check_installed
from tsnekit._backends.options import check_known, options_of
from tsnekit._backends.registry import Registry, default_registry
from tsnekit._util.failures import describe
from tsnekit._util.validation import short_repr
from tsnekit.errors import BackendUnavailableError
from tsnekit.specs import POINTS

__all__ = [
    "Backend",
    "Choice",
    "check_name",
    "check_options",
    "find_backend",
    "find_registered",
    "resolve_backend",
    "wants",
]

logger = logging.getLogger(__name__)

_INTERFACES: dict[str, type] = {
    "neighbors": interfaces.NeighborSearch,
    "affinity": interfaces.AffinityKernel,
    "initialization": interfaces.Initializer,
    "negative_gradient_method": interfaces.GradientMethod,
    "optimizer": interfaces.Optimizer,
    "forces": forces.ForceTerm,
}

_OPTIONS_PARAMETERS = {
    "neighbors": "neighbors_params",
    "affinity": "affinity_params",
    "initialization": "initialization_params",
    "negative_gradient_method": "gradient_params",
    "optimizer": "optimizer_params",
    "forces": "forces",
}


@dataclass(frozen=True)
class Choice:
    """Which backend was chosen, and why.

    Parameters
    ----------
    name : str
        Its registered name, or the class name of an instance.
    origin : str
        The distribution that the backend comes from; for an instance, its module.
    reason : str
        Why it was chosen.
    recall : float, optional
        Share of the true neighbors that a neighbor search estimates to have found.
    """

    name: str
    origin: str
    reason: str
    recall: float | None = None


@dataclass(frozen=True)
class Backend:
    """A backend ready for use, and the choice that led to it."""

    instance: Any
    choice: Choice


def check_name(point: str, given: Any, registry: Registry | None = None) -> None:
    """Check that `given` names a backend or is an instance of the interface.

    Raises
    ------
    UnknownPluginError, PluginConflictError
        If `given` is a name that cannot be resolved.
    TypeError
        If `given` is neither a name nor an instance, or is an instance that cannot be copied.
    """
    if not isinstance(given, str):
        _copied(point, given)
    elif given not in rules.RULES.get(point, {}):
        (registry or default_registry()).get(point, given)


def _copied(point: str, instance: Any) -> Any:
    """Return a copy of a given backend, so that no call changes the user's instance."""
    interface = _INTERFACES[point]
    if isinstance(instance, type) or not isinstance(instance, interface):
        raise TypeError(
            f"{point} must be the name of a {POINTS[point].kind} or an instance of "
            f"{interface.__module__}.{interface.__name__}, got {short_repr(instance)}"
        )
    try:
        return copy.deepcopy(instance)
    except Exception as error:
        raise TypeError(
            f"{point} must be the name of a backend or an instance that copy.deepcopy can copy, "
            f"since every use takes a copy; got {short_repr(instance)}: {describe(error)}"
        ) from error


def find_backend(
    point: str, name: str, problem: Any, registry: Registry | None = None
) -> tuple[Registered, str]:
    """Find the backend that a name or an automatic rule stands for, and the reason for it.

    Raises
    ------
    UnknownPluginError, PluginConflictError
        If the name cannot be resolved.
    BackendUnavailableError
        If the backend cannot serve the problem; the message says why, and which backends can.
    """
    registry = registry or default_registry()
    rule = rules.RULES.get(point, {}).get(name)
    if rule is not None:
        usable = {found.spec.name: found for found in registry.uncontested(point)}
        name, reason = rule(problem, {key: found.spec for key, found in usable.items()})
        return usable[name], reason
    found = registry.get(point, name)
    unmet = found.spec.unmet(problem)
    if unmet:
        specs = [other.spec for other in registry.uncontested(point)]
        able = sorted(spec.name for spec in specs if not spec.unmet(problem))
        raise BackendUnavailableError(
            f"{point}={name!r} cannot be used here: {'; '.join(unmet)}. "
            f"Usable here: {', '.join(able) or 'none'}"
        )
    return found, "asked for by name"


def resolve_backend(
    point: str,
    given: Any,
    problem: Any = None,
    *,
    params: Mapping[str, Any] | None = None,
    facade_params: Mapping[str, Any] | None = None,
    reason: str | None = None,
    registry: Registry | None = None,
) -> Backend:
    """Build the backend that the user asked for.

    Parameters
    ----------
    point : str
        The extension point, by the facade's parameter: a key of `tsnekit.specs.POINTS`.
    given : str or object
        A name, an automatic rule's name, or an instance of the interface, which is copied.
    problem : object, optional
        The problem to serve, which the spec's `unmet` judges.
    params : mapping, optional
        Options that the user gave for this backend; each must be one of its options.
    facade_params : mapping, optional
        Parameters of the facade, such as ``theta``. The backend gets those that are its options.
    reason : str, optional
        Why `given` is this name, if not since the user asked for it.
    registry : Registry, optional

    Raises
    ------
    TypeError
        If `given` is neither a name nor an instance that can be copied, or an option is unknown.
    UnknownPluginError, PluginConflictError, BackendUnavailableError
        If the name cannot be resolved or the backend cannot serve the problem.
    """
    check_installed(given)
    if not isinstance(given, str):
        instance = _copied(point, given)
        check_options(point, given, params)
        cls = type(given)
        return Backend(instance, Choice(cls.__name__, cls.__module__, "given as an instance"))
    found, why = find_backend(point, given, problem, registry)
    reason = reason or why
    check_options(point, found.spec.name, params, registry)
    factory = found.load()
    options = options_of(factory)
    accepted = {key: value for key, value in (facade_params or {}).items() if key in options}
    instance = factory(**(accepted | dict(params or {})))
    logger.info("%s: %s (%s)", POINTS[point].kind, found.spec.name, reason)
    return Backend(instance, Choice(found.spec.name, found.origin, reason))


def check_options(
    point: str,
    given: Any,
    params: Mapping[str, Any] | None,
    registry: Registry | None = None,
    *,
    others: Iterable[str] = (),
) -> None:
    """Check that a backend has the options that the user gave for it.

    `others` are names that are taken beside the options, for messages.

    Raises
    ------
    TypeError
        If the backend does not have an option, or is an instance, whose options are already set.
    """
    if not params:
        return
    parameter = _OPTIONS_PARAMETERS[point]
    if not isinstance(given, str):
        raise TypeError(
            f"{parameter} needs the name of a backend, but {point} is an instance of "
            f"{type(given).__name__}; give the options to its constructor instead"
        )
    found = (registry or default_registry()).get(point, given)
    options = options_of(found.load()) | dict.fromkeys(others)
    check_known(params, options, owner=repr(found.spec.name), parameter=parameter)


def find_registered(
    point: str, backend: Any, registry: Registry | None = None
) -> Registered | None:
    """Return what a name stands for, or what the class of a backend is registered as, if it is."""
    kind = type(backend)
    registry = registry or default_registry()
    if isinstance(backend, str):
        return registry.get(point, backend)
    for found in registry.all(point):
        module, _, name = found.spec.factory.partition(":")
        if (kind.__module__, kind.__qualname__) == (module, name):
            return found
    return None


def wants(point: str, backend: Any, what: str, registry: Registry | None = None) -> bool:
    """Return whether a backend wants to know something; one that is not registered wants all."""
    found = find_registered(point, backend, registry)
    return found is None or what in getattr(found.spec, "wants", ())
