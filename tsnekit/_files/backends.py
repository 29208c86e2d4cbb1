"""Backends by their registered names and their options."""

from __future__ import annotations

from typing import Any

from tsnekit._backends.loading import Registered
from tsnekit._backends.options import kept_options, options_of
from tsnekit._backends.registry import default_registry
from tsnekit._backends.resolve import registered_name
from tsnekit._files.schema import Fields, refusals
from tsnekit._files.values import to_plain

__all__ = ["backend_from_plain", "backend_to_plain"]


def backend_to_plain(point: str, backend: Any) -> dict[str, Any]:
    """Return the registered name and the options of a backend.

    Raises
    ------
    TypeError
        If its class is not registered, or an option cannot be saved.
    """
    name = registered_name(point, backend)
    if name is None:
        raise TypeError(
            f"{point} cannot be saved: {type(backend).__name__} is not the class of a registered "
            "backend; register it as a plugin, so that tsnekit.load can find it"
        )
    options = kept_options(backend)
    return {
        "name": name,
        "options": {
            key: to_plain(each, f"option {key!r} of {name}") for key, each in options.items()
        },
    }


def backend_from_plain(point: str, fields: Fields) -> tuple[Any, Registered]:
    """Build a backend by its registered name and options, and say which backend it is.

    Raises
    ------
    ValueError
        If no such backend is installed, or it does not take the options.
    """
    name = fields.text("name")
    given = fields.fields("options")
    fields.finish()
    found = default_registry().get(point, name)
    factory = found.load()
    options = {key: given.value(key) for key in given.names()}
    unknown = sorted(options.keys() - options_of(factory).keys())
    if unknown:
        raise ValueError(f"{given.path(unknown[0])}: {name!r} does not have this option")
    with refusals(fields.path("options"), of=Exception):
        return factory(**options), found
