"""A gradient method that sums over every pair, for small maps."""

import numpy as np

from tsnekit.hookspecs import hookimpl
from tsnekit.specs import GradientSpec


@hookimpl
def tsnekit_gradient_methods():
    """List the methods of this module, and their capabilities."""
    yield GradientSpec(
        name="dense",
        factory="tsnekit_dense:DenseMethod",
        summary="every pair at once, as dense matrices",
        n_components=None,  # any
        any_dof=True,
        reference=True,
        exact=True,
        max_samples=5_000,
    )


class DenseMethod:
    """Every pair at once."""

    def plan(self, problem):
        """Prepare the repulsion; one plan serves many iterations."""
        return DenseRepulsion(problem.dof, problem.reference)


class DenseRepulsion:
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
