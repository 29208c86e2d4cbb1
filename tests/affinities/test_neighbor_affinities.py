"""Affinities of any kernel."""

import numpy as np
import pytest

from helpers.brute_force import BruteForce
from tsnekit.affinity import NeighborAffinities, Uniform, build_affinities
from tsnekit.interfaces import SearchProblem
from tsnekit.plugins.affinities.uniform import UniformKernel


class Triangular:
    """A kernel that needs nothing of tsnekit."""

    def __init__(self, *, width=2.0):
        self.width = width

    def n_neighbors(self, n_samples):
        return min(5, n_samples - 1)

    def weights(self, distances, *, n_jobs=1):
        weights = np.maximum(self.width * distances[:, -1:] - distances, 0)
        return weights / weights.sum(axis=1, keepdims=True)


def test_any_kernel_works(X, new):
    problem = SearchProblem(n_samples=120, n_features=4, n_jobs=2)
    affinities = build_affinities(X, kernel=Triangular(), search=BruteForce(), problem=problem)
    assert isinstance(affinities, NeighborAffinities)
    assert affinities.P.sum(dtype=np.float64) == pytest.approx(1, abs=1e-6)
    assert set(affinities.seconds) == {"neighbors", "affinities"}
    assert affinities.to_new(new, width=3.0, perplexity=5).shape == (7, 120)
    affinities.set_kernel(UniformKernel(k_neighbors=3))
    assert abs(affinities.P - Uniform(X, 3, method=BruteForce()).P).max() == 0


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (lambda d: d, "negative or do not sum to 1"),
        (lambda d: d * np.nan, "negative or do not sum to 1"),
        (lambda d: np.full(d.shape, 1 / d.shape[1]) * [2, -1, 2, -1, 3], "negative or do not"),
        (lambda d: np.ones((len(d), 1)), "weights of shape"),
    ],
)
def test_kernels_that_break_their_promise(weights, message, X):
    class Broken(Triangular):
        def weights(self, distances, *, n_jobs=1):
            return weights(distances)

    problem = SearchProblem(n_samples=120, n_features=4)
    with pytest.raises(ValueError, match=f"Broken returned .*{message}"):
        build_affinities(X, kernel=Broken(), search=BruteForce(), problem=problem)
