"""The searches keep tsnekit's contract."""

from types import MappingProxyType

from tsnekit.testing import NeighborSearchConformance


class TestIVF(NeighborSearchConformance):
    name = "faiss"


class TestHNSW(NeighborSearchConformance):
    name = "faiss_hnsw"
    expected_failures = MappingProxyType(
        {"test_duplicates[600]": "FAISS links too few of hundreds of equal rows to one another"}
    )


class TestFlat(NeighborSearchConformance):
    name = "faiss_flat"
