"""Metrics: one name for each, in place of its aliases, and checks of their parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any, cast

import numpy as np

from tsnekit._util.validation import short_repr
from tsnekit.interfaces import Metric

__all__ = [
    "BUILT_IN",
    "canonical_metric",
    "check_metric_params",
    "is_built_in",
    "keep_pairwise",
    "metric_name",
    "pairwise_of",
    "plain_metric",
]

BUILT_IN = frozenset(
    {
        "braycurtis",
        "canberra",
        "chebyshev",
        "correlation",
        "cosine",
        "dice",
        "euclidean",
        "hamming",
        "haversine",
        "jaccard",
        "jensenshannon",
        "kulczynski1",
        "mahalanobis",
        "manhattan",
        "minkowski",
        "nan_euclidean",
        "precomputed",
        "rogerstanimoto",
        "russellrao",
        "seuclidean",
        "sokalsneath",
        "sqeuclidean",
        "yule",
    }
)
"""The metrics of SciPy and scikit-learn, by one name each, and distances that are given.

This is what is known before a library is imported. The spec of a search says which it has.
"""

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


_pairwise: dict[Any, Any] = {}


def is_built_in(name: str) -> bool:
    """Return whether a name, or the name that it is an alias of, is that of a built-in metric."""
    return canonical_metric(name) in BUILT_IN


def keep_pairwise(metric: Any, pairwise: Any) -> None:
    """Keep the function that measures all pairs of two sets of rows in a metric."""
    _pairwise[metric] = pairwise


def pairwise_of(metric: Any) -> Any:
    """Return the function that measures all pairs of two sets of rows, or None.

    Parameters
    ----------
    metric : str or callable
        A function that a plugin registered as a metric may have one; see
        `tsnekit.specs.MetricSpec`.

    Returns
    -------
    callable or None
        Called with rows (m, p) and (n, p) and the parameters of the metric, it returns the
        distances (m, n).
    """
    try:
        return _pairwise.get(metric) if callable(metric) else None
    except TypeError:  # a function that cannot be hashed
        return None


def canonical_metric(metric: Metric) -> Metric:
    """Resolve the aliases of a metric's name; return a callable as it is."""
    return _ALIASES.get(metric, metric) if isinstance(metric, str) else metric


def plain_metric(
    metric: Metric, params: Mapping[str, Any] | None
) -> tuple[Metric, dict[str, Any] | None]:
    """Return the simplest name for a metric and its parameters, so that each has one numerics.

    Data holds no NaN, so that ``nan_euclidean`` is Euclidean. Minkowski's metric is another one for
    a `p` of 1, 2 or infinity.
    """
    metric, rest = canonical_metric(metric), dict(params or {})
    if metric == "nan_euclidean" and not rest:
        metric = "euclidean"
    elif metric == "minkowski" and rest.get("p", 2) in (1, 2, math.inf):
        metric = {1: "manhattan", 2: "euclidean", math.inf: "chebyshev"}[rest.pop("p", 2)]
    return metric, rest or None


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
