"""Maps with a backend under test: points are held, freed, and get company."""

from __future__ import annotations

from typing import Any

import numpy as np

from tsnekit._embedding.full import TSNEEmbedding
from tsnekit.affinity import Uniform
from tsnekit.interfaces import GradientMethod, Optimizer

__all__ = ["check_map"]

N_OLD, N_NEW = 90, 30


def check_map(
    method: GradientMethod | None,
    optimizer: Optimizer | None,
    *,
    n_components: int,
    n_jobs: int = 1,
) -> None:
    """Check that a map with the backend can hold points, free them, and grow.

    Parameters
    ----------
    method : GradientMethod, optional
        The method under test; an exact one by default.
    optimizer : Optimizer, optional
        The optimizer under test; the default one by default.
    n_components : int
    n_jobs : int, default=1
    """
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4, 8))[np.arange(N_OLD + N_NEW) % 4] * 4
    X += rng.normal(size=X.shape)
    start = rng.normal(size=(N_OLD, n_components)).astype(np.float32)
    chosen: Any = "exact" if method is None else method
    options: dict[str, Any] = {"learning_rate": 1.0, "momentum": 0.5, "n_jobs": n_jobs}
    affinities = Uniform(X[:N_OLD], k_neighbors=10, method="exact")
    embedding = TSNEEmbedding(
        start, affinities, negative_gradient_method=chosen, optimizer=optimizer, **options
    )
    embedding = embedding.optimize(5)
    held = np.arange(N_OLD) % 3 == 0
    partly = embedding.optimize(5, fixed=held)
    assert np.array_equal(partly[held], embedding[held]), "points that were held have moved"
    assert not np.array_equal(partly[~held], embedding[~held]), "no point moved beside held ones"
    freed = partly.optimize(5)
    assert not np.array_equal(freed[held], partly[held]), "points that were freed do not move"
    _check_divergence(freed, method, "a map of which points were held")
    grown = freed.extend(X[N_OLD:], fixed=True, n_iter=5)
    assert np.array_equal(grown[:N_OLD], freed), "old points that were held have moved"
    assert np.isfinite(grown).all(), "a map that has grown is not finite"
    grown = grown.optimize(5)
    assert np.isfinite(grown).all(), "a map that has grown is not finite"
    _check_divergence(grown, method, "a map that has grown")
    again = grown.copy()
    assert np.array_equal(again.optimize(3), grown.optimize(3)), "a copy of the map goes elsewhere"


def _check_divergence(embedding: Any, method: GradientMethod | None, what: str) -> None:
    """Compare the divergence that the method gives with that of sums over all pairs."""
    if method is None:
        return
    positions, affinities = np.asarray(embedding), embedding.affinities
    exact = TSNEEmbedding(positions, affinities, negative_gradient_method="exact")
    error = abs(embedding.kl_divergence - exact.kl_divergence)
    assert error <= 0.02, f"the KL divergence of {what} is off by {error:.3g}"
