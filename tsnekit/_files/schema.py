"""What a saved file must hold: every entry is taken by name, and checked when it is taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._files.values import from_plain
from tsnekit._util.validation import check_integer, check_real, short_repr
from tsnekit.errors import PluginError

__all__ = ["Arrays", "Fields", "refusals"]

MAX_INTEGER = 2**62

REFUSALS = (TypeError, ValueError, OverflowError)
"""The exceptions that this package raises on invalid values."""


@contextmanager
def refusals(
    what: str, of: type[Exception] | tuple[type[Exception], ...] = REFUSALS
) -> Iterator[None]:
    """Turn exceptions that refuse a saved value into a ValueError that names `what`.

    A backend of another package may raise any exception on values that it did not save. For such a
    backend, `of` is Exception.
    """
    try:
        yield
    except PluginError:
        raise
    except of as error:
        raise ValueError(f"{what}: {str(error) or type(error).__name__}") from error


class _Entries:
    """Entries by name, each of which must be taken once."""

    def __init__(self, entries: Any, where: str) -> None:
        if not isinstance(entries, Mapping):
            raise ValueError(f"{where} must be a mapping, got {short_repr(entries)}")
        self._left = dict(entries)
        self._where = where

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def path(self, name: str) -> str:
        """Return the name with its path in the file, for messages."""
        return f"{self._where}/{name}" if self._where else name

    def names(self) -> list[str]:
        """Return the names of the entries that have not been taken yet."""
        return list(self._left)

    def finish(self) -> None:
        """Check that all entries have been taken."""
        if self._left:
            raise ValueError(f"{self.path(min(self._left))} is an unknown entry")

    def _take(self, name: str) -> Any:
        if name not in self._left:
            raise ValueError(f"{self.path(name)} is missing")
        return self._left.pop(name)


class Fields(_Entries):
    """The fields of the header, or of a mapping in it.

    Parameters
    ----------
    entries : mapping
    where : str
        The path of the mapping in the header.
    notices : list of str, optional
        Gets what the user should know about the file. Mappings in this one share the list.
    """

    def __init__(self, entries: Any, where: str, notices: list[str] | None = None) -> None:
        super().__init__(entries, where)
        self.notices: list[str] = [] if notices is None else notices

    def fields(self, name: str) -> Fields:
        """Take a mapping."""
        return Fields(self._take(name), self.path(name), self.notices)

    def raw(self, name: str) -> Any:
        """Take an unchecked JSON value."""
        return self._take(name)

    def value(self, name: str) -> Any:
        """Take a value that `tsnekit._files.values.to_plain` wrote."""
        with refusals(self.path(name)):
            return from_plain(self._take(name))

    def text(self, name: str, among: Iterable[str] | None = None) -> str:
        """Take a string, which must be one of `among` if given."""
        value = self._take(name)
        if not isinstance(value, str):
            raise ValueError(f"{self.path(name)} must be a string, got {short_repr(value)}")
        if among is not None and value not in among:
            raise ValueError(f"{self.path(name)} has the unknown value {short_repr(value)}")
        return value

    def flag(self, name: str) -> bool:
        """Take True or False."""
        value = self._take(name)
        if not isinstance(value, bool):
            raise ValueError(f"{self.path(name)} must be true or false, got {short_repr(value)}")
        return value

    def integer(self, name: str, *, at_least: int = 0, at_most: int = MAX_INTEGER) -> int:
        """Take an integer within bounds."""
        with refusals("a number"):
            value = self._take(name)
            return check_integer(self.path(name), value, at_least=at_least, at_most=at_most)

    def share(self, name: str) -> float | None:
        """Take a number from 0 to 1, or null."""
        given = self.raw(name)
        if given is None:
            return None
        if type(given) not in (int, float) or not 0 <= given <= 1:
            raise ValueError(f"{self.path(name)} must be from 0 to 1 or null")
        return float(given)

    def positive_or_null(self, name: str) -> float | None:
        """Take a finite number above 0, or null."""
        value = self._take(name)
        with refusals("a number"):
            return None if value is None else check_real(self.path(name), value, above=0)

    def number(self, name: str) -> float:
        """Take a finite number that is not negative."""
        with refusals("a number"):
            return check_real(self.path(name), self._take(name), at_least=0)


class Arrays(_Entries):
    """The arrays of the file, or those whose names begin alike."""

    def arrays(self, prefix: str) -> Arrays:
        """Take the arrays under a name and a slash."""
        start = f"{prefix}/"
        names = [name for name in self._left if name.startswith(start)]
        return Arrays(
            {name[len(start) :]: self._left.pop(name) for name in names}, self.path(prefix)
        )

    def rest(self) -> dict[str, NDArray[Any]]:
        """Take all arrays that are left, unchecked."""
        return {name: self._take(name) for name in self.names()}

    def take(
        self, name: str, shape: tuple[int | None, ...], *dtypes: type[np.generic]
    ) -> NDArray[Any]:
        """Take an array as the first of the dtypes; None in `shape` stands for any length.

        The file may hold any of the dtypes. Floats must be finite.
        """
        array = self._take(name)
        fits = len(shape) == array.ndim and all(
            wanted in (None, found) for wanted, found in zip(shape, array.shape, strict=True)
        )
        if not fits:
            shown = ", ".join("any" if wanted is None else str(wanted) for wanted in shape)
            raise ValueError(f"{self.path(name)} must have shape ({shown}), got {array.shape}")
        if array.dtype not in [np.dtype(dtype) for dtype in dtypes]:
            shown = " or ".join(np.dtype(dtype).name for dtype in dtypes)
            raise ValueError(f"{self.path(name)} must be of {shown}, got {array.dtype}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{self.path(name)} holds NaN or infinity")
        return array
