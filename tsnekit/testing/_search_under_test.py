"""A neighbor search under test: its problems, and checks of its answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from tsnekit.interfaces import Metric, NeighborGraph, NeighborSearch, SearchProblem
from tsnekit.specs import NeighborSpec
from tsnekit.testing._rows import claimed_metrics, known_metrics, sample, true_distances
from tsnekit.testing.base import Conformance

__all__ = ["SearchUnderTest"]

Array = NDArray[Any]


class SearchUnderTest(Conformance):
    """Build a registered neighbor search, give it data, and check the graphs that it returns.

    Attributes
    ----------
    distance_tolerance, metrics, references
        See `tsnekit.testing.NeighborSearchConformance`.
    """

    point = "neighbors"
    distance_tolerance: ClassVar[float] = 1e-5
    metrics: ClassVar[tuple[str, ...] | None] = None
    references: ClassVar[Mapping[str, Callable[[Array, Array], float]]] = {}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run a test that takes a `metric` once for every metric that the spec claims."""
        if "metric" in metafunc.fixturenames:
            metafunc.parametrize("metric", self.chosen_metrics())
        if "sparse_metric" in metafunc.fixturenames:
            metafunc.parametrize("sparse_metric", self.chosen_metrics(sparse=True))
        if "unknown_metric" in metafunc.fixturenames:
            metafunc.parametrize("unknown_metric", self.unknown_metrics())

    def spec(self) -> NeighborSpec:
        """Find the spec by the name."""
        spec = self.registered()
        assert isinstance(spec, NeighborSpec)
        return spec

    def build(self) -> NeighborSearch:
        """Build the search."""
        search = self.spec().load()(**self.options)
        assert isinstance(search, NeighborSearch)
        return search

    def claimed_recall(self) -> float:
        """Return the share of true neighbors that must be found."""
        return 1.0 if self.spec().exact else self.spec().recall

    def floor(self) -> float:
        """Return the least recall that is accepted, even on odd data."""
        return 1.0 if self.spec().exact else 0.95 * self.claimed_recall()

    def any_metric(self) -> str:
        """Return the Euclidean metric, or another claimed metric if the spec does not claim it."""
        claimed = [*claimed_metrics(self.spec()), *self.references, "precomputed"]
        return "euclidean" if "euclidean" in claimed else claimed[0]

    def chosen_metrics(self, *, sparse: bool = False) -> list[str]:
        """Return the claimed metrics, or those of them that `metrics` selects."""
        spec = self.spec()
        claimed = claimed_metrics(spec, sparse=sparse)
        if spec.sparse or not sparse:
            claimed += [name for name in self.references if spec.has_metric(name, sparse=sparse)]
        return [name for name in claimed if self.metrics is None or name in self.metrics]

    def unknown_metrics(self) -> list[str]:
        """Return the claimed metrics whose definition nobody gives."""
        claimed = self.spec().metrics
        if isinstance(claimed, str) or self.metrics is not None:
            return []
        return sorted(claimed - set(known_metrics()) - set(self.references) - {"precomputed"})

    def rows(self, n: int, metric: str, seed: int = 0) -> Array:
        """Return rows for which a metric is defined."""
        return sample(n, metric, seed=seed)

    def measured(self, queries: Array, rows: Array, metric: Metric, **params: Any) -> Array:
        """Return distances by the definition of the metric."""
        if isinstance(metric, str) and metric in self.references:
            metric = self.references[metric]
        return true_distances(queries, rows, metric, **params)

    def problem(self, X: Any, metric: Metric, **facts: Any) -> SearchProblem:
        """State the problem to solve on these rows."""
        return SearchProblem(
            n_samples=X.shape[0],
            n_features=X.shape[1],
            metric=metric,
            sparse=sparse.issparse(X),
            needs_query=self.spec().query,
            **facts,
        )

    def fit(self, X: Any, metric: Metric | None = None, **facts: Any) -> Any:
        """Build a search and fit it to read-only data or distances."""
        metric = metric or self.any_metric()
        X = self.given(X, X, metric)
        for part in (X.data, X.indices, X.indptr) if sparse.issparse(X) else (X,):
            part.flags.writeable = False
        return self.build().fit(X, self.problem(X, metric, **facts))

    def given(self, queries: Any, X: Any, metric: Metric) -> Any:
        """Return what the search is given: rows, or Euclidean distances between them."""
        if metric != "precomputed":
            return queries.copy()
        return true_distances(queries, X, "euclidean")

    def truth(self, X: Array, metric: Metric, **params: Any) -> Array:
        """Return the distances between rows, infinite from a row to itself."""
        metric = "euclidean" if metric == "precomputed" else metric
        distances = self.measured(X, X, metric, **params)
        np.fill_diagonal(distances, np.inf)
        return np.nan_to_num(distances, nan=np.inf, posinf=np.inf)

    def check(self, graph: NeighborGraph, distances: Array, k: int, *, own: bool = True) -> None:
        """Check everything about a graph except its recall."""
        indices, found = graph.indices, graph.distances
        shape = (distances.shape[0], k)
        assert (indices.shape, found.shape) == (shape, shape)
        assert indices.dtype == np.int32
        assert found.dtype == np.float32
        assert indices.flags.c_contiguous
        assert found.flags.c_contiguous
        assert indices.min() >= 0
        assert indices.max() < distances.shape[1]
        if own:
            assert not (indices == np.arange(len(indices))[:, None]).any(), "its own neighbor"
        ordered = np.sort(indices, axis=1)
        assert (ordered[:, 1:] != ordered[:, :-1]).all(), "a neighbor twice"
        assert (found[:, 1:] >= found[:, :-1]).all(), "not ascending"
        expected = np.take_along_axis(distances, indices.astype(np.intp), axis=1)
        finite = np.isfinite(expected)
        scale = max(1e-30, float(expected[finite].max(initial=0.0)))
        error = np.abs(found[finite] - expected[finite]).max(initial=0.0) / scale
        assert error <= self.distance_tolerance, f"distances are wrong by {error:.1e}"
