"""The options of backends: which ones there are, which ones were given, and how to change them.

The options of a backend are the keyword-only parameters of its factory. A backend keeps each of
them in an attribute of the same name.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from tsnekit._backends.missing import check_installed
from tsnekit._util.names import did_you_mean

__all__ = ["check_known", "kept_options", "options_of", "with_options"]


def options_of(factory: Any) -> dict[str, Any]:
    """Return the options of a factory, its keyword-only parameters, with their defaults."""
    parameters = inspect.signature(factory).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def kept_options(backend: Any) -> dict[str, Any]:
    """Return the options that a backend was built with, by name.

    Raises
    ------
    TypeError
        If the backend does not keep each option in an attribute of the same name.
    """
    kind = type(backend)
    names = options_of(kind)
    for name in names:
        if not hasattr(backend, name):
            raise TypeError(
                f"{kind.__name__} must keep its option {name!r} in an attribute of that name, "
                "so that tsnekit can build a second backend with the same options"
            )
    return {name: getattr(backend, name) for name in names}


def with_options(backend: Any, changes: Mapping[str, Any] | None = None) -> Any:
    """Return a new backend of the same kind, with some options changed.

    Raises
    ------
    TypeError
        If the backend does not have a changed option, or does not keep its options.
    BackendUnavailableError
        If it is a backend of a saved map that is missing.
    """
    check_installed(backend)
    kind = type(backend)
    check_known(changes or {}, options_of(kind), owner=kind.__name__)
    return kind(**(kept_options(backend) | dict(changes or {})))


def check_known(
    given: Mapping[str, Any], options: Mapping[str, Any], *, owner: str, parameter: str = ""
) -> None:
    """Check that every given option is one of the options of a backend.

    Raises
    ------
    TypeError
        If an option is unknown. The message names the `owner` of the options and the `parameter`
        that holds the given ones, and lists the known options.
    """
    unknown = sorted(set(given) - set(options))
    if unknown:
        hint = did_you_mean(unknown[0], options)
        has = f"Its options: {', '.join(options)}." if options else "It has no options."
        where = f"{parameter}: " if parameter else ""
        raise TypeError(f"{where}{unknown[0]!r} is not an option of {owner}{hint} {has}")
