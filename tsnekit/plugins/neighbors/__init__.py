"""Built-in neighbor searches."""

from __future__ import annotations

from collections.abc import Iterable

from tsnekit.hookspecs import hookimpl
from tsnekit.specs import NeighborSpec


@hookimpl
def tsnekit_neighbor_searches() -> Iterable[NeighborSpec]:
    """Yield the built-in neighbor searches."""
    yield NeighborSpec(
        name="exact",
        factory="tsnekit.plugins.neighbors.exact:ExactSearch",
        summary="the true neighbors, by measuring every pair or by trees",
        metrics="tsnekit.plugins.neighbors.exact:has_metric",
        callable_metrics=True,
        metric_params=True,
        sparse=True,
        query=True,
        exact=True,
        deterministic=True,
        recall=1.0,
        cost="tsnekit.plugins.neighbors._cost:exact_seconds",
    )
    yield NeighborSpec(
        name="annoy",
        factory="tsnekit.plugins.neighbors.annoy:AnnoySearch",
        summary="a forest of random projection trees (Annoy), refined",
        requires=("annoy",),
        metrics="tsnekit.plugins.neighbors.annoy:has_metric",
        query=True,
        deterministic=True,
        recall=0.98,
        cost="tsnekit.plugins.neighbors._cost:annoy_seconds",
    )
    yield NeighborSpec(
        name="forest",
        factory="tsnekit.plugins.neighbors.forest:ForestSearch",
        summary="a native forest of random projection trees, refined",
        metrics="tsnekit.plugins.neighbors.forest:has_metric",
        query=True,
        deterministic=True,
        recall=0.98,
        cost="tsnekit.plugins.neighbors._cost:forest_seconds",
    )
    yield NeighborSpec(
        name="hnsw",
        factory="tsnekit.plugins.neighbors.hnsw:HNSWSearch",
        summary="a hierarchy of navigable small worlds (hnswlib)",
        requires=("hnswlib",),
        metrics="tsnekit.plugins.neighbors.hnsw:has_metric",
        query=True,
        recall=0.95,
        cost="tsnekit.plugins.neighbors._cost:hnsw_seconds",
    )
    yield NeighborSpec(
        name="pynndescent",
        factory="tsnekit.plugins.neighbors.pynndescent:PyNNDescentSearch",
        summary="nearest neighbor descent in most metrics, dense or sparse (PyNNDescent)",
        requires=("pynndescent",),
        metrics="tsnekit.plugins.neighbors.pynndescent:has_metric",
        callable_metrics="tsnekit.plugins.neighbors.pynndescent:can_compile",
        sparse=True,
        query=True,
        recall=0.95,
        cost="tsnekit.plugins.neighbors._cost:pynndescent_seconds",
    )
    yield NeighborSpec(
        name="precomputed",
        factory="tsnekit.plugins.neighbors.precomputed:PrecomputedSearch",
        summary="a matrix of distances, or a graph of neighbors, given as the data",
        metrics=frozenset({"precomputed"}),
        sparse=True,
        query=True,
        exact=True,
        deterministic=True,
        recall=1.0,
    )
