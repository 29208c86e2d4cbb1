"""The hooks through which every backend, built-in or third-party, is registered.

A plugin package declares an entry point in group ``tsnekit`` that names a module (or object) with
one or more of these hooks::

    from tsnekit.hookspecs import hookimpl
    from tsnekit.specs import OptimizerSpec

    @hookimpl
    def tsnekit_optimizers():
        yield OptimizerSpec(name="adam", factory="tsnekit_adam:Adam")
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from tsnekit.specs import (
        AffinitySpec,
        CallbackSpec,
        ForceSpec,
        GradientSpec,
        InitializerSpec,
        MetricSpec,
        NeighborSpec,
        OptimizerSpec,
    )

PROJECT = "tsnekit"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def tsnekit_neighbor_searches() -> Iterable[NeighborSpec]:
    """Yield the neighbor searches that the plugin brings."""
    return ()


@hookspec
def tsnekit_affinity_kernels() -> Iterable[AffinitySpec]:
    """Yield the affinity kernels that the plugin brings."""
    return ()


@hookspec
def tsnekit_initializers() -> Iterable[InitializerSpec]:
    """Yield the initializers that the plugin brings."""
    return ()


@hookspec
def tsnekit_gradient_methods() -> Iterable[GradientSpec]:
    """Yield the gradient methods that the plugin brings."""
    return ()


@hookspec
def tsnekit_optimizers() -> Iterable[OptimizerSpec]:
    """Yield the optimizers that the plugin brings."""
    return ()


@hookspec
def tsnekit_forces() -> Iterable[ForceSpec]:
    """Yield the force terms that the plugin brings."""
    return ()


@hookspec
def tsnekit_metrics() -> Iterable[MetricSpec]:
    """Yield the metrics that the plugin brings."""
    return ()


@hookspec
def tsnekit_callbacks() -> Iterable[CallbackSpec]:
    """Yield the callbacks that the plugin brings."""
    return ()
