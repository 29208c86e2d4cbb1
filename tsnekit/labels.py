"""What labels mean for a picture: classes with names, or values on a scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.validation import short_repr

__all__ = ["Classes", "Values", "interpret_labels"]

MAX_CLASSES = 40
"""More different numbers than this are values on a scale; fewer whole ones are classes."""


@dataclass(frozen=True, kw_only=True)
class Classes:
    """Labels that name classes.

    Parameters
    ----------
    codes : ndarray of shape (n,), int
        The class of each point; -1 where the label is missing.
    names : tuple of object
        The labels of the classes, in order.
    title : str, optional
        What the labels are called.
    """

    codes: NDArray[np.intp]
    names: tuple[Any, ...]
    title: str | None = None

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
    title : str, optional
        What the labels are called.
    """

    values: NDArray[np.float64]
    title: str | None = None

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Where there is no label."""
        return np.isnan(self.values)


def interpret_labels(labels: Any, n_samples: int, kind: str = "auto") -> Classes | Values:
    """Tell classes from values, and find the missing labels.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        None, NaN, NA and masked elements are missing.
    n_samples : int
        How many there must be.
    kind : {"auto", "categorical", "continuous"}, default="auto"
        "auto" takes text, booleans and at most 40 different whole numbers as classes, and other
        numbers as values.

    Returns
    -------
    Classes or Values

    Raises
    ------
    ValueError
        If the labels have another shape, are not numbers where they must be, or `kind` is unknown.
    """
    if kind not in ("auto", "categorical", "continuous"):
        raise ValueError(
            f"kind must be 'auto', 'categorical' or 'continuous', got {short_repr(kind)}"
        )
    array = np.ma.asarray(labels)
    if array.shape != (n_samples,):
        raise ValueError(
            f"labels must have shape ({n_samples},), one for each point, got {array.shape}"
        )
    missing = np.ma.getmaskarray(array) | _is_missing(array.data)
    # Objects show their kind only once those that stand for missing ones are gone.
    present = np.array(array.data[~missing].tolist())
    name = getattr(labels, "name", None)
    title = name if isinstance(name, str) and name else None
    categories = getattr(getattr(labels, "dtype", None), "categories", None)
    if categories is not None and kind != "continuous":
        # A pandas Categorical keeps its own order.
        names = [each for each in categories if each in set(present.tolist())]
        place = {each: code for code, each in enumerate(names)}
        found = np.array([place[each] for each in present.tolist()], dtype=np.intp)
    else:
        numeric = present.dtype.kind in "iuf"
        unique, found = np.unique(present, return_inverse=True)
        whole = numeric and bool((unique == np.round(unique.astype(float))).all())
        if kind == "continuous" or (
            kind == "auto" and numeric and not (whole and len(unique) <= MAX_CLASSES)
        ):
            if present.size and present.dtype.kind not in "biuf":
                raise ValueError("labels must be numbers for kind='continuous'")
            values = np.full(n_samples, np.nan)
            values[~missing] = present.astype(float)
            return Values(values=values, title=title)
        names = (unique.astype(int) if whole else unique).tolist()
    codes = np.full(n_samples, -1, dtype=np.intp)
    codes[~missing] = found
    return Classes(codes=codes, names=tuple(names), title=title)


def _is_missing(array: NDArray[Any]) -> NDArray[np.bool_]:
    if array.dtype.kind == "f":
        return np.isnan(array)
    if array.dtype.kind in "mM":
        return np.isnat(array)
    if array.dtype.kind != "O":
        return np.zeros(array.shape, dtype=bool)
    # pandas' NA equals nothing, not even in the sense of being different.
    return np.array(
        [each is None or type(each).__name__ == "NAType" or each != each for each in array],
        dtype=bool,
    )
