"""Packages that know the data: a neighbor search, a metric, an affinity kernel."""

from __future__ import annotations

from tsnekit.cli._templates.template import Template

__all__ = ["AFFINITY", "METRIC", "NEIGHBORS"]

AFFINITY = Template(
    what="affinity kernel",
    suite="AffinityKernelConformance",
    use='affinity="<<name>>"',
    module='''\
"""An affinity kernel: from distances to neighbors to weights."""

import numpy as np

from tsnekit.hookspecs import hookimpl
from tsnekit.specs import AffinitySpec


@hookimpl
def tsnekit_affinity_kernels():
    """List the kernels of this module."""
    yield AffinitySpec(
        name="<<name>>",
        factory="<<module>>:<<class>>",
        summary="weights that fall with the rank of a neighbor",
    )


class <<class>>:
    """Weights 1 / (rank of the neighbor); equal distances share a rank.

    Parameters
    ----------
    k_neighbors : int, default=30
        How many neighbors to weigh.
    """

    def __init__(self, *, k_neighbors=30):
        self.k_neighbors = k_neighbors

    def n_neighbors(self, n_samples):
        """Return how many neighbors to search for."""
        return min(self.k_neighbors, n_samples - 1)

    def weights(self, distances, *, n_jobs=1):
        """Turn distances (n, k), ascending, into weights (n, k), each row summing to 1."""
        steps = np.diff(distances, axis=1, prepend=-1) > 0
        w = 1.0 / np.cumsum(steps, axis=1)
        return (w / w.sum(axis=1, keepdims=True)).astype(np.float32)
''',
    tests="""

def test_weights():
    distances = np.array([[1, 2, 2, 4]], dtype=np.float32)
    expected = np.array([[1, 1 / 2, 1 / 2, 1 / 3]])
    expected /= expected.sum()
    np.testing.assert_allclose(<<class>>().weights(distances), expected, rtol=1e-6)
""",
)

METRIC = Template(
    what="metric",
    suite="MetricConformance",
    use='metric="<<name>>"',
    module='''\
"""A metric: a function of two rows, and one of all pairs."""

import numpy as np
from scipy.spatial.distance import cdist

from tsnekit.hookspecs import hookimpl
from tsnekit.specs import MetricSpec


@hookimpl
def tsnekit_metrics():
    """List the metrics of this module."""
    yield MetricSpec(
        name="<<name>>",
        factory="<<module>>:<<function>>",
        pairwise="<<module>>:all_pairs",
        summary="distances of rows that are bent by arcsinh",
    )


def <<function>>(a, b, *, scale=1.0):
    """Return the distance of two rows."""
    return float(np.linalg.norm(np.arcsinh(a / scale) - np.arcsinh(b / scale)))


def all_pairs(A, B, *, scale=1.0):
    """Return the distances (m, n) of all pairs of two sets of rows, fast."""
    return cdist(np.arcsinh(A / scale), np.arcsinh(B / scale))
''',
    tests="""

def test_the_scale_bends_large_values():
    a, b = np.array([0.0]), np.array([1000.0])
    assert <<function>>(a, b) < <<function>>(a, b, scale=0.001)
""",
)

NEIGHBORS = Template(
    what="neighbor search",
    suite="NeighborSearchConformance",
    use='neighbors="<<name>>"',
    module='''\
"""A neighbor search: the nearest rows of each row."""

import numpy as np
from scipy.spatial.distance import cdist

from tsnekit.hookspecs import hookimpl
from tsnekit.interfaces import NeighborGraph
from tsnekit.specs import NeighborSpec
from tsnekit.toolkit import check_integer, measure


@hookimpl
def tsnekit_neighbor_searches():
    """List the searches of this module, and their capabilities."""
    yield NeighborSpec(
        name="<<name>>",
        factory="<<module>>:<<class>>",
        summary="every pair, with SciPy",
        metrics={"euclidean", "chebyshev"},
        query=True,
        exact=True,
        deterministic=True,
        recall=1.0,
    )


class <<class>>:
    """Compares each row with all others."""

    def fit(self, X, problem):
        """Take the data; return self."""
        self.X = X
        self.problem = problem
        return self

    def neighbors(self, k):
        """Return the k nearest other rows of each row."""
        distances = cdist(self.X, self.X, self.problem.metric)
        # A row is left out by its index, because its duplicates are at distance 0, too.
        np.fill_diagonal(distances, np.inf)
        return self._graph(self.X, distances, self._checked(k, len(self.X) - 1))

    def query(self, X, k):
        """Return the k nearest rows of the data for each new row."""
        k = self._checked(k, len(self.X))
        return self._graph(X, cdist(X, self.X, self.problem.metric), k)

    def _checked(self, k, available):
        k = check_integer("k", k, at_least=1)
        if k > available:
            raise ValueError(f"k must be from 1 to {available}, got {k}")
        return k

    def _graph(self, queries, distances, k):
        """Return the k nearest, ascending, with distances in float64 of the rows as given."""
        candidates = np.argpartition(distances, k - 1, axis=1)[:, :k]
        found = measure(self.X, candidates, self.problem.metric, queries=queries)
        order = np.lexsort((candidates, found), axis=1)
        return NeighborGraph(
            np.take_along_axis(candidates, order, axis=1).astype(np.int32),
            np.take_along_axis(found, order, axis=1).astype(np.float32),
        )
''',
    tests="""

def test_rows_on_a_line():
    from tsnekit.interfaces import SearchProblem

    X = np.array([[0.0], [1.0], [3.0], [7.0]])
    problem = SearchProblem(n_samples=4, n_features=1)
    graph = <<class>>().fit(X, problem).neighbors(2)
    assert graph.indices.tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert graph.distances.tolist() == [[1, 3], [1, 2], [2, 3], [4, 6]]
""",
)
