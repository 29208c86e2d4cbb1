"""The built-in neighbor searches keep the contract."""

from types import MappingProxyType

import pytest

from tsnekit.testing import NeighborSearchConformance


class TestExact(NeighborSearchConformance):
    name = "exact"


class TestAnnoy(NeighborSearchConformance):
    name = "annoy"


class TestForest(NeighborSearchConformance):
    name = "forest"


class TestHNSW(NeighborSearchConformance):
    name = "hnsw"


class TestPyNNDescentOfFewRows(NeighborSearchConformance):
    name = "pynndescent"


@pytest.mark.slow
class TestPyNNDescent(NeighborSearchConformance):
    name = "pynndescent"
    options = MappingProxyType({"min_rows": 0})
    metrics = ("euclidean", "cosine", "jaccard")  # each of them compiles for a minute
    interruptible = False


class TestPrecomputed(NeighborSearchConformance):
    name = "precomputed"
