"""Metrics: one name for each, in place of its aliases, and checks of their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, cast

import numpy as np

from tsnekit._util.validation import short_repr
from tsnekit.interfaces import Metric

__all__ = ["canonical_metric", "check_metric_params", "metric_name"]

_ALIASES = {
    "l2": "euclidean",
    "l1": "manhattan",
    "cityblock": "manhattan",
    "taxicab": "manhattan",
    "infinity": "chebyshev",
    "linf": "chebyshev",
    "linfinity": "chebyshev",
    "linfty": "chebyshev",
    "p": "minkowski",
    "matching": "hamming",
    "sokalmichener": "rogerstanimoto",  # the same distance, by the name that SciPy keeps
    "standardised_euclidean": "seuclidean",
}


def canonical_metric(metric: Metric) -> Metric:
    """Resolve the aliases of a metric's name; return a callable as it is."""
    return _ALIASES.get(metric, metric) if isinstance(metric, str) else metric


def metric_name(metric: Metric) -> str:
    """Return the name of a metric for messages."""
    return repr(metric) if isinstance(metric, str) else getattr(metric, "__name__", repr(metric))


def check_metric_params(metric: Metric, params: Any, n_features: int) -> None:
    """Check the parameters of a metric that SciPy takes without a check.

    Raises
    ------
    TypeError
        If `params` is not a mapping.
    ValueError
        If the exponent of a Minkowski metric does not give a distance, or the weights, variances
        or inverse covariance do not fit the number of features.
    """
    if params is None:
        return
    if not isinstance(params, Mapping):
        raise TypeError(f"metric_params must be a mapping or None, got {short_repr(params)}")
    if metric == "minkowski" and "p" in params:
        p = params["p"]
        is_number = isinstance(p, Real) and not isinstance(p, bool | np.bool_)
        if not is_number or not cast("float", p) > 0:
            raise ValueError(
                f"metric_params: p of metric 'minkowski' must be a number greater than 0, got {p!r}"
            )
    if callable(metric):
        return
    for name, shape in (("w", (n_features,)), ("V", (n_features,)), ("VI", (n_features,) * 2)):
        if name in params and np.shape(params[name]) != shape:
            raise ValueError(
                f"metric_params: {name} must have shape {shape} for {n_features} features, "
                f"got {np.shape(params[name])}"
            )
