"""Results of gradient methods for some points, and their errors."""

import numpy as np

from tsnekit.interfaces import RepulsionProblem
from tsnekit.plugins.gradients.exact import ExactMethod


def plan(method, Y, *, dof=1.0, reference=None, n_jobs=1):
    return method.plan(
        RepulsionProblem(
            n_samples=len(Y), n_components=Y.shape[1], dof=dof, n_jobs=n_jobs, reference=reference
        )
    )


def evaluate(repulsion, Y):
    out = np.full(Y.shape, np.nan, np.float32)
    row_z = np.full(len(Y), np.nan)
    z = repulsion(Y, out, row_z)
    np.testing.assert_allclose(z, row_z.sum(), rtol=1e-9, atol=1e-9)
    return out, row_z, z


def run(method, Y, **problem):
    return evaluate(plan(method, Y, **problem), Y)


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def force_error(method, Y, **problem):
    found, _, _ = run(method, Y, **problem)
    expected, _, _ = run(ExactMethod(), Y, **problem)
    return relative(found, expected)
