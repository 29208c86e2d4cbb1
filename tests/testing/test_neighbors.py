"""The conformance suite of neighbor searches finds the faults that it promises to find."""

import dataclasses

import numpy as np
import pytest

from tsnekit.interfaces import NeighborGraph
from tsnekit.plugins.neighbors.exact import ExactSearch
from tsnekit.specs import NeighborSpec
from tsnekit.testing import NeighborSearchConformance


class Faulty:
    """An exact search with one fault."""

    def __init__(self, fault):
        self.fault = fault
        self.calls = 0

    def fit(self, X, problem):
        if self.fault == "writes to the data":
            X.flags.writeable = True
            X[0] += 1
        self.n_jobs = problem.n_jobs
        self.inner = ExactSearch().fit(X, dataclasses.replace(problem, metric="euclidean"))
        self.X = X
        if self.fault == "one state for all":
            type(self).shared = self.inner
        return self

    def neighbors(self, k):
        self.calls += 1
        if self.fault == "drops self by position":
            graph = self.inner.query(self.X, min(k + 1, len(self.X)))
            return NeighborGraph(
                np.ascontiguousarray(graph.indices[:, 1 : k + 1]),
                np.ascontiguousarray(graph.distances[:, 1 : k + 1]),
            )
        if self.fault == "one state for all":
            return self.shared.neighbors(k)
        graph = self.inner.neighbors(k)
        indices, distances = graph.indices.copy(), graph.distances.copy()
        if self.fault == "squares distances":
            distances **= 2
        elif self.fault == "finds one in ten wrong":
            indices[::10] = self.inner.neighbors(len(self.X) - 1).indices[::10, -k:]
        elif self.fault == "misses some":
            others = self.inner.neighbors(len(self.X) - 1)
            indices[::10] = others.indices[::10, -k:]
            distances[::10] = others.distances[::10, -k:]
        elif self.fault == "-1 for a neighbor":
            indices[-1, -1] = -1
        elif self.fault == "a neighbor twice" and k > 1:
            indices[0, 1], distances[0, 1] = indices[0, 0], distances[0, 0]
        elif self.fault == "not ascending":
            indices, distances = indices[:, ::-1].copy(), distances[:, ::-1].copy()
        elif self.fault == "64 bits":
            indices = indices.astype(np.int64)
        elif self.fault == "depends on threads" and self.n_jobs > 1:
            distances *= np.float32(1 + 1e-6)
        return NeighborGraph(indices, distances)

    def query(self, X, k):
        return self.inner.query(X, k)


class Suite(NeighborSearchConformance):
    n_samples = 300

    def __init__(self, fault, **claims):
        self.fault = fault
        self.claims = claims

    def spec(self):
        claims = {"exact": True, "deterministic": True, "query": True, "recall": 1.0} | self.claims
        return NeighborSpec(name="faulty", factory="unused:unused", **claims)

    def build(self):
        return Faulty(self.fault)


@pytest.mark.parametrize(
    ("fault", "test", "arguments"),
    [
        ("squares distances", "test_neighbors", ["euclidean"]),
        ("finds one in ten wrong", "test_neighbors", ["euclidean"]),
        ("-1 for a neighbor", "test_neighbors", ["euclidean"]),
        ("a neighbor twice", "test_neighbors", ["euclidean"]),
        ("not ascending", "test_neighbors", ["euclidean"]),
        ("64 bits", "test_neighbors", ["euclidean"]),
        ("one state for all", "test_two_searches_side_by_side", []),
        ("drops self by position", "test_duplicates", [40]),
        ("writes to the data", "test_data_types_and_layouts", ["float32"]),
        ("depends on threads", "test_same_result_for_the_same_seed", [2]),
    ],
)
def test_a_fault_is_found(fault, test, arguments):
    getattr(Suite(None), test)(*arguments)
    with pytest.raises((AssertionError, ValueError)):
        getattr(Suite(fault), test)(*arguments)


def test_an_exact_search_must_find_all():
    suite = Suite("misses some", exact=False, recall=0.85)
    suite.test_neighbors("euclidean")
    suite.claims = {"exact": True, "recall": 0.85}
    with pytest.raises(AssertionError):
        suite.test_neighbors("euclidean")


def test_a_metric_that_means_something_else_is_found():
    suite = Suite(None, metrics=frozenset({"euclidean", "cosine"}))
    suite.test_neighbors("euclidean")
    with pytest.raises(AssertionError):
        suite.test_neighbors("cosine")


def test_a_spec_that_accepts_everything_is_found():
    suite = Suite(None)

    class Lax(NeighborSpec):
        def _refusals(self, problem):
            return []

    suite.spec = lambda: Lax(name="faulty", factory="unused:unused")
    with pytest.raises(AssertionError, match="accepts"):
        suite.test_refuses_what_it_does_not_claim()
