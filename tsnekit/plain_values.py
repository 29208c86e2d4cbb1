"""Parameters and backends as what JSON can hold, and back."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from tsnekit.backends import kept_options, registered_name
from tsnekit.registry import default_registry
from tsnekit.validation import short_repr

__all__ = ["backend_from_plain", "backend_to_plain", "from_plain", "to_plain"]


def to_plain(value: Any, what: str) -> Any:
    """Return a value as what JSON can hold.

    Parameters
    ----------
    value : object
        A number, a string, None, an array, a RandomState, or a list or mapping of such.
    what : str
        Where it comes from, for the message.

    Raises
    ------
    TypeError
        If it is anything else.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return {"array": value.tolist(), "dtype": value.dtype.str}
    if isinstance(value, np.random.RandomState):
        state = value.get_state(legacy=True)
        return {"random_state": [to_plain(part, what) for part in state]}
    if isinstance(value, list | tuple):
        return [to_plain(each, what) for each in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"mapping": {key: to_plain(each, what) for key, each in value.items()}}
    raise TypeError(f"{what} cannot be saved: {short_repr(value)}")


def from_plain(value: Any) -> Any:
    """Return what `to_plain` was given, with lists for tuples."""
    if isinstance(value, list):
        return [from_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return np.array(value["array"], dtype=value["dtype"])
    if "random_state" in value:
        restored = np.random.RandomState()
        restored.set_state(tuple(from_plain(part) for part in value["random_state"]))
        return restored
    return {key: from_plain(each) for key, each in value["mapping"].items()}


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
            "backend, so that it could not be found again"
        )
    options = kept_options(backend)
    return {
        "name": name,
        "options": {
            key: to_plain(each, f"option {key!r} of {name}") for key, each in options.items()
        },
    }


def backend_from_plain(point: str, plain: Mapping[str, Any]) -> Any:
    """Build a backend by its registered name and options."""
    options = {key: from_plain(each) for key, each in plain["options"].items()}
    return default_registry().get(point, plain["name"]).load()(**options)
