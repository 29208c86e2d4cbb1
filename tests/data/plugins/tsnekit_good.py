"""A plugin with one backend at each extension point."""

import numpy as np

from tsnekit.hookspecs import hookimpl
from tsnekit.interfaces import NeighborGraph
from tsnekit.specs import (
    AffinitySpec,
    ForceSpec,
    GradientSpec,
    InitializerSpec,
    NeighborSpec,
    OptimizerSpec,
)


@hookimpl
def tsnekit_neighbor_searches():
    yield NeighborSpec(name="good_neighbors", factory="tsnekit_good:Search", aliases=("gn",))


@hookimpl
def tsnekit_affinity_kernels():
    yield AffinitySpec(name="good_kernel", factory="tsnekit_good:Kernel")


@hookimpl
def tsnekit_initializers():
    yield InitializerSpec(name="good_init", factory="tsnekit_good:Line")


@hookimpl
def tsnekit_gradient_methods():
    yield GradientSpec(
        name="good_gradient",
        factory="tsnekit_good:Method",
        n_components=(1, 2),
        whole_gradient=True,
    )


@hookimpl
def tsnekit_optimizers():
    yield OptimizerSpec(name="good_optimizer", factory="tsnekit_good:Descent")


@hookimpl
def tsnekit_forces():
    yield ForceSpec(name="good_force", factory="tsnekit_good:Pull")


class Search:
    """Euclidean neighbors by sorting all distances."""

    def fit(self, X, problem):
        self.X = np.asarray(X, dtype=float)
        return self

    def neighbors(self, k):
        squared = ((self.X[:, None] - self.X[None]) ** 2).sum(axis=2)
        np.fill_diagonal(squared, np.inf)
        indices = np.argsort(squared, axis=1, kind="stable")[:, :k]
        distances = np.sqrt(np.take_along_axis(squared, indices, axis=1))
        return NeighborGraph(indices.astype(np.int32), distances.astype(np.float32))


class Kernel:
    """Weights that fall with the rank of the neighbor."""

    def __init__(self, *, k_neighbors=10):
        self.k_neighbors = k_neighbors

    def n_neighbors(self, n_samples):
        return min(self.k_neighbors, n_samples - 1)

    def weights(self, distances, *, n_jobs=1):
        ranks = 1 / np.arange(1, distances.shape[1] + 1, dtype=np.float32)
        return np.tile(ranks / ranks.sum(), (len(distances), 1)).astype(np.float32)


class Line:
    """Points on a line."""

    def __call__(self, source, n_components, rng):
        return np.outer(np.linspace(-1e-4, 1e-4, source.n_samples), np.ones(n_components))


class Method:
    """Owns the whole gradient, attraction and repulsion, in dense NumPy."""

    def plan(self, problem):
        return WholePlan(problem)


class WholePlan:
    def __init__(self, problem):
        p = problem.affinities
        self.P = np.zeros(p.shape)
        rows = np.repeat(np.arange(p.shape[0]), np.diff(p.indptr))
        self.P[rows, p.indices] = p.data

    def _weights(self, Y):
        offset = Y[:, None, :].astype(float) - Y[None, :, :]
        w = 1 / (1 + (offset**2).sum(axis=2))
        np.fill_diagonal(w, 0)
        return offset, w

    def gradient(self, Y, out, exaggeration):
        offset, w = self._weights(Y)
        out[:] = np.einsum("ij,ijc->ic", (exaggeration * self.P - w / w.sum()) * w, offset)

    def kl_divergence(self, Y):
        _, w = self._weights(Y)
        edges = self.P > 0
        return float((self.P[edges] * np.log(self.P[edges] / (w / w.sum())[edges])).sum())


class Descent:
    """Plain gradient descent."""

    def __init__(self, *, rate=1.0):
        self.rate = rate

    def start(self, Y):
        pass

    def step(self, Y, gradient, phase):
        Y -= self.rate * phase.learning_rate * gradient

    def state(self):
        return {}

    def restore(self, state):
        pass


class Pull:
    """Half the mean squared distance from the origin."""

    def __init__(self, *, strength=1.0):
        self.strength = strength

    def prepare(self, problem):
        return self

    def gradient(self, Y, out):
        out[:] = self.strength / len(Y) * Y

    def loss(self, Y):
        return self.strength / 2 * float((Y.astype(float) ** 2).sum()) / len(Y)
