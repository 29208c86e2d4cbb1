"""The gradient methods that work on grids, and how close they must be to the exact one."""

from helpers.repulsions import relative, run
from tsnekit.plugins.gradients.exact import ExactMethod
from tsnekit.plugins.gradients.fft import FFTMethod
from tsnekit.plugins.gradients.mesh import MeshMethod

METHODS = [MeshMethod, FFTMethod]
CASES = [(MeshMethod, 1), (MeshMethod, 2), (MeshMethod, 3), (FFTMethod, 1), (FFTMethod, 2)]


def assert_close(method, Y, *, force=0.03, row=0.02, total=2e-3, **problem):
    out, row_z, z = run(method, Y, **problem)
    expected, expected_row, expected_z = run(ExactMethod(), Y, **problem)
    assert relative(out, expected) <= force
    assert relative(row_z, expected_row) <= row
    assert abs(z / expected_z - 1) <= total
