"""The searches keep tsnekit's contract."""

from types import MappingProxyType

from tsnekit.testing import NeighborSearchConformance

# The costs were fitted with AVX-512, from which the built-in searches gain more than FAISS.
COST_TOLERANCE = 4.0


class TestIVF(NeighborSearchConformance):
    name = "faiss"
    cost_tolerance = COST_TOLERANCE


class TestHNSW(NeighborSearchConformance):
    name = "faiss_hnsw"
    cost_tolerance = COST_TOLERANCE
    expected_failures = MappingProxyType(
        {"test_duplicates[600]": "FAISS links too few of hundreds of equal rows to one another"}
    )


class TestFlat(NeighborSearchConformance):
    name = "faiss_flat"
    cost_tolerance = COST_TOLERANCE
