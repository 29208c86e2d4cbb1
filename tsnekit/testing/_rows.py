"""Data for neighbor searches, and the true neighbors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import distance as scipy_distance

from tsnekit._util.metrics import canonical_metric
from tsnekit.interfaces import Metric, NeighborGraph
from tsnekit.specs import NeighborSpec

__all__ = [
    "city_block",
    "claimed_metrics",
    "known_metrics",
    "recall",
    "sample",
    "true_distances",
    "uncompilable",
]

Array = NDArray[Any]

BOOLEAN = frozenset({"dice", "jaccard", "rogerstanimoto", "russellrao", "sokalsneath", "yule"})


def known_metrics() -> list[str]:
    """Return the names of the metrics that SciPy and scikit-learn define."""
    from sklearn.neighbors import VALID_METRICS

    names = {*VALID_METRICS["brute"], "jensenshannon", "minkowski"}
    return sorted({str(canonical_metric(name)) for name in names})


def claimed_metrics(spec: NeighborSpec, *, sparse: bool = False) -> list[str]:
    """Return the metrics that a spec claims and whose definition is known."""
    if sparse and not spec.sparse:
        return []
    return [name for name in known_metrics() if spec.has_metric(name, sparse=sparse)]


def sample(n: int, metric: Metric, seed: int = 0) -> Array:
    """Return rows for which a metric is defined, sorted by their cluster."""
    rng = np.random.default_rng(seed)
    if metric == "haversine":
        return rng.uniform([-1.5, -3.1], [1.5, 3.1], size=(n, 2))
    centers = np.random.default_rng(7).normal(size=(8, 12)) * 3
    rows = centers[np.sort(rng.integers(8, size=n))] + rng.normal(size=(n, 12))
    if metric in BOOLEAN:
        return (rows > 1).astype(np.float64)
    if metric == "hamming":
        return np.round(rows)
    if metric == "jensenshannon":
        return np.abs(rows)
    return rows


def true_distances(queries: Array, rows: Array, metric: Metric, **params: Any) -> Array:
    """Return distances as SciPy defines them, or as scikit-learn does if SciPy does not."""
    if metric in BOOLEAN:
        queries, rows = queries != 0, rows != 0
    if metric == "seuclidean":
        params = {"V": np.var(rows, axis=0, ddof=1)}
    if metric == "mahalanobis":
        params = {"VI": np.linalg.inv(np.cov(rows.T))}
    if metric in ("haversine", "nan_euclidean"):
        from sklearn.metrics import pairwise_distances

        return np.asarray(pairwise_distances(queries, rows, metric=metric))
    name = {"manhattan": "cityblock"}.get(metric, metric) if isinstance(metric, str) else metric
    distances = np.asarray(scipy_distance.cdist(queries, rows, name, **params))
    # Equal rows are at distance 0, also in metrics that have no value for rows of zeros.
    undefined = np.argwhere(np.isnan(distances))
    for query, row in undefined[(queries[undefined[:, 0]] == rows[undefined[:, 1]]).all(axis=1)]:
        distances[query, row] = 0.0
    return distances


def recall(found: NeighborGraph, distances: Array) -> float:
    """Return the share of neighbors that are as near as true ones; ties count as hits.

    `distances` (n, m) are the true distances, and infinite where a row is not a candidate.
    """
    k = found.indices.shape[1]
    farthest = np.partition(distances, k - 1, axis=1)[:, k - 1 : k]
    own = np.take_along_axis(distances, found.indices.astype(np.intp), axis=1)
    return float(np.mean(own <= farthest * (1 + 1e-5) + 1e-6))


def city_block(a: Array, b: Array) -> float:
    """Return the distance that SciPy calls "cityblock"."""
    total = 0.0
    for i in range(len(a)):
        total += abs(a[i] - b[i])
    return total


def uncompilable(a: Array, b: Array) -> float:
    """Return a distance by code that no compiler for numerical Python accepts."""
    return float(eval("abs(a - b).sum()", {"a": a, "b": b}))
