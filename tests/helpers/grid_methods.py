"""The gradient methods that work on grids, and how close they must be to the exact one."""

import numpy as np

from helpers.repulsions import relative, run
from tsnekit.plugins.gradients.exact import ExactMethod
from tsnekit.plugins.gradients.fft import FFTMethod
from tsnekit.plugins.gradients.mesh import MeshMethod
from tsnekit.testing.gradients import clusters as wide_clusters

METHODS = [MeshMethod, FFTMethod]
CASES = [(MeshMethod, 1), (MeshMethod, 2), (MeshMethod, 3), (FFTMethod, 1), (FFTMethod, 2)]


def clusters(n, d, seed=0):
    """Clusters as in a finished map. They are closer in 3-D, because maps are smaller there."""
    return wide_clusters(n, d, seed) * np.float32(0.4 if d == 3 else 1.0)


def assert_close(method, Y, *, force=0.03, row=0.02, total=2e-3, **problem):
    out, row_z, z = run(method, Y, **problem)
    expected, expected_row, expected_z = run(ExactMethod(), Y, **problem)
    assert relative(out, expected) <= force
    assert relative(row_z, expected_row) <= row
    assert abs(z / expected_z - 1) <= total
