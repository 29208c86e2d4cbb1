"""The files of a new package for ``tsnekit new-plugin``, in which ``<<name>>`` is filled in."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["KINDS", "PYPROJECT", "README", "TESTS", "Template"]

PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.18"]
build-backend = "hatchling.build"

[project]
name = "<<distribution>>"
version = "0.1.0"
description = "The <<what>> <<name>> for tsnekit"
readme = "README.md"
requires-python = ">=3.10"
dependencies = ["tsnekit>=0.1", "numpy>=1.24"]

[project.optional-dependencies]
test = ["tsnekit[testing]"]

[project.entry-points.tsnekit]
<<function>> = "<<module>>"

[tool.hatch.build.targets.wheel]
include = ["<<module>>.py"]
"""

README = """\
# <<distribution>>

The <<what>> `<<name>>` for tsnekit:

```python
from tsnekit import TSNE

embedding = TSNE(<<use>>).fit(X)
```

`pytest` runs its tests, and `tsnekit check <<name>>` prints a report for an issue.
"""

TESTS = '''\
"""The <<what>> keeps its contract, and does what it should."""

import numpy as np
from <<module>> import <<imported>>

from tsnekit.testing import <<suite>>


class Test<<class>>(<<suite>>):
    """The suite of tsnekit."""

    name = "<<name>>"
'''


@dataclass(frozen=True)
class Template:
    """What differs between kinds: words about them, the module, and what follows the suite."""

    what: str
    suite: str
    use: str
    module: str
    tests: str


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

INITIALIZATION = Template(
    what="initializer",
    suite="InitializerConformance",
    use='initialization="<<name>>"',
    module='''\
"""An initializer: where points start."""

import numpy as np

from tsnekit.hookspecs import hookimpl
from tsnekit.initialization import jitter, rescale
from tsnekit.specs import InitializerSpec


@hookimpl
def tsnekit_initializers():
    """List the initializers of this module, and their needs."""
    yield InitializerSpec(
        name="<<name>>",
        factory="<<module>>:<<class>>",
        summary="a projection of the data on random directions",
        needs_data=True,
        sparse=True,
    )


class <<class>>:
    """Place points by a Gaussian random projection."""

    def __call__(self, source, n_components, rng):
        """Return positions (n, n_components); all randomness comes from `rng`."""
        directions = rng.normal(size=(source.data.shape[1], n_components))
        positions = np.asarray(source.data @ directions)
        positions -= positions.mean(axis=0)
        # Points start close together, and no two of them in one place.
        return jitter(rescale(positions), random_state=rng)
''',
    tests="""

def test_positions_are_linear_in_the_data():
    from tsnekit.interfaces import InitSource

    data = np.random.default_rng(0).normal(size=(50, 4))
    source = InitSource(n_samples=50, data=data)
    positions = <<class>>()(source, 2, np.random.RandomState(0))
    residual = np.linalg.lstsq(data - data.mean(axis=0), positions, rcond=None)[1]
    assert residual.sum() < 0.01 * (positions**2).sum()
""",
)

GRADIENT = Template(
    what="gradient method",
    suite="GradientMethodConformance",
    use='negative_gradient_method="<<name>>"',
    module='''\
"""A gradient method: the repulsive forces between points."""

import numpy as np

from tsnekit.hookspecs import hookimpl
from tsnekit.specs import GradientSpec


@hookimpl
def tsnekit_gradient_methods():
    """List the methods of this module, and their capabilities."""
    yield GradientSpec(
        name="<<name>>",
        factory="<<module>>:<<class>>",
        summary="every pair at once, as dense matrices",
        n_components=None,  # any
        any_dof=True,
        reference=True,
        exact=True,
        max_samples=5_000,
    )


class <<class>>:
    """Sums over every pair."""

    def plan(self, problem):
        """Prepare the repulsion; one plan serves many iterations."""
        return Repulsion(problem.dof, problem.reference)


class Repulsion:
    """The repulsive forces, and their normalization."""

    def __init__(self, dof, reference):
        self.dof = dof
        self.reference = reference

    def __call__(self, Y, out, row_z=None):
        """Fill `out` with forces and `row_z` with Z_i; return Z."""
        y = Y.astype(np.float64)
        x = y if self.reference is None else self.reference.astype(np.float64)
        offset = y[:, None, :] - x[None, :, :]
        w = 1 / (1 + (offset**2).sum(axis=2) / self.dof)
        if self.reference is None:
            np.fill_diagonal(w, 0)  # no point acts on itself
        kernel = w**self.dof
        out[:] = np.einsum("ij,ijc->ic", kernel * w, offset)
        z = kernel.sum(axis=1)
        if row_z is not None:
            row_z[:] = z
        return float(z.sum())
''',
    tests="""

def test_two_points_repel_each_other():
    from tsnekit.interfaces import RepulsionProblem

    Y = np.array([[0, 0], [1, 0]], dtype=np.float32)
    out = np.empty_like(Y)
    plan = <<class>>().plan(RepulsionProblem(n_samples=2, n_components=2))
    assert plan(Y, out) == 1.0
    np.testing.assert_allclose(out, [[-0.25, 0], [0.25, 0]])
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

OPTIMIZER = Template(
    what="optimizer",
    suite="OptimizerConformance",
    use='optimizer="<<name>>"',
    module='''\
"""An optimizer: how points move along the gradient."""

import numpy as np

from tsnekit.hookspecs import hookimpl
from tsnekit.specs import OptimizerSpec


@hookimpl
def tsnekit_optimizers():
    """List the optimizers of this module."""
    yield OptimizerSpec(
        name="<<name>>",
        factory="<<module>>:<<class>>",
        summary="Nesterov's accelerated gradient",
    )


class <<class>>:
    """Nesterov's momentum, in the form with the gradient at the current points."""

    def __init__(self):
        self.velocity = None

    def start(self, Y):
        """Set up fresh state."""
        self.velocity = np.zeros_like(Y)

    def step(self, Y, gradient, phase):
        """Move `Y` in place."""
        clip(gradient, phase.max_grad_norm)
        self.velocity *= phase.momentum
        self.velocity -= phase.learning_rate * gradient
        update = phase.momentum * self.velocity - phase.learning_rate * gradient
        clip(update, phase.max_step_norm)
        Y += update

    def state(self):
        """Return copies of the state, as arrays by name; nothing before `start`."""
        return {} if self.velocity is None else {"velocity": self.velocity.copy()}

    def restore(self, state):
        """Continue from a result of `state`."""
        self.velocity = np.array(state["velocity"]) if state else None


def clip(vectors, bound):
    """Shorten the rows that are longer than `bound`, in place."""
    if bound is not None:
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors *= bound / np.maximum(length, bound)
''',
    tests="""

def test_the_first_step():
    from tsnekit.interfaces import Phase

    Y = np.zeros((1, 2), dtype=np.float32)
    optimizer = <<class>>()
    optimizer.start(Y)
    phase = Phase(name="any", n_iter=1, learning_rate=0.1, momentum=0.5)
    optimizer.step(Y, np.array([[1, 2]], dtype=np.float32), phase)
    np.testing.assert_allclose(Y, [[-0.15, -0.3]], rtol=1e-6)
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

KINDS = {  # by the parameter that takes the name
    "affinity": AFFINITY,
    "initialization": INITIALIZATION,
    "metric": METRIC,
    "negative_gradient_method": GRADIENT,
    "neighbors": NEIGHBORS,
    "optimizer": OPTIMIZER,
}
