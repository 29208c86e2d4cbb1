"""One evaluation of the repulsion, by gradient method, number of points, dimensions and dof."""

import numpy as np

from tsnekit.interfaces import RepulsionProblem

from .common import N_JOBS, names, skip_beyond, spec, synthetic_map

METHODS = names("negative_gradient_method")
SIZES = [1_000, 3_000, 10_000, 100_000, 1_000_000]
MOST_POINTS = {"barnes_hut": 100_000}
MOST_POINTS_EXACT = 3_000


class _Repulsion:
    """Time of one call, and the error of the forces."""

    def prepare(self, method, n, d, dof):
        problem = RepulsionProblem(n_samples=n, n_components=d, dof=dof, n_jobs=N_JOBS)
        found = spec("negative_gradient_method", method)
        skip_beyond(MOST_POINTS_EXACT if found.exact else MOST_POINTS.get(method, n), n)
        if found.unmet(problem) or found.whole_gradient:
            raise NotImplementedError("not supported, or not the repulsion alone")
        self.Y = synthetic_map(n, d)
        self.out = np.empty_like(self.Y)
        self.repulsion = found.load()().plan(problem)
        self.repulsion(self.Y, self.out)

    def force_error(self, dof):
        rng = np.random.default_rng(0)
        sample = rng.choice(len(self.Y), size=min(len(self.Y), 300), replace=False)
        offset = self.Y[sample, None, :].astype(np.float64) - self.Y[None, :, :]
        w = 1 / (1 + np.einsum("ijc,ijc->ij", offset, offset) / dof)
        exact = np.einsum("ij,ijc->ic", w ** (dof + 1), offset)
        self.repulsion(self.Y, self.out)
        return float(np.linalg.norm(self.out[sample] - exact) / np.linalg.norm(exact))


class RepulsionBySize(_Repulsion):
    params = [METHODS, SIZES]
    param_names = ["method", "n"]

    def setup(self, method, n):
        self.prepare(method, n, 2, 1.0)

    def time_repulsion(self, method, n):
        self.repulsion(self.Y, self.out)

    def track_force_error(self, method, n):
        return self.force_error(1.0)

    track_force_error.unit = "relative"


class RepulsionByKind(_Repulsion):
    """Ten thousand points in every dimension, by degrees of freedom."""

    params = [METHODS, [1, 2, 3], [0.5, 1.0, 2.0]]
    param_names = ["method", "d", "dof"]

    def setup(self, method, d, dof):
        exact = spec("negative_gradient_method", method).exact
        self.prepare(method, MOST_POINTS_EXACT if exact else 10_000, d, dof)

    def time_repulsion(self, method, d, dof):
        self.repulsion(self.Y, self.out)

    def track_force_error(self, method, d, dof):
        return self.force_error(dof)

    track_force_error.unit = "relative"
