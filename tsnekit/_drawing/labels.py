"""What labels mean for a picture: classes with names, or values on a scale."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._util.validation import short_repr

__all__ = ["Classes", "Values", "days_of", "interpret_labels"]

MAX_CLASSES = 40
"""Up to this many different whole numbers or dates are classes; more are values on a scale."""


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?")


@dataclass(frozen=True, kw_only=True)
class Classes:
    """Labels that name classes.

    Parameters
    ----------
    codes : ndarray of shape (n,), int
        The class of each point; -1 where the label is missing.
    names : tuple of object
        The labels of the classes, in order.
    ordered : bool, default=False
        Whether the order of the classes has a meaning.
    title : str, optional
        What the labels are called.
    colors : tuple of colour, optional
        The colours that the classes come with, in order.
    """

    codes: NDArray[np.intp]
    names: tuple[Any, ...]
    ordered: bool = False
    title: str | None = None
    colors: tuple[Any, ...] | None = None

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Where there is no label."""
        return self.codes < 0


@dataclass(frozen=True, kw_only=True)
class Values:
    """Labels that are numbers on a scale.

    Parameters
    ----------
    values : ndarray of shape (n,), float
        NaN where the label is missing.
    dates : bool, default=False
        Whether the values are dates, as days since 1970.
    title : str, optional
        What the labels are called.
    """

    values: NDArray[np.float64]
    dates: bool = False
    title: str | None = None

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Where there is no label."""
        return np.isnan(self.values)


def interpret_labels(labels: Any, n_samples: int, kind: str = "auto") -> Classes | Values:
    """Tell classes from values, and find the missing labels.

    Parameters
    ----------
    labels : array-like of shape (n_samples,), Classes or Values
        None, NaN, NaT, NA and masked elements are missing. So is -1 among whole numbers that count
        from 0, where it marks noise, unless they are values. Text that writes dates, as in
        2020-01-31, is dates; numbers in other text are in the order of their values. What has been
        told apart before stays what it is.
    n_samples : int
        How many labels there must be.
    kind : {"auto", "categorical", "continuous"}, default="auto"
        "auto" takes these as classes: text, booleans, categories, and at most 40 different whole
        numbers or dates. It takes other numbers and dates as values.

    Returns
    -------
    Classes or Values

    Raises
    ------
    ValueError
        If the labels have another shape, are not hashable, are not numbers or dates where they
        must be, or `kind` is unknown.
    """
    if kind not in ("auto", "categorical", "continuous"):
        raise ValueError(
            f"kind must be 'auto', 'categorical' or 'continuous', got {short_repr(kind)}"
        )
    if isinstance(labels, Classes | Values):
        _check_shape(labels.missing.shape, n_samples)
        return labels
    unique, codes, is_category, ordered = _different(labels, n_samples)
    if not is_category and unique and all(isinstance(each, str) for each in unique):
        unique, codes = _read_text(unique, codes)
    name = getattr(labels, "name", None)
    title = name if isinstance(name, str) and name else None
    dates = bool(unique) and all(isinstance(each, datetime.date | np.datetime64) for each in unique)
    numeric = all(isinstance(each, Real) and not isinstance(each, bool) for each in unique)
    whole = numeric and all(float(each).is_integer() for each in unique)
    few = dates or whole
    is_scale = not is_category and (numeric or dates) and bool(unique)
    if kind == "continuous" or (
        kind == "auto" and is_scale and not (few and len(unique) <= MAX_CLASSES)
    ):
        return Values(values=_numbers(unique, dates)[codes], dates=dates, title=title)
    if whole and not is_category:
        unique = [int(each) for each in unique]
    noise = None if ordered else _noise_among(unique)
    if noise is not None:
        del unique[noise]
        codes = np.where(codes == noise, -1, codes - (codes > noise))
    if dates:
        unique = _dates_as_text(unique)
    return Classes(codes=codes, names=tuple(unique), ordered=ordered, title=title)


def _different(labels: Any, n_samples: int) -> tuple[list[Any], NDArray[np.intp], bool, bool]:
    """Return the different labels in order, and for each point the place of its label or -1.

    The last two values say whether the labels have categories, and whether these are ordered.
    """
    given = getattr(labels, "array", labels)  # of a pandas Series or Index
    if hasattr(given, "codes") and hasattr(given, "categories"):
        _check_shape(given.codes.shape, n_samples)
        codes = np.asarray(given.codes, dtype=np.intp)
        return *_used(list(given.categories), codes), True, bool(given.ordered)
    array = np.ma.asarray(labels)
    _check_shape(array.shape, n_samples)
    masked = np.ma.getmaskarray(array)
    if array.dtype.kind != "O":
        found, codes = np.unique(array.data, return_inverse=True)
        is_date = array.dtype.kind == "M"
        unique = list(found) if is_date else found.tolist()
        codes = np.where(masked, -1, codes.reshape(n_samples)).astype(np.intp)
        return *_used(unique, codes), False, False
    # polars keeps the order of an Enum in its type.
    categories: Any = getattr(getattr(labels, "dtype", None), "categories", None)
    known = categories.to_list() if hasattr(categories, "to_list") else []
    unique, codes = _encoded(array.data.tolist(), known)
    unique, codes = _used(unique, np.where(masked, -1, codes))
    if not known:
        places = _ranks(unique)
        unique = [unique[i] for i in places]
        codes = np.append(np.argsort(places), -1).astype(np.intp)[codes]
    return unique, codes, bool(known), False


def _read_text(unique: list[str], codes: NDArray[np.intp]) -> tuple[list[Any], NDArray[np.intp]]:
    """Return text with its numbers in order, so that 2 is before 10; or the dates in it."""
    if all(_DATE.fullmatch(each) for each in unique):
        try:
            return [np.datetime64(each.replace(" ", "T")) for each in unique], codes
        except ValueError:  # there is no such day
            pass
    order = sorted(range(len(unique)), key=lambda i: (_natural(unique[i]), unique[i]))
    places = np.empty(len(unique) + 1, dtype=np.intp)  # the last is that of the code -1
    places[order] = np.arange(len(unique))
    places[-1] = -1
    return [unique[i] for i in order], places[codes]


def _noise_among(unique: list[Any]) -> int | None:
    """Return the place of -1 among whole numbers that count from 0, also where they are text."""
    try:
        values = [int(each) for each in unique if not isinstance(each, bool | float)]
    except (TypeError, ValueError):
        return None
    if len(values) < len(unique) or -1 not in values or min({*values} - {-1}, default=0) != 0:
        return None
    return values.index(-1)


def _natural(text: str) -> list[tuple[int, float, str]]:
    """Return what text is ordered by: whole numbers in it by their values, a number by its own."""
    if re.fullmatch(r"[-+]?\d+(\.\d+)?", text):
        return [(0, float(text), "")]
    return [
        (0, float(part), "") if part.isdecimal() else (1, 0.0, part.lower())
        for part in re.split(r"(\d+)", text)
        if part
    ]


def _check_shape(shape: tuple[int, ...], n_samples: int) -> None:
    if shape != (n_samples,):
        raise ValueError(f"labels must have shape ({n_samples},), one for each point, got {shape}")


def _encoded(
    elements: Sequence[Hashable], known: Iterable[Hashable]
) -> tuple[list[Any], NDArray[np.intp]]:
    """Return the different elements, known ones first, and the place of each element among them."""
    try:
        places = {each: place for place, each in enumerate(dict.fromkeys([*known, *elements]))}
    except TypeError:
        raise ValueError("labels must be text, numbers, dates or other hashable objects") from None
    return list(places), np.array([places[each] for each in elements], dtype=np.intp)


def _used(unique: list[Any], codes: NDArray[np.intp]) -> tuple[list[Any], NDArray[np.intp]]:
    """Leave out the labels that are missing, and those that no point has."""
    counts = np.bincount(codes + 1, minlength=len(unique) + 1)[1:]
    kept = [i for i, each in enumerate(unique) if counts[i] and not _is_missing(each)]
    places = np.full(len(unique) + 1, -1, dtype=np.intp)  # the last place is for the code -1
    places[kept] = np.arange(len(kept))
    return [unique[i] for i in kept], places[codes]


def _is_missing(label: Any) -> bool:
    # pandas' NA is neither equal to anything nor different from it.
    return label is None or type(label).__name__ == "NAType" or bool(label != label)


def _ranks(unique: list[Any]) -> list[int]:
    """Return the places of labels in ascending order, by kind where kinds cannot be compared."""
    places = range(len(unique))
    try:
        return sorted(places, key=unique.__getitem__)
    except TypeError:
        return sorted(places, key=lambda i: (isinstance(unique[i], str), str(unique[i])))


def _numbers(unique: list[Any], dates: bool) -> NDArray[np.float64]:
    """Return labels as numbers, followed by a NaN for the code -1."""
    try:
        found = days_of(unique) if dates else np.array([float(each) for each in unique])
    except (TypeError, ValueError):
        found = None
    if found is None or any(isinstance(each, str) for each in unique):
        raise ValueError("labels must be numbers or dates for kind='continuous'")
    return np.append(found, math.nan)


def _moments(unique: list[Any]) -> NDArray[np.datetime64]:
    """Return dates and times, each in the local time of its own time zone."""
    plain = [
        each.replace(tzinfo=None) if getattr(each, "tzinfo", None) is not None else each
        for each in unique
    ]
    return np.array(plain, dtype="datetime64[us]")


def days_of(dates: list[Any]) -> NDArray[np.float64]:
    """Return dates as days since 1970."""
    return (_moments(dates) - np.datetime64(0, "us")) / np.timedelta64(1, "D")


def _dates_as_text(unique: list[Any]) -> list[str]:
    moments = _moments(unique)
    days = moments.astype("datetime64[D]")
    return np.datetime_as_string(days if (days == moments).all() else moments, unit="auto").tolist()
