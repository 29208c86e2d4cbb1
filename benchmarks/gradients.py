"""One evaluation of the repulsion, by gradient method, number of points, dimensions and dof."""

import numpy as np

from tsnekit.interfaces import RepulsionProblem

from .common import N_JOBS, names, spec, synthetic_map

METHODS = names("negative_gradient_method")
SIZES = [1_000, 3_000, 10_000, 100_000, 1_000_000]
MOST_POINTS = {"exact": 3_000, "barnes_hut": 100_000}


class Repulsion:
    """Time of one call, and how far the forces are from the exact ones."""

    params = [METHODS, SIZES, [1, 2, 3], [1.0, 0.5]]
    param_names = ["method", "n", "d", "dof"]

    def setup(self, method, n, d, dof):
        problem = RepulsionProblem(n_samples=n, n_components=d, dof=dof, n_jobs=N_JOBS)
        if n > MOST_POINTS.get(method, n) or (d != 2 and n != 10_000):
            raise NotImplementedError("too slow to be of interest")
        if (dof != 1 and n != 10_000) or spec("negative_gradient_method", method).unmet(problem):
            raise NotImplementedError("not measured, or not supported")
        if spec("negative_gradient_method", method).whole_gradient:
            raise NotImplementedError("owns the whole gradient")
        self.Y = synthetic_map(n, d)
        self.out = np.empty_like(self.Y)
        self.repulsion = spec("negative_gradient_method", method).load()().plan(problem)
        self.repulsion(self.Y, self.out)

    def time_repulsion(self, method, n, d, dof):
        self.repulsion(self.Y, self.out)

    def track_force_error(self, method, n, d, dof):
        """Return the norm of the error relative to the norm of the forces, on a sample."""
        rng = np.random.default_rng(0)
        sample = rng.choice(n, size=min(n, 300), replace=False)
        offset = self.Y[sample, None, :].astype(np.float64) - self.Y[None, :, :]
        w = 1 / (1 + np.einsum("ijc,ijc->ij", offset, offset) / dof)
        exact = np.einsum("ij,ijc->ic", w ** (dof + 1), offset)
        self.repulsion(self.Y, self.out)
        return float(np.linalg.norm(self.out[sample] - exact) / np.linalg.norm(exact))

    track_force_error.unit = "relative"
