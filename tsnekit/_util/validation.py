"""Checks of what users pass, before any work starts.

Every message names the parameter, what was given and what is valid.
"""

from __future__ import annotations

import datetime
import math
from numbers import Complex, Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MAX_POSITION",
    "NO_NUMBERS",
    "as_floats",
    "as_plain",
    "check_column_names",
    "check_columns",
    "check_data",
    "check_integer",
    "check_positions",
    "check_real",
    "check_table",
    "column_names",
    "count_masked",
    "short_repr",
]

MAX_POSITION = 1e15
"""The farthest position: squares of differences and sums of positions are finite in float32."""

MAX_COUNT = 2**31 - 1
"""Largest count of anything: what an integer of 32 bits holds."""

NO_NUMBERS = (bool, np.bool_, np.timedelta64)
"""Types that Python counts among the numbers, and that are none here."""


def check_real(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
) -> float:
    """Return `value` as a finite float within the bounds.

    Raises
    ------
    TypeError
        If it is not a real number.
    ValueError
        If it is not finite or out of bounds.
    """
    if not isinstance(value, Real) or isinstance(value, NO_NUMBERS):
        raise TypeError(f"{name} must be a real number, got {short_repr(value)}")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {value!r}")
    if above is not None and not number > above:
        raise ValueError(f"{name} must be greater than {above:g}, got {value!r}")
    if at_least is not None and not number >= at_least:
        raise ValueError(f"{name} must be at least {at_least:g}, got {value!r}")
    if at_most is not None and not number <= at_most:
        raise ValueError(f"{name} must be at most {at_most:g}, got {value!r}")
    return number


def check_integer(name: str, value: Any, *, at_least: int, at_most: int | None = MAX_COUNT) -> int:
    """Return `value` as an int within the bounds.

    Parameters
    ----------
    name : str
        Name of the parameter, for messages.
    value : int
    at_least : int
    at_most : int, optional
        By default the largest integer of 32 bits, which native code counts to.

    Raises
    ------
    TypeError
        If it is not an integer.
    ValueError
        If it is too small or too large.
    """
    if not isinstance(value, Integral) or isinstance(value, NO_NUMBERS):
        raise TypeError(f"{name} must be an integer, got {short_repr(value)}")
    number = int(value)
    if number < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {value!r}")
    if at_most is not None and number > at_most:
        raise ValueError(f"{name} must be at most {at_most}, got {value!r}")
    return number


def check_data(
    X: Any,
    *,
    name: str = "X",
    n_features: int | None = None,
    keep_zeros: bool = False,
    first_row: int = 0,
) -> Any:
    """Return data as a finite float array (n, p) or CSR matrix, copied only where it must be.

    float32 and float64 keep their type. Integers of up to 16 bits become float32, which holds them
    exactly. All other numbers become float64. Equal data gives equal results in any container; see
    `check_table`.

    Parameters
    ----------
    X : array-like, DataFrame or sparse matrix of shape (n, p)
    name : str, default="X"
        Name of the parameter, for messages.
    n_features : int, optional
        The number of columns that the data must have.
    keep_zeros : bool, default=False
        Whether a stored 0 of a sparse matrix differs from an entry that is not stored, as in a
        matrix of distances.
    first_row : int, default=0
        The number of the first row in the data that `X` is a part of, for messages.

    Raises
    ------
    TypeError, ValueError
        If `X` is not a table, is empty, or holds NaN, infinity, text or dates.
    """
    X = as_plain(X, name=name)
    given = getattr(X, "dtype", None)
    small = isinstance(given, np.dtype) and given.kind in "biu" and given.itemsize <= 2
    dtype = np.float32 if small else (np.float64, np.float32)
    checked = check_table(X, name=name, dtype=dtype, keep_zeros=keep_zeros, first_row=first_row)
    if n_features is not None and checked.shape[1] != n_features:
        raise ValueError(
            f"{name} has {checked.shape[1]} features, but the fitted data has {n_features}"
        )
    return checked


def check_table(
    X: Any,
    *,
    name: str,
    dtype: Any,
    min_rows: int = 1,
    keep_zeros: bool = False,
    first_row: int = 0,
) -> Any:
    """Return a finite array (n, p) or a CSR matrix in canonical form, copied only where it must be.

    Parameters
    ----------
    X : array-like, DataFrame or sparse matrix of shape (n, p)
        Repeated entries of a sparse matrix are added up, as SciPy does. Stored zeros are left out.
    name : str
        Name of the parameter, for messages.
    dtype : dtype or tuple of dtype
        The types that are kept; others become the first.
    min_rows : int, default=1
        The fewest rows.
    keep_zeros : bool, default=False
        Whether to keep the stored zeros of a sparse matrix.
    first_row : int, default=0
        See `check_data`.

    Raises
    ------
    TypeError, ValueError
        If `X` is not a table of numbers.
    """
    from scipy.sparse import issparse
    from sklearn.utils import check_array

    X = as_plain(X, name=name)
    if all(str(dtype).startswith("Sparse") for dtype in getattr(X, "dtypes", [None])):
        X = X.sparse.to_coo()  # a sparse frame of pandas
    if issparse(X):
        X = _canonical_rows(X, name=name, keep_zeros=keep_zeros)
    try:
        return check_array(
            X,
            accept_sparse="csr",
            dtype=dtype,
            order="C",
            ensure_min_samples=min_rows,
            input_name=name,
        )
    except (TypeError, ValueError) as error:
        message = (
            str(error) if name in str(error) else f"{name} must be a table of numbers: {error}"
        )
        raise type(error)(message + _first_not_finite(X, first_row)) from None


def _first_not_finite(X: Any, first_row: int) -> str:
    """Return which rows of a table hold NaN or infinity, as the end of a message."""
    is_sparse = hasattr(X, "indptr")
    try:
        bad = ~np.isfinite(np.asarray(X.data if is_sparse else X, dtype=np.float64))
    except (TypeError, ValueError):
        return ""
    if is_sparse:
        rows = np.unique(np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))[bad])
    else:
        rows = np.flatnonzero(bad.any(axis=1)) if bad.ndim == 2 else np.array([])
    if not len(rows):
        return ""
    return f" The first such row is row {first_row + rows[0]} ({len(rows)} in all)."


def as_plain(X: Any, *, name: str = "X") -> Any:
    """Return data in a form that NumPy and SciPy read alike.

    Frames and sparse matrices keep their class. Everything else becomes a plain array of NumPy. The
    byte order becomes that of the machine. Data is only copied if necessary.

    Parameters
    ----------
    X : object
        Data, an array-like, DataFrame or sparse matrix.
    name : str, default="X"
        Name of the parameter, for messages.

    Raises
    ------
    TypeError, ValueError
        If `X` holds masked values, or values that are not real numbers; the message says how to
        convert them.
    """
    from scipy.sparse import issparse

    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        check_columns(X, name=name)
        return X
    if masked := count_masked(X):
        raise ValueError(
            f"{name} has {masked} masked values; fill them in, or leave out their rows or columns"
        )
    if not issparse(X):
        try:
            X = np.asarray(X)
        except ValueError as error:
            raise ValueError(f"{name} must be a table of numbers: {error}") from None
    if X.dtype.kind == "O" and not issparse(X):
        for value in X.flat:
            _check_kind(_kind_of(value), type(value).__name__, name)
    else:
        _check_kind(X.dtype.kind, str(X.dtype), name)
    return X if X.dtype.isnative else X.astype(X.dtype.newbyteorder("="))


def count_masked(X: Any) -> int:
    """Return how many values of an array, or of a sequence of arrays, are masked."""
    parts = X if isinstance(X, list | tuple) else (X,)
    return sum(int(np.ma.getmaskarray(part).sum()) for part in parts if np.ma.isMaskedArray(part))


_REMEDIES = {
    "c": "take the real part, or the real and the imaginary part as columns of their own",
    "M": "subtract a date and divide by a unit, as in (X - X.min()) / numpy.timedelta64(1, 's')",
    "m": "divide it by a unit, as in X / numpy.timedelta64(1, 's')",
    "V": "see numpy.lib.recfunctions.structured_to_unstructured",
}


def _check_kind(kind: str, dtype: str, name: str) -> None:
    """Check that values of this kind are numbers, or text or objects that may be converted."""
    if kind == "c":
        # scikit-learn's tests of estimators look for these words.
        raise ValueError(f"Complex data not supported: {name} is {dtype}; {_REMEDIES[kind]}")
    if kind in _REMEDIES:
        raise TypeError(f"{name} must hold numbers, but it is {dtype}; {_REMEDIES[kind]}")


def _kind_of(value: Any) -> str:
    """Return NumPy's letter for the kind of an object; "O" for every kind that is accepted."""
    if isinstance(value, np.timedelta64 | datetime.timedelta):
        return "m"
    if isinstance(value, np.datetime64 | datetime.date):
        return "M"
    return "c" if isinstance(value, Complex) and not isinstance(value, Real) else "O"


def _canonical_rows(X: Any, *, name: str, keep_zeros: bool) -> Any:
    """Return a sparse matrix as CSR with sorted indices, each column at most once in a row.

    The arrays of the given matrix are checked first, since SciPy's code relies on them.
    """
    from scipy.sparse import csr_matrix

    if X.ndim != 2:
        raise ValueError(f"{name} must be two-dimensional, got {X.ndim} dimension(s)")
    if hasattr(X, "check_format"):
        try:
            X.check_format(full_check=True)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{name} is a broken sparse matrix: {error}") from None
    if X.dtype.kind == "f" and X.dtype.itemsize not in (4, 8):
        X = X.astype(np.float64)
    given = X.tocsr()
    # The flags of the given matrix may be wrong. The new matrix computes its own.
    rows = csr_matrix((given.data, given.indices, given.indptr), given.shape, copy=False)
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    if not keep_zeros and np.count_nonzero(rows.data) < rows.nnz:
        rows = rows.copy()
        rows.eliminate_zeros()
    return rows


def check_columns(X: Any, *, name: str = "X") -> None:
    """Check that all columns of a frame hold numbers; data of other classes is not checked.

    Parameters
    ----------
    X : object
        Data, a pandas or polars DataFrame or anything else.
    name : str, default="X"
        Name of the parameter, for messages.

    Raises
    ------
    ValueError
        If a column of a frame does not; the message names the column.
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
            f"{'is' if len(others) == 1 else 'are'} not; leave them out or turn them into "
            "numbers: a category into columns of 0 and 1, a time into seconds since a date"
        )


def column_names(X: Any) -> tuple[str, ...] | None:
    """Return the names of the columns of a frame; None if there are none, or one is not text."""
    names = tuple(X.columns) if hasattr(X, "columns") and hasattr(X, "dtypes") else ()
    return names if names and all(isinstance(name, str) for name in names) else None


def check_column_names(X: Any, known: tuple[str, ...] | None, *, name: str) -> None:
    """Check that a frame has the columns of the fitted one, in its order.

    Data without names is accepted. If the fitted data had no names, all data is accepted.

    Raises
    ------
    ValueError
        If the columns or their order differ; the message names the first difference.
    """
    given = column_names(X)
    if given is None or known is None or given == known:
        return
    lacking = [column for column in known if column not in set(given)]
    others = [column for column in given if column not in set(known)]
    if lacking or others:
        what = [f"lacks {lacking[0]!r}"] if lacking else []
        what += [f"has {others[0]!r}, which the fitted data does not have"] if others else []
        raise ValueError(
            f"{name} must have the columns of the fitted data, but {' and '.join(what)}"
        )
    place = next(i for i, pair in enumerate(zip(given, known, strict=True)) if len(set(pair)) == 2)
    raise ValueError(
        f"{name} must have its columns in the order of the fitted data, but column {place} is "
        f"{given[place]!r} instead of {known[place]!r}; select them by name in that order"
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
    checked = as_floats(Y, name=name)
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


def as_floats(given: Any, *, name: str) -> NDArray[np.float32]:
    """Return numbers as a new float32 array, infinite where they are too large for it.

    Raises
    ------
    TypeError, ValueError
        If it holds masked values, text, or anything else that is no real number.
    """
    plain = np.asarray(as_plain(given, name=name))
    objects = plain.flat if plain.dtype.kind == "O" else ()
    try:
        if plain.dtype.kind in "US" or any(isinstance(each, str | bytes) for each in objects):
            raise ValueError("text is no number")
        with np.errstate(over="ignore"):
            return np.array(plain, dtype=np.float32, order="C")
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name} must be an array of numbers, got {short_repr(given)}") from None


def short_repr(value: Any) -> str:
    """Return a repr that fits into an error message."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}... ({type(value).__name__})"
