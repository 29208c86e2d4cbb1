"""Checks of what users pass, before any work starts.

Every message names the parameter, what was given and what is valid.
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MAX_POSITION",
    "check_columns",
    "check_data",
    "check_integer",
    "check_positions",
    "check_real",
    "check_rows",
    "short_repr",
]

MAX_POSITION = 1e15
"""Farthest positions; squares of their differences, and of their sums, are numbers in float32."""


def check_real(
    name: str, value: Any, *, above: float | None = None, at_least: float | None = None
) -> float:
    """Return `value` as a finite float within the bounds.

    Raises
    ------
    TypeError
        If it is not a real number.
    ValueError
        If it is not finite or out of bounds.
    """
    if not isinstance(value, Real) or isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be a real number, got {short_repr(value)}")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {value!r}")
    if above is not None and not number > above:
        raise ValueError(f"{name} must be greater than {above:g}, got {value!r}")
    if at_least is not None and not number >= at_least:
        raise ValueError(f"{name} must be at least {at_least:g}, got {value!r}")
    return number


def check_integer(name: str, value: Any, *, at_least: int) -> int:
    """Return `value` as an int not below the bound.

    Raises
    ------
    TypeError
        If it is not an integer.
    ValueError
        If it is too small.
    """
    if not isinstance(value, Integral) or isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be an integer, got {short_repr(value)}")
    if value < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {value!r}")
    return int(value)


def check_data(X: Any, *, name: str = "X", n_features: int | None = None) -> Any:
    """Return data as a finite float array (n, p) or CSR matrix, copied only where it must be.

    float32 and float64 stay what they are, integers of up to 16 bits become float32, which holds
    them exactly, and everything else numeric becomes float64.

    Parameters
    ----------
    X : array-like, DataFrame or sparse matrix of shape (n, p)
    name : str, default="X"
        Name of the parameter, for messages.
    n_features : int, optional
        The number of columns that the data must have.

    Raises
    ------
    TypeError, ValueError
        If it is no such thing, is empty, or holds NaN, infinity or text.
    """
    from sklearn.utils import check_array

    check_columns(X, name=name)
    given = getattr(X, "dtype", None)
    small = isinstance(given, np.dtype) and given.kind in "biu" and given.itemsize <= 2
    dtype = np.float32 if small else (np.float64, np.float32)
    checked = check_array(X, accept_sparse="csr", dtype=dtype, order="C", input_name=name)
    check_rows(checked, name=name)
    if n_features is not None and checked.shape[1] != n_features:
        raise ValueError(
            f"{name} has {checked.shape[1]} features, but the fitted data has {n_features}"
        )
    return checked


def check_rows(matrix: Any, *, name: str) -> None:
    """Check that the arrays of a CSR matrix make sense, since native code relies on it.

    A dense matrix passes.

    Raises
    ------
    ValueError
        If they do not.
    """
    if not hasattr(matrix, "indptr"):
        return
    try:
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise ValueError(f"{name} is a broken sparse matrix: {error}") from None


def check_columns(X: Any, *, name: str = "X") -> None:
    """Check that the columns of a frame are numbers; anything else passes.

    Parameters
    ----------
    X : object
        Data, a pandas or polars DataFrame or anything else.
    name : str, default="X"
        Name of the parameter, for messages.

    Raises
    ------
    ValueError
        If a column of a frame holds something else; the message names it.
    """
    if not (hasattr(X, "columns") and hasattr(X, "dtypes")):
        return
    others = [
        f"{column!r} ({dtype})"
        for i, (column, dtype) in enumerate(zip(X.columns, X.dtypes, strict=True))
        if not _holds_numbers(X, i, dtype)
    ]
    if others:
        shown = ", ".join(others[:5]) + (", ..." if len(others) > 5 else "")
        raise ValueError(
            f"{name} must have columns of numbers only, but {shown} "
            f"{'is' if len(others) == 1 else 'are'} not; leave out or encode what is no number"
        )


def _holds_numbers(frame: Any, i: int, dtype: Any) -> bool:
    kind = getattr(dtype, "kind", None)
    if kind is None:  # polars
        return bool(dtype.is_numeric()) or str(dtype) in ("Boolean", "Null")
    if kind != "O":
        return kind in "biuf"
    try:
        frame.iloc[:, i].astype(float)
    except (TypeError, ValueError):
        return False
    return True


def check_positions(
    Y: Any, *, name: str, n_samples: int | None = None, n_components: int | None = None
) -> NDArray[np.float32]:
    """Return embedding positions as a new finite float32 array of the right shape.

    Raises
    ------
    TypeError, ValueError
        If `Y` is not numeric, not two-dimensional, of another shape, not finite, or too far out.
    """
    try:
        with np.errstate(over="ignore"):  # what overflows is infinite, and refused below
            checked = np.array(Y, dtype=np.float32, order="C")
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name} must be an array of numbers, got {short_repr(Y)}") from None
    if checked.ndim != 2:
        raise ValueError(f"{name} must be two-dimensional, got {checked.ndim} dimension(s)")
    wanted = (
        checked.shape[0] if n_samples is None else n_samples,
        checked.shape[1] if n_components is None else n_components,
    )
    if checked.shape != wanted:
        raise ValueError(f"{name} must have shape {wanted}, got {checked.shape}")
    if not (np.abs(checked) <= MAX_POSITION).all():
        raise ValueError(f"{name} holds NaN, infinity or values beyond {MAX_POSITION:g}")
    return checked


def short_repr(value: Any) -> str:
    """Return a repr that fits into an error message."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}... ({type(value).__name__})"
