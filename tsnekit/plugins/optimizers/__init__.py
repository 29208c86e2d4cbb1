"""Built-in optimizers."""

from __future__ import annotations

from collections.abc import Iterable

from tsnekit.hookspecs import hookimpl
from tsnekit.specs import OptimizerSpec


@hookimpl
def tsnekit_optimizers() -> Iterable[OptimizerSpec]:
    """Yield the built-in optimizers."""
    yield OptimizerSpec(
        name="momentum",
        factory="tsnekit.plugins.optimizers.momentum:MomentumOptimizer",
        summary="gradient descent with momentum and delta-bar-delta gains",
    )
    yield OptimizerSpec(
        name="accelerated",
        factory="tsnekit.plugins.optimizers.accelerated:AcceleratedOptimizer",
        summary="the same, with a momentum that grows and longer steps where it is high",
    )
