"""Packages that make maps: where points start, and what moves them."""

from __future__ import annotations

from tsnekit.cli._templates.template import Template

__all__ = ["FORCE", "GRADIENT", "INITIALIZATION", "OPTIMIZER"]

FORCE = Template(
    what="force term",
    suite="ForceTermConformance",
    use='forces="<<name>>"',
    module='''\
"""A force term: a loss of the positions that a map makes small together with the KL divergence."""

import numpy as np

from tsnekit.hookspecs import hookimpl
from tsnekit.specs import ForceSpec


@hookimpl
def tsnekit_forces():
    """List the force terms of this module."""
    yield ForceSpec(
        name="<<name>>",
        factory="<<module>>:<<class>>",
        summary="keeps the map within a disc or a ball",
        n_components=None,
        new_points=True,
    )


class <<class>>:
    """The mean squared distance of the points from a disc around the origin.

    Parameters
    ----------
    radius : float, default=30.0
        Of the disc.
    """

    def __init__(self, *, radius=30.0):
        if not radius > 0:
            raise ValueError(f"radius must be greater than 0, got {radius!r}")
        self.radius = radius

    def prepare(self, problem):
        """Return the force for a map."""
        # New points do not share a mean: the gradient of each is that of its own loss.
        return <<class>>Force(self.radius, problem.n_samples if problem.reference is None else 1)


class <<class>>Force:
    """The force for one map."""

    def __init__(self, radius, shared_by):
        self.radius = radius
        self.shared_by = shared_by

    def gradient(self, Y, out):
        """Fill `out` with the gradient of the loss."""
        length = np.linalg.norm(Y, axis=1, keepdims=True)
        beyond = np.maximum(length - self.radius, 0) / np.maximum(length, self.radius)
        np.multiply(Y, 2 / self.shared_by * beyond, out=out)

    def loss(self, Y):
        """Return the mean squared distance from the disc."""
        length = np.linalg.norm(Y.astype(float), axis=1)
        return float(np.mean(np.maximum(length - self.radius, 0) ** 2))
''',
    tests="""

def test_points_within_the_disc_feel_nothing():
    from tsnekit.forces import ForceProblem

    Y = np.array([[1, 2], [40, 0]], dtype=np.float32)
    out = np.empty_like(Y)
    <<class>>(radius=30).prepare(ForceProblem(n_samples=2, n_components=2)).gradient(Y, out)
    np.testing.assert_allclose(out, [[0, 0], [10, 0]])
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
