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
        summary="true neighbors, by brute force or trees (scikit-learn)",
        metrics="tsnekit.plugins.neighbors.exact:has_metric",
        callable_metrics=True,
        metric_params=True,
        sparse=True,
        query=True,
        exact=True,
        deterministic=True,
        recall=1.0,
    )
    yield NeighborSpec(
        name="annoy",
        factory="tsnekit.plugins.neighbors.annoy:AnnoySearch",
        summary="a forest of random projection trees (Annoy)",
        requires=("annoy",),
        metrics="tsnekit.plugins.neighbors.annoy:has_metric",
        query=True,
        deterministic=True,
    )
