"""Affinities of any kernel."""

import numpy as np
import pytest

from helpers.brute_force import BruteForce
from tsnekit.affinity import NeighborAffinities, Uniform, build_affinities
from tsnekit.errors import ContractError
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
        (lambda d: d, "weights that sum to .*, not to 1, for row 0"),
        (lambda d: d * np.float32(np.nan), "weights that are not finite, for row 0"),
        (lambda d: np.float32([0.4, -0.2, 0.4, -0.2, 0.6]) + 0 * d, "negative weights, such as -0"),
        (
            lambda d: np.ones((len(d), 1), np.float32),
            r"weights of shape \(120, 1\), not \(120, 5\)",
        ),
        (lambda d: np.full(d.shape, 0.2), "array of float64 as weights, not an array of float32"),
        (lambda d: np.full(d.shape, 0.2, np.float32, order="F"), "weights that are not C-contig"),
        (lambda d: (0 * d + np.float32(0.2)).tolist(), "a list as weights"),
        (lambda d: None, "None as weights"),
    ],
)
def test_kernels_that_break_their_promise(weights, message, X):
    class Broken(Triangular):
        def weights(self, distances, *, n_jobs=1):
            return weights(distances)

    problem = SearchProblem(n_samples=120, n_features=4)
    with pytest.raises(ContractError, match=f"affinity kernel .*Broken of .* returned .*{message}"):
        build_affinities(X, kernel=Broken(), search=BruteForce(), problem=problem)


@pytest.mark.parametrize("wanted", [0, 120, 2.5, None, True])
def test_kernels_that_ask_for_impossible_neighbors(wanted, X):
    class Broken(Triangular):
        def n_neighbors(self, n_samples):
            return wanted

    problem = SearchProblem(n_samples=120, n_features=4)
    with pytest.raises(ContractError, match=f"Broken of .* asks for {wanted} neighbors of each of"):
        build_affinities(X, kernel=Broken(), search=BruteForce(), problem=problem)
