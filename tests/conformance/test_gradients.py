from types import MappingProxyType

from tsnekit.testing import GradientMethodConformance


class TestExact(GradientMethodConformance):
    name = "exact"


class TestBarnesHut(GradientMethodConformance):
    name = "barnes_hut"


class TestBarnesHutWithoutApproximation(GradientMethodConformance):
    name = "barnes_hut"
    options = MappingProxyType({"theta": 0.0})
    force_tolerance = z_tolerance = GradientMethodConformance.rounding


class TestFFT(GradientMethodConformance):
    name = "fft"


class TestMesh(GradientMethodConformance):
    name = "mesh"
