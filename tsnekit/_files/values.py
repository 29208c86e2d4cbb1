"""Values in a form that JSON can hold, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from tsnekit._files.random_states import from_state, state_of
from tsnekit._util.random_states import as_random_state
from tsnekit._util.validation import short_repr

__all__ = ["from_plain", "to_plain"]

NUMBERS = re.compile(r"[<>|=][biuf]\d{1,2}")
"""The dtypes of arrays of numbers."""

BITS = 64
"""The most bits of an integer, with its sign.

No option needs more, and longer integers would overflow where they are used.
"""
BITS_OF_STATES = 129
"""The most bits of an integer in states of generators, which have 128 bits and no sign."""


def to_plain(value: Any, what: str, *, bits: int = BITS) -> Any:
    """Return a value in a form that JSON can hold.

    Parameters
    ----------
    value : object
        A number, a string, None, an array of numbers, a RandomState, or a list, tuple, set or
        mapping of them.
    what : str
        Where the value comes from, for the message.
    bits : int, default=64
        The most bits of an integer, with its sign.

    Raises
    ------
    TypeError
        If `value` is anything else.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, Integral) and _has_bits(int(value), bits):
        return int(value)
    if isinstance(value, Real) and not isinstance(value, Integral):
        return float(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return {"array": value.tolist(), "dtype": value.dtype.str}
    if isinstance(value, np.random.Generator):
        value = as_random_state(value)  # the same numbers, in the form that files hold
    if isinstance(value, np.random.RandomState):
        state = state_of(value)
        if state is not None:
            return {"random_state": to_plain(state, what, bits=BITS_OF_STATES)}
    if isinstance(value, list | tuple):
        return [to_plain(each, what, bits=bits) for each in value]
    if isinstance(value, set | frozenset):
        return sorted((to_plain(each, what, bits=bits) for each in value), key=str)
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"mapping": {key: to_plain(each, what, bits=bits) for key, each in value.items()}}
    raise TypeError(
        f"{what} cannot be saved: {short_repr(value)}; numbers, strings, arrays of numbers, "
        "RandomStates, and lists and mappings of them can be saved"
    )


def from_plain(value: Any, *, bits: int = BITS) -> Any:
    """Return what `to_plain` was given, with lists for tuples and sets.

    Raises
    ------
    ValueError
        If `to_plain` does not return such a value.
    """
    if isinstance(value, list):
        return [from_plain(each, bits=bits) for each in value]
    if type(value) is int and not _has_bits(value, bits):
        raise ValueError(f"{short_repr(value)} has more than {bits} bits")
    if not isinstance(value, dict):
        return value
    if value.keys() == {"array", "dtype"}:
        return _array(value["array"], value["dtype"])
    if value.keys() == {"random_state"}:
        return from_state(from_plain(value["random_state"], bits=BITS_OF_STATES))
    if value.keys() == {"mapping"} and isinstance(value["mapping"], dict):
        return {key: from_plain(each, bits=bits) for key, each in value["mapping"].items()}
    raise ValueError(f"{short_repr(value)} is not a saved value")


def _has_bits(number: int, bits: int) -> bool:
    return -(2 ** (bits - 1)) <= number < 2 ** (bits - 1)


def _array(numbers: Any, dtype: Any) -> Any:
    if not isinstance(dtype, str) or NUMBERS.fullmatch(dtype) is None:
        raise ValueError(f"{short_repr(dtype)} is not a dtype of numbers")
    try:
        return np.array(numbers, dtype=dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{short_repr(numbers)} is not an array of {dtype}: {error}") from None
