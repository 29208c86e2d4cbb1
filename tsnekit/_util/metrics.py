"""One name for each metric, whatever alias the user wrote."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tsnekit.interfaces import Metric

__all__ = ["canonical_metric", "metric_name", "plain_metric"]

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
    "sokalmichener": "rogerstanimoto",  # the same distance, under the name that SciPy has kept
    "standardised_euclidean": "seuclidean",
}


def canonical_metric(metric: Metric) -> Metric:
    """Resolve the aliases of a metric's name; callables pass through."""
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
