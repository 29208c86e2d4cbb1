"""Embeddings as NumPy arrays: what slices, functions, methods, copies and pickles of them are."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tsnekit._embedding.state import RunState

__all__ = ["EmbeddingArray"]

GENERATORS = (np.random.RandomState, np.random.Generator)
"""Random states that draws change, and that a deep copy therefore copies."""

Self = TypeVar("Self", bound="EmbeddingArray")


class PlainMethods(np.ndarray):
    """An array whose methods return what those of a plain array return; they are set below."""


class EmbeddingArray(PlainMethods):
    """Positions (n, d), float32, and the state of their optimization.

    A slice, a view, or the result of a function or of a method is a plain array of positions. Only
    the method `copy`, the module `copy` and pickling keep the whole embedding.
    """

    _state: RunState | None

    @classmethod
    def _create(cls: type[Self], positions: NDArray[np.float32], state: RunState) -> Self:
        embedding = positions.view(cls)
        embedding._state = state
        return embedding

    def __array_finalize__(self, obj: Any) -> None:
        self._state = None

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        arrays = [_plain(value) for value in inputs]
        out = kwargs.get("out")
        if out is not None:
            kwargs["out"] = tuple(_plain(value) for value in out)
        result = getattr(ufunc, method)(*arrays, **kwargs)
        return result if out is None else (out[0] if len(out) == 1 else out)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        given = {id(value) for value in (*args, *kwargs.values())}
        return _derived(super().__array_function__(func, types, args, kwargs), given)

    def __getitem__(self, key: Any) -> Any:
        return _plain(self)[key]

    def copy(self: Self, order: Any = "C") -> Self:
        """Return an independent embedding with the same positions and optimizer state.

        The affinities, which optimization never changes, are shared. Positions and state are those
        of one moment, also while another thread optimizes this embedding in place.
        """
        if self._state is None:
            return _plain(self).copy(order)
        with self._state.lock:
            duplicate = self._create(np.array(_plain(self), order="C"), self._state.copied())
        self._copy_attributes_to(duplicate)
        return duplicate

    def __copy__(self: Self) -> Self:
        return self.copy()

    def __deepcopy__(self: Self, memo: Any) -> Self:
        duplicate = self.copy()
        if isinstance(getattr(duplicate, "random_state", None), GENERATORS):
            duplicate.random_state = copy.deepcopy(duplicate.random_state, memo)  # type: ignore[attr-defined]
        return duplicate

    def __reduce__(self) -> Any:
        duplicate = self.copy()
        attributes = self.__dict__ | {"_state": getattr(duplicate, "_state", None)}
        return _rebuild, (type(self), np.asarray(_plain(duplicate)), attributes)

    def _copy_attributes_to(self, other: Any) -> None:
        raise NotImplementedError

    def _positions(self) -> NDArray[np.float32]:
        return _plain(self)


def _plain(value: Any) -> Any:
    return np.ndarray.view(value, np.ndarray) if isinstance(value, EmbeddingArray) else value


def _derived(value: Any, given: set[int]) -> Any:
    """Return results of NumPy as plain arrays, except for embeddings among its arguments."""
    if isinstance(value, EmbeddingArray):
        return value if id(value) in given else _plain(value)
    if type(value) in (tuple, list):
        return type(value)(_derived(each, given) for each in value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):  # a named tuple
        return type(value)(*(_derived(each, given) for each in value))
    return value


def _rebuild(
    cls: type[EmbeddingArray], positions: NDArray[np.float32], attributes: dict[str, Any]
) -> EmbeddingArray:
    embedding = positions.view(cls)
    embedding.__dict__.update(attributes)
    return embedding


# -- The methods and attributes of arrays ----------------------------------------------------------

OF_THE_EMBEDDING = ("copy", "dump", "dumps", "resize", "setflags")
"""Public methods that act on the embedding itself. All others act on its plain array."""

DERIVED_ATTRIBUTES = ("T", "flat", "imag", "mT", "real")
"""Attributes of arrays that are arrays, or iterate over one."""


def _method_of_plain(name: str) -> Callable[..., Any]:
    def method(self: PlainMethods, *args: Any, **kwargs: Any) -> Any:
        return getattr(_plain(self), name)(*args, **kwargs)

    method.__name__ = name
    method.__doc__ = getattr(np.ndarray, name).__doc__
    return method


def _attribute_of_plain(name: str) -> property:
    def get(self: PlainMethods) -> Any:
        return getattr(_plain(self), name)

    def put(self: PlainMethods, value: Any) -> None:
        setattr(_plain(self), name, value)

    return property(get, put, doc=getattr(np.ndarray, name).__doc__)


_PUBLIC = {name for name in dir(np.ndarray) if not name.startswith("_")}
for _name in _PUBLIC.intersection(DERIVED_ATTRIBUTES):
    setattr(PlainMethods, _name, _attribute_of_plain(_name))
for _name in _PUBLIC.difference(DERIVED_ATTRIBUTES, OF_THE_EMBEDDING):
    if callable(getattr(np.ndarray, _name)):
        setattr(PlainMethods, _name, _method_of_plain(_name))
