"""What every affinity kernel must do."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tsnekit.interfaces import AffinityKernel
from tsnekit.testing.base import Conformance

__all__ = ["AffinityKernelConformance"]


class AffinityKernelConformance(Conformance):
    """Tests of a registered affinity kernel.

    Subclass it, with a name that starts with ``Test``, and set `name`::

        class TestMyKernel(AffinityKernelConformance):
            name = "my_kernel"

    Attributes
    ----------
    name : str
        The kernel's registered name.
    options : mapping, default={}
        Options to build it with.
    expected_failures : mapping of str to str, default={}
        See `tsnekit.testing.base.Conformance`.
    """

    point = "affinity"

    def use(self) -> None:
        """Ask for the number of neighbors, and for weights."""
        kernel = self.registered().load()(**self.options)
        k = self._quietly(kernel.n_neighbors, 200)
        rng = np.random.default_rng(0)
        distances = np.sort(rng.gamma(9.0, size=(200, k)).astype(np.float32), axis=1)
        self._quietly(kernel.weights, distances)

    @pytest.fixture
    def kernel(self) -> AffinityKernel:
        """Return the kernel, built with its options."""
        built: AffinityKernel = self.registered().load()(**self.options)
        return built

    @pytest.fixture
    def distances(self, kernel: AffinityKernel) -> NDArray[np.float32]:
        """Return distances of 200 rows, for as many neighbors as the kernel wants."""
        rng = np.random.default_rng(0)
        k = self._quietly(kernel.n_neighbors, 2_000)
        return np.sort(rng.gamma(9.0, size=(200, k)).astype(np.float32), axis=1)

    def test_is_an_affinity_kernel(self, kernel: AffinityKernel) -> None:
        """It has the methods of the interface."""
        assert isinstance(kernel, AffinityKernel)

    @pytest.mark.parametrize("n_samples", [2, 3, 10, 91, 1_000, 10**6])
    def test_number_of_neighbors(self, kernel: AffinityKernel, n_samples: int) -> None:
        """It asks for at least one neighbor, and never for more than there are."""
        k = self._quietly(kernel.n_neighbors, n_samples)
        assert isinstance(k, int)
        assert 1 <= k < n_samples

    def test_weights_are_distributions(
        self, kernel: AffinityKernel, distances: NDArray[np.float32]
    ) -> None:
        """Rows are float32, not negative, and sum to 1."""
        self._check(self._quietly(kernel.weights, distances), distances)

    @pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e3, 1e30])
    def test_any_unit(
        self, kernel: AffinityKernel, distances: NDArray[np.float32], scale: float
    ) -> None:
        """Very small and very large distances do no harm."""
        scaled = distances * np.float32(scale)
        self._check(self._quietly(kernel.weights, scaled), scaled)

    @pytest.mark.parametrize("value", [0.0, 1.0, 1e10])
    def test_all_neighbors_equally_far(
        self, kernel: AffinityKernel, distances: NDArray[np.float32], value: float
    ) -> None:
        """Equal distances get equal weights."""
        equal = np.full_like(distances, value)
        weights = self._quietly(kernel.weights, equal)
        self._check(weights, equal)
        np.testing.assert_allclose(weights, 1 / equal.shape[1], rtol=1e-5)

    def test_nearer_neighbors_weigh_no_less(
        self, kernel: AffinityKernel, distances: NDArray[np.float32]
    ) -> None:
        """Weights fall with the distance, or stay the same."""
        weights = self._quietly(kernel.weights, distances)
        rises = np.diff(weights, axis=1) > 1e-6 * weights.max(axis=1, keepdims=True)
        assert not rises.any(), "a farther neighbor weighs more than a nearer one"

    def test_some_neighbors_at_no_distance(
        self, kernel: AffinityKernel, distances: NDArray[np.float32]
    ) -> None:
        """Duplicates do no harm."""
        distances[:, : distances.shape[1] // 2] = 0
        self._check(self._quietly(kernel.weights, distances), distances)

    def test_fewer_neighbors_than_wanted(self, kernel: AffinityKernel) -> None:
        """A handful of rows is enough."""
        for n_samples in (2, 5):
            k = self._quietly(kernel.n_neighbors, n_samples)
            few = np.linspace(1, 2, n_samples * k, dtype=np.float32).reshape(n_samples, k)
            self._check(self._quietly(kernel.weights, few), few)

    def test_leaves_distances_as_they_are(
        self, kernel: AffinityKernel, distances: NDArray[np.float32]
    ) -> None:
        """Distances may be read-only."""
        before = distances.copy()
        distances.setflags(write=False)
        self._quietly(kernel.weights, distances)
        np.testing.assert_array_equal(distances, before)

    def test_is_pure(self, kernel: AffinityKernel, distances: NDArray[np.float32]) -> None:
        """What was computed before does not matter."""
        first = self._quietly(kernel.weights, distances)
        self._quietly(kernel.weights, distances[:10] * 2)
        np.testing.assert_array_equal(self._quietly(kernel.weights, distances), first)

    def test_rows_do_not_depend_on_one_another(
        self, kernel: AffinityKernel, distances: NDArray[np.float32]
    ) -> None:
        """A row has the same weights, to within the tolerance, in any company."""
        together = self._quietly(kernel.weights, distances)
        alone = self._quietly(kernel.weights, np.ascontiguousarray(distances[50:51]))
        np.testing.assert_allclose(alone[0], together[50], rtol=1e-3, atol=1e-7)

    @pytest.mark.parametrize("n_jobs", [2, 5])
    def test_same_bits_for_any_n_jobs(
        self, kernel: AffinityKernel, distances: NDArray[np.float32], n_jobs: int
    ) -> None:
        """Threads change nothing."""
        many = np.tile(distances, (5, 1))
        one = self._quietly(kernel.weights, many)
        np.testing.assert_array_equal(self._quietly(kernel.weights, many, n_jobs=n_jobs), one)

    def test_pickles(self, kernel: AffinityKernel, distances: NDArray[np.float32]) -> None:
        """A kernel survives pickling."""
        again = pickle.loads(pickle.dumps(kernel))
        np.testing.assert_array_equal(
            self._quietly(again.weights, distances), self._quietly(kernel.weights, distances)
        )

    @staticmethod
    def _check(weights: NDArray[np.float32], distances: NDArray[np.float32]) -> None:
        assert weights.dtype == np.float32
        assert weights.shape == distances.shape
        assert np.isfinite(weights).all()
        assert (weights >= 0).all()
        np.testing.assert_allclose(weights.sum(axis=1, dtype=np.float64), 1, rtol=1e-5)

    @staticmethod
    def _quietly(function: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a function that may warn that there are too few neighbors."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return function(*args, **kwargs)
