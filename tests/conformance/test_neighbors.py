"""The built-in neighbor searches keep the contract."""

from types import MappingProxyType

import pytest

from tsnekit.testing import NeighborSearchConformance

COST_TOLERANCE = 3.0
"""Costs were fitted on one processor. Others, and busy ones, differ from it by up to 2."""


class TestExact(NeighborSearchConformance):
    name = "exact"
    cost_tolerance = COST_TOLERANCE


class TestAnnoy(NeighborSearchConformance):
    name = "annoy"
    cost_tolerance = COST_TOLERANCE


class TestForest(NeighborSearchConformance):
    name = "forest"
    cost_tolerance = COST_TOLERANCE


class TestHNSW(NeighborSearchConformance):
    name = "hnsw"
    cost_tolerance = COST_TOLERANCE


class TestPyNNDescentOfFewRows(NeighborSearchConformance):
    name = "pynndescent"
    cost_tolerance = COST_TOLERANCE


@pytest.mark.slow
class TestPyNNDescent(NeighborSearchConformance):
    name = "pynndescent"
    options = MappingProxyType({"min_rows": 0})
    metrics = ("euclidean", "cosine", "jaccard")  # each of them compiles for a minute
    interruptible = False


class TestPrecomputed(NeighborSearchConformance):
    name = "precomputed"
