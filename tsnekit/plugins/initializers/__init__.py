"""Built-in initializers."""

from __future__ import annotations

from collections.abc import Iterable

from tsnekit.hookspecs import hookimpl
from tsnekit.specs import InitializerSpec


@hookimpl
def tsnekit_initializers() -> Iterable[InitializerSpec]:
    """Yield the built-in initializers."""
    yield InitializerSpec(
        name="pca",
        factory="tsnekit.plugins.initializers.pca:PCAInitializer",
        summary="the first principal components of the data",
        needs_data=True,
        sparse=True,
    )
    yield InitializerSpec(
        name="spectral",
        factory="tsnekit.plugins.initializers.spectral:SpectralInitializer",
        summary="diffusion map of the affinities",
        needs_affinities=True,
    )
    yield InitializerSpec(
        name="random",
        factory="tsnekit.plugins.initializers.random:RandomInitializer",
        summary="Gaussian noise",
    )
