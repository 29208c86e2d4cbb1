"""The built-in affinity kernels keep the contract."""

from tsnekit.testing.affinities import AffinityKernelConformance


class TestPerplexity(AffinityKernelConformance):
    name = "perplexity"


class TestSmallPerplexity(AffinityKernelConformance):
    name = "perplexity"
    options = {"perplexity": 2.5}  # noqa: RUF012


class TestMultiscaleMixture(AffinityKernelConformance):
    name = "multiscale_mixture"


class TestMultiscale(AffinityKernelConformance):
    name = "multiscale"


class TestFixedSigma(AffinityKernelConformance):
    name = "fixed_sigma"


class TestUniform(AffinityKernelConformance):
    name = "uniform"
