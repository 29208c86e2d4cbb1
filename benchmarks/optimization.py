"""Attraction, one iteration, and whole runs."""

import math

import numpy as np

from tsnekit._descent.course import Course
from tsnekit._descent.endings import FixedLength
from tsnekit._descent.gradient import KLGradient
from tsnekit._descent.loop import Centering, descend
from tsnekit._facade.tsne import TSNE
from tsnekit.diagnostics import neighbors_kept
from tsnekit.interfaces import Phase, RepulsionProblem

from .common import (
    N_JOBS,
    digits,
    names,
    skip_beyond,
    spec,
    synthetic_affinities,
    synthetic_data,
    synthetic_map,
)

METHODS = names("negative_gradient_method")


class Free:
    """A repulsion that costs nothing, so that only the attraction is measured."""

    def __call__(self, Y, out, row_z=None):
        out.fill(0)
        return 1.0


class Attraction:
    params = [[1_000, 10_000, 100_000, 1_000_000], [1, 2, 3]]
    param_names = ["n", "d"]

    def setup(self, n, d):
        skip_beyond(n if d == 2 else 100_000, n)
        self.Y = synthetic_map(n, d)
        self.out = np.empty_like(self.Y)
        affinities = synthetic_affinities(n)
        self.gradient = KLGradient(affinities, Free(), dof=1.0, n_jobs=N_JOBS)

    def time_attraction(self, n, d):
        self.gradient.gradient(self.Y, self.out, 1.0)

    def time_divergence(self, n, d):
        self.gradient.kl_divergence(self.Y)


class Iteration:
    params = [METHODS, [10_000, 100_000, 1_000_000]]
    param_names = ["method", "n"]

    def setup(self, method, n):
        problem = RepulsionProblem(n_samples=n, n_components=2, n_jobs=N_JOBS)
        skip_beyond(10_000 if method == "barnes_hut" else n, n)
        known = spec("negative_gradient_method", method)
        if known.exact or known.whole_gradient or known.unmet(problem):
            raise NotImplementedError("too slow to be of interest, or not supported")
        self.Y = synthetic_map(n, 2).copy()
        plan = known.load()().plan(problem)
        self.gradient = KLGradient(synthetic_affinities(n), plan, dof=1.0, n_jobs=N_JOBS)
        self.optimizer = spec("optimizer", "momentum").load()()
        self.optimizer.start(self.Y)
        self.centering = Centering(2, N_JOBS)
        phase = Phase(name="one", n_iter=1, learning_rate=1.0, momentum=0.8, n_jobs=N_JOBS)
        self.course = Course(phase=phase, ending=FixedLength(1))

    def time_iteration(self, method, n):
        descend(self.Y, self.gradient, self.optimizer, self.course, recenter=self.centering)


class WholeRun:
    """`TSNE.fit` with its defaults, except the gradient method."""

    params = [["auto", *METHODS], ["digits", "5000 x 50"]]
    param_names = ["method", "data"]
    rounds = 1
    number = 1
    repeat = 3

    def setup(self, method, data):
        if method != "auto":
            known = spec("negative_gradient_method", method)
            if known.exact or known.missing():
                raise NotImplementedError("too slow to be of interest, or not installed")
        self.X = digits() if data == "digits" else synthetic_data(5_000)
        self.model = TSNE(n_jobs=N_JOBS, random_state=0, negative_gradient_method=method)

    def time_fit(self, method, data):
        self.model.fit(self.X)

    def peakmem_fit(self, method, data):
        self.model.fit(self.X)

    def track_kl_divergence(self, method, data):
        return self.model.fit(self.X).kl_divergence

    def track_neighbors_kept(self, method, data):
        return neighbors_kept(self.X, self.model.fit(self.X), n_sampled=None)


class IterationsToKL:
    """How many iterations a schedule takes to the divergence that documented defaults end with."""

    params = [["documented", "converge"], ["digits", "20000 x 50"]]
    param_names = ["schedule", "data"]
    targets = {"digits": 0.745, "20000 x 50": 2.435}
    timeout = 300

    def setup(self, schedule, data):
        skip_beyond(20_000, 1_797 if data == "digits" else 20_000)
        self.X = digits() if data == "digits" else synthetic_data(20_000)

    def track_iterations_to_kl(self, schedule, data):
        target = self.targets[data]

        def reached(iteration, error, embedding):
            return error <= target

        model = TSNE(
            schedule=schedule,
            n_jobs=N_JOBS,
            random_state=0,
            callbacks=reached,
            callbacks_every_iters=5,
        )
        embedding = model.fit(self.X)
        return embedding.state.iteration if embedding.kl_divergence <= target else math.nan

    track_iterations_to_kl.unit = "iterations"
