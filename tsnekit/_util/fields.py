"""Checks of the fields of specs, which plugin authors write.

Every message names the field, what was given and what is valid.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from tsnekit._util.names import did_you_mean
from tsnekit._util.validation import check_integer, check_real, short_repr

__all__ = [
    "check_bool",
    "check_dimensions",
    "check_names",
    "check_path",
    "check_requirements",
    "check_schedule",
    "check_text",
    "check_wants",
    "refused_dimensions",
]

PHASES = ("early exaggeration", "optimization")
"""The phases of a fit, and of new points."""

_MODULE = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_PATH = re.compile(f"{_MODULE}:{_MODULE}")
_REQUIREMENT = re.compile(f"{_MODULE}(?::[\\w.-]+)?")


def check_text(field: str, value: Any, *, empty: bool = False) -> str:
    """Return `value` if it is a string; it must not be empty unless `empty` is set."""
    if not isinstance(value, str):
        raise TypeError(f"{field} must be a string, got {short_repr(value)}")
    if not empty and not value.strip():
        raise ValueError(f"{field} must not be empty, got {value!r}")
    return value


def check_bool(field: str, value: Any) -> bool:
    """Return `value` if it is a bool."""
    if not isinstance(value, bool):
        raise TypeError(f"{field} must be True or False, got {short_repr(value)}")
    return value


def check_path(field: str, value: Any) -> str:
    """Return `value` if it has the form of a dotted path; its target need not exist."""
    if not _PATH.fullmatch(check_text(field, value)):
        raise ValueError(
            f"{field} must be a dotted path such as 'package.module:name', got {value!r}"
        )
    return value


def check_names(field: str, value: Any) -> tuple[str, ...]:
    """Return `value` as a tuple if it is a collection of different strings."""
    if isinstance(value, str) or not isinstance(value, Collection):
        raise TypeError(f"{field} must be a collection of strings, got {short_repr(value)}")
    names = tuple(check_text(f"each of {field}", name) for name in value)
    if len(set(names)) < len(names):
        raise ValueError(f"{field} must all be different, got {short_repr(value)}")
    return names


def check_wants(field: str, value: Any, known: tuple[str, ...]) -> frozenset[str]:
    """Return `value` as a set if it is a collection of names that are known."""
    names = check_names(field, value)
    for name in names:
        if name not in known:
            raise ValueError(f"each of {field} must be one of {', '.join(known)}, got {name!r}")
    return frozenset(names)


def check_requirements(field: str, value: Any) -> tuple[str, ...]:
    """Return `value` as a tuple if it is a collection of modules, with distributions or without."""
    names = check_names(field, value)
    for name in names:
        if not _REQUIREMENT.fullmatch(name):
            raise ValueError(
                f"each of {field} must be 'module' or 'module:distribution', got {name!r}"
            )
    return names


def check_schedule(field: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weight and the schedule of a force term, checked.

    Parameters
    ----------
    field : str
        What the names of the values follow in messages.
    values : mapping
        ``weight``, ``start``, ``stop`` and ``phases``, or some of them.

    Raises
    ------
    TypeError, ValueError
        If a value is not valid.
    """
    checked: dict[str, Any] = {}
    if "weight" in values:
        checked["weight"] = check_real(f"{field}weight", values["weight"], at_least=0)
    for name in ("start", "stop"):
        if name in values:
            checked[name] = check_real(f"{field}{name}", values[name], at_least=0, at_most=1)
    if {"start", "stop"} <= checked.keys() and not checked["start"] < checked["stop"]:
        raise ValueError(
            f"{field}start must be less than stop, got {values['start']!r} and {values['stop']!r}"
        )
    if "phases" in values:
        phases = values["phases"]
        if isinstance(phases, str):
            phases = (phases,)
        checked["phases"] = None if phases is None else check_names(f"{field}phases", phases)
        for each in checked["phases"] or ():
            if each not in PHASES:
                names = " and ".join(map(repr, PHASES))
                raise ValueError(
                    f"{field}phases are {names}, got {each!r}{did_you_mean(each, PHASES)}"
                )
        if checked["phases"] == ():
            raise ValueError(f"{field}phases must name a phase, or be None for all of them")
    return checked


def check_dimensions(field: str, given: Any) -> tuple[int, ...] | None:
    """Return the dimensions that a spec claims, None for any."""
    if given is None:
        return None
    if not isinstance(given, tuple | list):
        raise TypeError(f"{field} must be a tuple of integers or None, got {short_repr(given)}")
    return tuple(check_integer(f"each of {field}", value, at_least=1) for value in given)


def refused_dimensions(claimed: tuple[int, ...] | None, n_components: int) -> list[str]:
    """Return the reason why a spec that claims some dimensions refuses others."""
    if claimed is None or n_components in claimed:
        return []
    has = " or ".join(map(str, claimed))
    return [f"n_components={n_components} is not supported, only {has}"]
