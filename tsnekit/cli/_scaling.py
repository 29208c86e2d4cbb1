"""Transforms and scales of the features, and when a scale should be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._util.validation import check_data

__all__ = ["SCALES", "dominating_columns", "scale_of", "scaled", "transformed"]

SCALES = ("none", "standard", "robust")

DOMINATING_SHARE = 0.9
"""Share of the total variance from which one or two columns alone decide about neighbors."""


def transformed(X: Any, transform: str) -> Any:
    """Return the features after "log1p", or after "arcsinh:C", which is arcsinh(x / C).

    Raises
    ------
    ValueError
        If the transform is unknown, or not defined for a value of the data.
    """
    X = check_data(X)
    name, colon, text = transform.partition(":")
    values = X.data if hasattr(X, "indptr") else X
    if name == "log1p" and not colon:
        if values.size and values.min() <= -1:
            raise ValueError(f"--transform log1p needs values above -1, got {values.min():g}")
        return np.log1p(X) if values is X else X.log1p()
    try:
        cofactor = float(text) if colon else 1.0
    except ValueError:
        cofactor = 0.0
    if name != "arcsinh" or not 0 < cofactor < np.inf:
        raise ValueError(
            "--transform must be log1p, arcsinh, or arcsinh:C with a positive C such as 150, "
            f"got {transform!r}"
        )
    return np.arcsinh(X / cofactor) if values is X else (X / cofactor).arcsinh()


def scale_of(X: Any, how: str) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
    """Return what to subtract from each feature, and what to divide it by: one of `SCALES`.

    Sparse features are not centered, and a feature that does not vary is divided by 1.
    """
    if how == "none":
        return None, None
    from sklearn.preprocessing import RobustScaler, StandardScaler

    X = check_data(X)
    sparse = hasattr(X, "indptr")
    if how == "standard":
        standard = StandardScaler(with_mean=not sparse).fit(X)
        return None if sparse else standard.mean_, standard.scale_
    robust = RobustScaler(with_centering=not sparse).fit(X)
    return robust.center_, robust.scale_


def scaled(X: Any, center: NDArray[Any] | None, scale: NDArray[Any] | None) -> Any:
    """Return the features less their centers, divided by their scales."""
    if scale is None:
        return X
    X = check_data(X)
    if hasattr(X, "indptr"):
        return X.multiply(1 / scale).tocsr()
    return (X if center is None else X - center) / scale


def dominating_columns(X: Any, names: Sequence[str]) -> str | None:
    """Return a note if one or two columns have nearly all of the variance."""
    if hasattr(X, "indptr") or X.shape[1] < 3 or X.shape[0] < 2:
        return None
    largest = np.abs(X).max()
    if not 0 < largest < np.inf:
        return None
    variances = (X / largest).var(axis=0, dtype=np.float64)
    if not variances.any():
        return None
    shares = variances / variances.sum()
    order = np.argsort(-shares, kind="stable")
    for count in (1, 2):
        share = shares[order[:count]].sum()
        if count < X.shape[1] - 1 and share >= DOMINATING_SHARE:
            which = " and ".join(repr(names[i]) for i in order[:count])
            have = "column {} has" if count == 1 else "columns {} have"
            return (
                f"{have.format(which)} {100 * share:.3g} % of the variance and so decide"
                f"{'s' if count == 1 else ''} which rows are near; --scale standard gives each "
                "column the same weight"
            )
    return None
