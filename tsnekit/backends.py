"""From what the user gave for an extension point to a backend that is ready for use."""

from __future__ import annotations

import difflib
import inspect
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tsnekit import auto, interfaces
from tsnekit.errors import BackendUnavailableError
from tsnekit.registry import Registered, Registry, default_registry
from tsnekit.specs import POINTS
from tsnekit.validation import short_repr

__all__ = [
    "Backend",
    "Choice",
    "check_name",
    "check_options",
    "find_backend",
    "kept_options",
    "options_of",
    "registered_name",
    "resolve_backend",
]

logger = logging.getLogger(__name__)

_INTERFACES: dict[str, type] = {
    "neighbors": interfaces.NeighborSearch,
    "affinity": interfaces.AffinityKernel,
    "initialization": interfaces.Initializer,
    "negative_gradient_method": interfaces.GradientMethod,
    "optimizer": interfaces.Optimizer,
}

_OPTIONS_PARAMETERS = {
    "neighbors": "neighbors_params",
    "affinity": "affinity_params",
    "initialization": "initialization_params",
    "negative_gradient_method": "gradient_params",
    "optimizer": "optimizer_params",
}


@dataclass(frozen=True)
class Choice:
    """Which backend was chosen, and why.

    Parameters
    ----------
    name : str
        Its registered name, or the class name of an instance.
    origin : str
        The distribution, or for an instance the module, that it comes from.
    reason : str
        Why it was chosen.
    """

    name: str
    origin: str
    reason: str


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
        If it is a name that cannot be resolved.
    TypeError
        If it is neither a name nor an instance.
    """
    if isinstance(given, str):
        if given not in auto.RULES.get(point, {}):
            (registry or default_registry()).get(point, given)
    elif isinstance(given, type) or not isinstance(given, _INTERFACES[point]):
        raise TypeError(
            f"{point} must be the name of a {POINTS[point].kind} or an instance of "
            f"tsnekit.interfaces.{_INTERFACES[point].__name__}, got {short_repr(given)}"
        )


def find_backend(
    point: str, name: str, problem: Any, registry: Registry | None = None
) -> tuple[Registered, str]:
    """Find the backend that a name, or an automatic rule, stands for, and the reason for it.

    Raises
    ------
    UnknownPluginError, PluginConflictError
        If the name cannot be resolved.
    BackendUnavailableError
        If the backend cannot serve the problem; the message says why, and who can.
    """
    registry = registry or default_registry()
    rule = auto.RULES.get(point, {}).get(name)
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
    offered: Mapping[str, Any] | None = None,
    registry: Registry | None = None,
) -> Backend:
    """Build the backend that the user asked for.

    Parameters
    ----------
    point : str
        The extension point, by the facade's parameter: a key of `tsnekit.specs.POINTS`.
    given : str or object
        A name, an automatic rule's name, or a ready instance of the interface.
    problem : object, optional
        What the backend is to serve, for its spec's `unmet`.
    params : mapping, optional
        Options that the user gave for this backend; each must be one of its options.
    offered : mapping, optional
        Documented parameters of the facade; the backend takes those that it knows.
    registry : Registry, optional

    Raises
    ------
    TypeError
        If `given` is neither a name nor an instance, or an option is unknown.
    UnknownPluginError, PluginConflictError, BackendUnavailableError
        If the name cannot be resolved or the backend cannot serve the problem.
    """
    if not isinstance(given, str):
        check_name(point, given, registry)
        check_options(point, given, params)
        cls = type(given)
        return Backend(given, Choice(cls.__name__, cls.__module__, "given as an instance"))
    found, reason = find_backend(point, given, problem, registry)
    check_options(point, found.spec.name, params, registry)
    factory = found.load()
    options = options_of(factory)
    accepted = {key: value for key, value in (offered or {}).items() if key in options}
    instance = factory(**(accepted | dict(params or {})))
    logger.info("%s: %s (%s)", POINTS[point].kind, found.spec.name, reason)
    return Backend(instance, Choice(found.spec.name, found.origin, reason))


def check_options(
    point: str, given: Any, params: Mapping[str, Any] | None, registry: Registry | None = None
) -> None:
    """Check that a backend has the options that the user gave for it.

    Raises
    ------
    TypeError
        If it has not, or is an instance, which was built with its options.
    """
    if not params:
        return
    parameter = _OPTIONS_PARAMETERS[point]
    if not isinstance(given, str):
        raise TypeError(
            f"{parameter} goes with the name of a backend; "
            f"{point} is already an instance of {type(given).__name__}"
        )
    found = (registry or default_registry()).get(point, given)
    options = options_of(found.load())
    unknown = sorted(set(params) - set(options))
    if unknown:
        close = difflib.get_close_matches(unknown[0], options, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        has = f"Its options: {', '.join(options)}." if options else "It has none."
        raise TypeError(
            f"{parameter}: {unknown[0]!r} is not an option of {found.spec.name!r}{hint} {has}"
        )


def options_of(factory: Any) -> dict[str, Any]:
    """Return the options of a factory, its keyword-only parameters, with their defaults."""
    parameters = inspect.signature(factory).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def kept_options(backend: Any) -> dict[str, Any]:
    """Return the options that a backend was built with, by name.

    Raises
    ------
    TypeError
        If it does not keep each of them in an attribute of its name.
    """
    kind = type(backend)
    names = options_of(kind)
    for name in names:
        if not hasattr(backend, name):
            raise TypeError(
                f"{kind.__name__} does not keep its option {name!r} in an attribute of that name, "
                "so that another one like it cannot be built"
            )
    return {name: getattr(backend, name) for name in names}


def registered_name(point: str, backend: Any, registry: Registry | None = None) -> str | None:
    """Return the name under which the class of a backend is registered, if it is."""
    kind = type(backend)
    for found in (registry or default_registry()).all(point):
        module, _, name = found.spec.factory.partition(":")
        if (kind.__module__, kind.__qualname__) == (module, name):
            return found.spec.name
    return None
