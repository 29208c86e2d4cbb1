"""Backends by their registered names, their options, and the distributions that they come from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from tsnekit._backends.loading import LOAD_VARIABLE, Registered, normalized
from tsnekit._backends.missing import MissingBackend, name_of_origin
from tsnekit._backends.options import kept_options, options_of
from tsnekit._backends.registry import default_registry
from tsnekit._backends.resolve import find_registered
from tsnekit._backends.rules import RULES
from tsnekit._files.schema import Fields, refusals
from tsnekit._files.values import to_plain
from tsnekit._util.validation import short_repr
from tsnekit.errors import PluginError, UnknownPluginError
from tsnekit.specs import Spec

__all__ = ["backend_from_plain", "backend_to_plain", "name_to_plain"]

OWN = "tsnekit"
"""The distribution of the built-in backends."""

WORD = re.compile(r"[\w .+!-]{1,200}", re.ASCII)
"""Names of distributions, and versions."""


# -- To plain values -------------------------------------------------------------------------------


def backend_to_plain(point: str, backend: Any) -> dict[str, Any]:
    """Return the registered name, the options and the distribution of a backend.

    Raises
    ------
    TypeError
        If its class is not registered, or an option cannot be saved.
    """
    if isinstance(backend, MissingBackend):
        return dict(backend.saved)
    found = find_registered(point, backend)
    if found is None:
        raise TypeError(
            f"{point} cannot be saved: {type(backend).__name__} is not the class of a registered "
            "backend; register it as a plugin, so that tsnekit.load can find it"
        )
    name = found.spec.name
    options = {
        key: to_plain(each, f"option {key!r} of {name}")
        for key, each in kept_options(backend).items()
    }
    return {"name": name, "options": options, **_origin(found)}


def name_to_plain(point: str, name: str) -> Any:
    """Return the name of a backend and its distribution; the name alone for an automatic rule."""
    if name in RULES.get(point, {}):
        return name
    return {"name": name, **_origin(default_registry().get(point, name))}


def _origin(found: Registered) -> dict[str, Any]:
    return {"distribution": found.distribution, "version": found.version}


# -- From plain values -----------------------------------------------------------------------------


def backend_from_plain(
    point: str,
    fields: Fields,
    *,
    check: Callable[[Any, Spec], None] | None = None,
    arrays: Mapping[str, NDArray[Any]] | None = None,
) -> Any:
    """Build a backend, or find its name.

    A plugin, or a library that a backend requires, may not be installed here. A `MissingBackend`
    then stands for the backend, and the notices of `fields` get a line. They also get a line if
    another version of the plugin is installed.

    Parameters
    ----------
    point : str
    fields : Fields
        What `backend_to_plain` or `name_to_plain` returned.
    check : callable, optional
        Called with the backend, or its name, and its spec. Raises a ValueError if the backend does
        not fit what was saved.
    arrays : mapping of str to ndarray, optional
        The saved state of an optimizer, which a `MissingBackend` keeps.

    Returns
    -------
    object
        The backend, its name, or a `MissingBackend`.

    Raises
    ------
    ValueError
        If the backend does not fit what was saved, or tsnekit does not have it.
    """
    saved, options = _taken(fields)
    found = _found(point, saved)
    if isinstance(found, Registered):
        another = found.version != saved.get("version")
        origin = name_of_origin(saved.get("distribution"), saved.get("version"))
        try:
            backend = saved["name"] if options is None else _built(found, options, fields)
            if check is not None:
                check(backend, found.spec)
        except ValueError as error:
            # A version with which it did not fit did not save it.
            if found.builtin or not (another or isinstance(error, PluginError)):
                raise
            found = f"does not fit {found.origin}, which is installed: {error}"
        else:
            if "distribution" in saved and another and not found.builtin:
                what = f"{found.spec.kind} {found.spec.name!r}"
                fields.notices.append(f"{what} was saved by {origin}, and is of {found.origin} now")
            return backend
    missing = MissingBackend(point, saved, found, arrays)
    fields.notices.append(str(missing))
    return missing


def _taken(fields: Fields) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Take what was saved, as it is, and the options; None if only the name was saved."""
    saved: dict[str, Any] = {"name": fields.text("name")}
    options = None
    if "options" in fields:
        saved["options"] = fields.raw("options")
        given = Fields(saved["options"], fields.path("options"))
        options = {key: given.value(key) for key in given.names()}
    if "distribution" in fields:  # Older files do not have the two fields.
        for name in ("distribution", "version"):
            word = saved[name] = fields.raw(name)
            is_null = word is None and name == "version"
            if not is_null and not (isinstance(word, str) and WORD.fullmatch(word)):
                raise ValueError(f"{fields.path(name)} must be a word, got {short_repr(word)}")
    fields.finish()
    return saved, options


def _found(point: str, saved: Mapping[str, Any]) -> Registered | str:
    """Return the backend that was saved, or why it cannot be used here."""
    registry, name = default_registry(), saved["name"]
    owner, version = saved.get("distribution"), saved.get("version")
    try:
        found = registry.get(point, name)
    except UnknownPluginError:
        if owner == OWN:
            raise
    except PluginError as error:
        return f"cannot be used: {error}"
    else:
        if owner is None or normalized(owner) == normalized(found.distribution):
            missing = found.spec.missing()
            return "; ".join(missing) if missing else found
        if owner == OWN:
            raise UnknownPluginError(f"{point}={name!r} is not one of {OWN}, but of {found.origin}")
    if owner is None:
        return "is not installed"
    failures = [each.error for each in registry.failures if each.distribution == owner]
    if failures:
        return f"cannot be loaded: {'; '.join(failures)}"
    if owner in registry.left_out:
        return f"is left out, since {LOAD_VARIABLE} is set"
    here = {each.origin for each in registry.all(point) if each.distribution == owner}
    if here:
        return f"is not in {' or '.join(sorted(here))}, which is installed"
    return f"is not installed: pip install {owner}{f'=={version}' if version else ''}"


def _built(found: Registered, options: Mapping[str, Any], fields: Fields) -> Any:
    factory = found.load()
    unknown = sorted(options.keys() - options_of(factory).keys())
    if unknown:
        where = fields.path(f"options/{unknown[0]}")
        raise ValueError(f"{where}: {found.spec.name!r} does not have this option")
    with refusals(fields.path("options"), of=Exception):
        return factory(**options)
