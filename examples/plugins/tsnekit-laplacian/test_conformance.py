"""The kernel keeps tsnekit's contract."""

from tsnekit.testing import AffinityKernelConformance


class TestLaplacian(AffinityKernelConformance):
    name = "laplacian"
