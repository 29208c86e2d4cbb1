"""The states of random number generators, checked before one is taken over.

NumPy does not check a state. With an invalid state, it may read memory that is not its own, or
never return.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tsnekit._util.validation import short_repr

__all__ = ["from_state", "state_of"]

GENERATORS = {
    kind.__name__: kind
    for kind in (
        np.random.MT19937,
        np.random.PCG64,
        np.random.PCG64DXSM,
        np.random.Philox,
        np.random.SFC64,
    )
}

# Before this form, the state of a Mersenne Twister was saved as what `get_state` returns.
TUPLE = ("bit_generator", "key", "pos", "has_gauss", "gauss")

GREATEST = {"has_gauss": 1, "has_uint32": 1, "uinteger": 2**32 - 1, "pos": 624, "buffer_pos": 4}
"""The largest values of integers in states. All other integers have 128 bits."""


def state_of(random_state: np.random.RandomState) -> dict[str, Any] | None:
    """Return the state of a generator, or None if it is not one of NumPy's."""
    state = random_state.get_state(legacy=False)
    if not isinstance(state, dict) or state["bit_generator"] not in GENERATORS:
        return None
    return state


def from_state(state: Any) -> np.random.RandomState:
    """Return a generator that continues from a state.

    Raises
    ------
    ValueError
        If `state` is not that of one of NumPy's generators.
    """
    if isinstance(state, list) and len(state) == len(TUPLE):
        state = dict(zip(TUPLE, state, strict=True))
        state["state"] = {name: state.pop(name) for name in ("key", "pos")}
    name = state.get("bit_generator") if isinstance(state, dict) else None
    if not isinstance(name, str) or name not in GENERATORS:
        raise ValueError(f"{short_repr(state)} is not the state of a random number generator")
    restored = np.random.RandomState(GENERATORS[name](0))
    _check_like(state, restored.get_state(legacy=False), name)
    inner = state["state"]
    if name == "MT19937" and not (inner["key"][1:].any() or inner["key"][0] >> 31):
        raise ValueError("the state of the MT19937 generator must not be 0")
    if "inc" in inner and inner["inc"] % 2 == 0:
        raise ValueError(f"the increment of the {name} generator must be odd")
    restored.set_state(state)
    return restored


def _check_like(given: Any, example: Any, what: str) -> None:
    """Check that a state has the names, types and shapes of an example."""
    if isinstance(example, Mapping):
        fits = isinstance(given, dict) and given.keys() == example.keys()
        if fits:
            for name, part in example.items():
                _check_like(given[name], part, name)
    elif isinstance(example, np.ndarray):
        fits = isinstance(given, np.ndarray) and (given.dtype, given.shape) == (
            example.dtype,
            example.shape,
        )
    elif isinstance(example, str):
        fits = given == example
    elif isinstance(example, float):
        fits = isinstance(given, float) and math.isfinite(given)
    else:
        fits = type(given) is int and 0 <= given <= GREATEST.get(what, 2**128 - 1)
    if not fits:
        raise ValueError(f"{what} of a random number generator is not valid: {short_repr(given)}")
