"""Built-in affinity kernels."""

from __future__ import annotations

from collections.abc import Iterable

from tsnekit.hookspecs import hookimpl
from tsnekit.specs import AffinitySpec


@hookimpl
def tsnekit_affinity_kernels() -> Iterable[AffinitySpec]:
    """Yield the built-in affinity kernels."""
    yield AffinitySpec(
        name="perplexity",
        factory="tsnekit.plugins.affinities.perplexity:PerplexityKernel",
        summary="Gaussian kernels, each row calibrated to the perplexity",
    )
    yield AffinitySpec(
        name="multiscale_mixture",
        factory="tsnekit.plugins.affinities.multiscale_mixture:MultiscaleMixtureKernel",
        summary="sum of Gaussian densities of several perplexities",
    )
    yield AffinitySpec(
        name="multiscale",
        factory="tsnekit.plugins.affinities.multiscale:MultiscaleKernel",
        summary="mean of the Gaussian weights of several perplexities",
    )
    yield AffinitySpec(
        name="fixed_sigma",
        factory="tsnekit.plugins.affinities.fixed_sigma:FixedSigmaKernel",
        summary="Gaussian kernels, all of one bandwidth",
    )
    yield AffinitySpec(
        name="uniform",
        factory="tsnekit.plugins.affinities.uniform:UniformKernel",
        summary="equal weights on the k nearest neighbors",
    )
