"""The smaller stages by every registered backend: affinities, initialization and step."""

import warnings

import numpy as np

from tsnekit._descent.course import resolve_learning_rate
from tsnekit.interfaces import InitSource, Phase

from .common import (
    N_JOBS,
    names,
    skip_beyond,
    spec,
    synthetic_affinities,
    synthetic_data,
    synthetic_map,
)

SIZES = [1_000, 70_000, 1_000_000]


def build(point, name, problem=None):
    """The backend with its defaults. If it cannot be used, asv skips the benchmark."""
    unmet = spec(point, name).unmet(problem)
    if unmet:
        raise NotImplementedError("; ".join(unmet))
    return spec(point, name).load()()


class Affinities:
    params = [names("affinity"), SIZES]
    param_names = ["kernel", "n"]

    def setup(self, kernel, n):
        skip_beyond(n, n)
        self.kernel = build("affinity", kernel)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            k = self.kernel.n_neighbors(n)
        rng = np.random.default_rng(0)
        self.distances = np.sort(rng.gamma(9.0, size=(n, k)).astype(np.float32), axis=1)

    def time_weights(self, kernel, n):
        self.kernel.weights(self.distances, n_jobs=N_JOBS)


class Initialization:
    params = [names("initialization"), SIZES[:2]]
    param_names = ["initializer", "n"]

    def setup(self, initializer, n):
        skip_beyond(n, n)
        self.source = InitSource(
            n_samples=n,
            data=synthetic_data(n),
            affinities=synthetic_affinities(n),
            n_jobs=N_JOBS,
        )
        self.initializer = build("initialization", initializer, self.source)

    def time_positions(self, initializer, n):
        self.initializer(self.source, 2, np.random.RandomState(0))


class OptimizerStep:
    params = [names("optimizer"), SIZES]
    param_names = ["optimizer", "n"]

    def setup(self, optimizer, n):
        skip_beyond(n, n)
        self.optimizer = build("optimizer", optimizer)
        self.Y = synthetic_map(n, 2).copy()
        self.gradient = self.Y / n
        self.optimizer.start(self.Y)
        self.phase = Phase(
            name="one",
            n_iter=1,
            learning_rate=resolve_learning_rate("auto", n, 1.0),
            momentum=0.8,
            max_step_norm=5.0,
            n_jobs=N_JOBS,
        )

    def time_step(self, optimizer, n):
        self.optimizer.step(self.Y, self.gradient, self.phase)
