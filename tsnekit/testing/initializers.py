"""What every initializer must do."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from tsnekit.affinity._matrix import check_matrix
from tsnekit.interfaces import Initializer, InitSource
from tsnekit.specs import InitializerSpec
from tsnekit.testing.base import Conformance

__all__ = ["InitializerConformance"]


class InitializerConformance(Conformance):
    """Tests of a registered initializer.

    Subclass it, with a name that starts with ``Test``, and set `name`::

        class TestMyInitializer(InitializerConformance):
            name = "my_initializer"

    Attributes
    ----------
    name : str
        The initializer's registered name.
    options : mapping, default={}
        Options to build it with.
    max_std : float, default=0.01
        Largest standard deviation of the positions along any axis.
    expected_failures : mapping of str to str, default={}
        See `tsnekit.testing.base.Conformance`.
    """

    point = "initialization"
    n_samples = 150
    max_std: ClassVar[float] = 0.01

    def use(self) -> None:
        """Place points in two dimensions."""
        spec = self.registered()
        assert isinstance(spec, InitializerSpec)
        rows = np.random.default_rng(0).normal(size=(self.n_samples, 6)) * [5, 3, 2, 1, 1, 1]
        self._place(spec.load()(**self.options), self._source(spec, rows), 2)

    @pytest.fixture
    def spec(self) -> InitializerSpec:
        """Return the spec."""
        spec = self.registered()
        assert isinstance(spec, InitializerSpec)
        return spec

    @pytest.fixture
    def initializer(self, spec: InitializerSpec) -> Initializer:
        """Return the initializer, built with its options."""
        built: Initializer = spec.load()(**self.options)
        return built

    @pytest.fixture
    def source(self, spec: InitializerSpec) -> InitSource:
        """Return what the initializer claims to need, and no more."""
        rng = np.random.default_rng(0)
        return self._source(spec, rng.normal(size=(self.n_samples, 6)) * [5, 3, 2, 1, 1, 1])

    def test_is_an_initializer(self, initializer: Initializer) -> None:
        """It can be called as the interface says."""
        assert isinstance(initializer, Initializer)

    @pytest.mark.parametrize("n_components", [1, 2, 3, 10])
    def test_positions(
        self, initializer: Initializer, source: InitSource, n_components: int
    ) -> None:
        """Positions are finite, of the right shape, and spread in every dimension."""
        positions = self._place(initializer, source, n_components)
        assert positions.shape == (self.n_samples, n_components)
        assert np.issubdtype(positions.dtype, np.floating)
        assert np.isfinite(positions).all()
        assert (positions.std(axis=0) > 0).all()

    def test_positions_are_small(self, initializer: Initializer, source: InitSource) -> None:
        """Early exaggeration can rearrange only what starts close together."""
        std = self._place(initializer, source, 2).std(axis=0).max()
        assert std <= self.max_std, f"the standard deviation is {std:.2g}"

    @pytest.mark.parametrize("odd", ["duplicates", "constant columns", "all equal", "two groups"])
    def test_odd_data(self, spec: InitializerSpec, initializer: Initializer, odd: str) -> None:
        """Positions are finite, and no two are the same, for any data."""
        data = np.random.default_rng(0).normal(size=(self.n_samples, 6))
        if odd == "duplicates":
            data[::2] = data[0]
        elif odd == "constant columns":
            data[:, 2:] = 7
        elif odd == "all equal":
            data[:] = 7
        else:
            data[: self.n_samples // 2] += 1e4  # their affinities are not connected
        positions = self._place(initializer, self._source(spec, data), 2)
        assert np.isfinite(positions).all()
        assert len(np.unique(positions, axis=0)) == self.n_samples

    def test_no_two_points_in_one_place(self, initializer: Initializer, source: InitSource) -> None:
        """Points that start in the same place could never separate."""
        positions = self._place(initializer, source, 2)
        assert len(np.unique(positions, axis=0)) == self.n_samples

    def test_same_positions_for_the_same_seed(
        self, initializer: Initializer, source: InitSource
    ) -> None:
        """All randomness is from the given generator."""
        np.testing.assert_array_equal(
            self._place(initializer, source, 2), self._place(initializer, source, 2)
        )

    def test_same_bits_for_any_n_jobs(self, initializer: Initializer, source: InitSource) -> None:
        """Threads change nothing."""
        np.testing.assert_array_equal(
            self._place(initializer, source, 2),
            self._place(initializer, replace(source, n_jobs=3), 2),
        )

    def test_leaves_its_source_as_it_is(self, initializer: Initializer, source: InitSource) -> None:
        """Data and affinities may be read-only."""
        arrays = [source.data]
        if source.affinities is not None:
            arrays += [source.affinities.indptr, source.affinities.indices, source.affinities.data]
        given = [array for array in arrays if array is not None]
        before = [array.copy() for array in given]
        for array in given:
            array.setflags(write=False)
        self._place(initializer, source, 2)
        for array, old in zip(given, before, strict=True):
            np.testing.assert_array_equal(array, old)

    def test_refuses_a_source_without_what_it_needs(self, spec: InitializerSpec) -> None:
        """`unmet` gives a reason if the input of the initializer is missing."""
        unmet = spec.unmet(InitSource(n_samples=self.n_samples))
        assert bool(unmet) == (spec.needs_data or spec.needs_affinities or spec.needs_labels)

    @pytest.mark.parametrize("kind", ["text", "one class", "a class for each row", "numbers"])
    def test_any_labels(
        self, spec: InitializerSpec, initializer: Initializer, source: InitSource, kind: str
    ) -> None:
        """Positions are finite, and no two are the same, for labels of any kind."""
        if not spec.needs_labels:
            pytest.skip("needs no labels")
        labels: dict[str, NDArray[Any]] = {
            "text": np.array(["a", "b", "c"], dtype=object)[np.arange(self.n_samples) % 3],
            "one class": np.zeros(self.n_samples, dtype=int),
            "a class for each row": np.arange(self.n_samples),
            "numbers": np.linspace(-1, 1, self.n_samples),
        }
        labels[kind].setflags(write=False)
        positions = self._place(initializer, replace(source, labels=labels[kind]), 2)
        assert np.isfinite(positions).all()
        assert len(np.unique(positions, axis=0)) == self.n_samples

    def test_sparse_data_where_claimed(
        self, spec: InitializerSpec, initializer: Initializer, source: InitSource
    ) -> None:
        """Sparse data gives the same positions as dense data, or is refused."""
        if not spec.needs_data:
            pytest.skip("starts from no data")
        data = np.where(source.data > 0, source.data, 0)
        sparse_source = replace(source, data=sparse.csr_matrix(data))
        if not spec.sparse:
            assert spec.unmet(sparse_source)
            return
        positions = self._place(initializer, sparse_source, 2)
        dense = self._place(initializer, replace(source, data=data), 2)
        for axis in range(2):
            correlation = np.corrcoef(positions[:, axis], dense[:, axis])[0, 1]
            assert abs(correlation) > 0.999

    def test_pickles(self, initializer: Initializer, source: InitSource) -> None:
        """An initializer survives pickling."""
        again = pickle.loads(pickle.dumps(initializer))
        np.testing.assert_array_equal(
            self._place(again, source, 2), self._place(initializer, source, 2)
        )

    @staticmethod
    def _source(spec: InitializerSpec, data: NDArray[np.float64]) -> InitSource:
        squared = ((data[:, None] - data) ** 2).sum(axis=2)
        affinities = np.exp(-squared / 20) * ~np.eye(len(data), dtype=bool)
        return InitSource(
            n_samples=len(data),
            data=data if spec.needs_data else None,
            affinities=check_matrix(affinities) if spec.needs_affinities else None,
            labels=np.arange(len(data)) % 3 if spec.needs_labels else None,
        )

    @staticmethod
    def _place(
        initializer: Initializer, source: InitSource, n_components: int
    ) -> NDArray[np.floating[Any]]:
        return initializer(source, n_components, np.random.RandomState(0))
