"""One name for each metric, in place of its aliases."""

from __future__ import annotations

from tsnekit.interfaces import Metric

__all__ = ["canonical_metric", "metric_name"]

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
