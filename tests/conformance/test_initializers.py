"""The built-in initializers keep the contract."""

from tsnekit.testing.initializers import InitializerConformance


class TestPCA(InitializerConformance):
    name = "pca"


class TestSpectral(InitializerConformance):
    name = "spectral"


class TestRandom(InitializerConformance):
    name = "random"
