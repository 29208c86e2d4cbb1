"""Embeddings as NumPy arrays: what slices, functions, copies and pickles of them are."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tsnekit.run_state import RunState

__all__ = ["EmbeddingArray"]

Self = TypeVar("Self", bound="EmbeddingArray")


class EmbeddingArray(np.ndarray):
    """Positions (n, d), float32, and the state of their optimization.

    What NumPy derives from an embedding, be it a slice, a view or the result of a function, is a
    plain array of positions; only `copy` and pickling keep all that an embedding is.
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
        return _derived(super().__array_function__(func, types, args, kwargs))

    def __getitem__(self, key: Any) -> Any:
        return _plain(self)[key]

    @property
    def T(self) -> NDArray[np.float32]:  # noqa: N802
        """The positions, transposed, as a plain array."""
        return _plain(self).T

    def copy(self: Self, order: Any = "C") -> Self:
        """Return an independent embedding with the same positions and optimizer state.

        The affinities, which optimization never changes, are shared.
        """
        if self._state is None:
            return _plain(self).copy(order)
        duplicate = self._create(np.array(_plain(self), order="C"), self._state.copied())
        self._copy_attributes_to(duplicate)
        return duplicate

    def __copy__(self: Self) -> Self:
        return self.copy()

    def __deepcopy__(self: Self, memo: Any) -> Self:
        return self.copy()

    def __reduce__(self) -> Any:
        return _rebuild, (type(self), np.array(_plain(self)), dict(self.__dict__))

    def _copy_attributes_to(self, other: Any) -> None:
        raise NotImplementedError

    def _positions(self) -> NDArray[np.float32]:
        return _plain(self)


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, EmbeddingArray) else value


def _derived(value: Any) -> Any:
    """Strip the class from what NumPy derived, but not from an embedding passed through."""
    if isinstance(value, EmbeddingArray) and value._state is None:
        return _plain(value)
    if type(value) in (tuple, list):
        return type(value)(_derived(each) for each in value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):  # a named tuple
        return type(value)(*(_derived(each) for each in value))
    return value


def _rebuild(
    cls: type[EmbeddingArray], positions: NDArray[np.float32], attributes: dict[str, Any]
) -> EmbeddingArray:
    embedding = positions.view(cls)
    embedding.__dict__.update(attributes)
    return embedding
