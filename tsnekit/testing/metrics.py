"""The conformance suite of metrics."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tsnekit._backends.named import load_metric
from tsnekit._backends.options import options_of
from tsnekit._util.metrics import pairwise_of
from tsnekit.affinity._search import resolve_search
from tsnekit.specs import MetricSpec
from tsnekit.testing._rows import sample
from tsnekit.testing.base import Conformance

__all__ = ["MetricConformance"]

N_ROWS = 60


class MetricConformance(Conformance):
    """Test a registered metric.

    Subclass it with a name that pytest collects::

        class TestHellinger(MetricConformance):
            name = "hellinger"

            def rows(self, n, seed=0):
                return np.abs(super().rows(n, seed=seed))

    Attributes
    ----------
    name : str
        The registered name.
    options : mapping, default={}
        Parameters of the metric, as in ``metric_params``.
    expected_failures : mapping of str to str, default={}
        See `tsnekit.testing.base.Conformance`.
    """

    point = "metric"

    def rows(self, n: int, seed: int = 0) -> NDArray[Any]:
        """Return rows for which the metric is defined, (n, p); override it if need be."""
        return sample(n, "euclidean", seed=seed)

    def metric(self) -> Any:
        """Return the function of two rows."""
        return load_metric(self.name)

    def use(self) -> None:
        """Measure the distances between some rows."""
        self._distances(self.rows(10))

    def test_keeps_its_options(self) -> None:
        """The parameters are keyword-only, and those of the suite are among them."""
        known = options_of(self.metric())
        assert set(self.options) <= set(known), (
            f"the suite has parameters that the metric does not have: {sorted(self.options)}"
        )

    def test_options_are_keyword_only(self) -> None:
        """The function takes two rows, and then parameters with names and defaults."""
        self.metric()(*self.rows(2), **self.options)

    def test_distances(self) -> None:
        """Distances are finite, at least 0, 0 to a row itself, and the same in both directions."""
        distances = self._distances(self.rows(N_ROWS))
        assert np.isfinite(distances).all(), "a distance is not finite"
        assert distances.min() >= 0, f"a distance is {distances.min():g}"
        scale = max(float(distances.max()), 1e-300)
        own = float(np.abs(np.diagonal(distances)).max())
        assert own <= 1e-6 * scale, f"a row is at distance {own:g} from itself"
        asymmetry = float(np.abs(distances - distances.T).max())
        assert asymmetry <= 1e-9 * scale, f"the directions of a pair differ by {asymmetry:g}"
        assert len(np.unique(distances)) > N_ROWS, "most distances are the same"

    def test_all_pairs(self) -> None:
        """The function of all pairs returns what the function of two rows returns."""
        spec = self.registered()
        assert isinstance(spec, MetricSpec)
        if spec.pairwise is None:
            pytest.skip("has no function of all pairs")
        rows, others = self.rows(N_ROWS), self.rows(17, seed=1)
        pairwise: Any = pairwise_of(self.metric())
        found = np.asarray(pairwise(rows, others, **self.options))
        expected = self._distances(rows, others)
        assert found.shape == expected.shape, f"its shape is {found.shape}"
        error = float(np.abs(found - expected).max() / max(expected.max(), 1e-300))
        assert error <= 1e-6, f"it differs by {error:.1e} of the largest distance"

    def test_leaves_rows_alone(self) -> None:
        """Rows may be read-only, and of float32."""
        rows = self.rows(12)
        expected = self._distances(rows)
        rows.flags.writeable = False
        before = rows.copy()
        np.testing.assert_array_equal(self._distances(rows), expected)
        np.testing.assert_array_equal(rows, before)
        single = self._distances(rows.astype(np.float32))
        np.testing.assert_allclose(single, expected, rtol=1e-3, atol=1e-3 * expected.max())

    def test_searches_take_it(self) -> None:
        """A search finds the nearest rows, when it is asked for the metric by its name."""
        X, k = self.rows(N_ROWS), 5
        for method in ("exact", "auto"):
            backend, problem = resolve_search(
                method, X, metric=self.name, metric_params=dict(self.options) or None
            )
            graph = backend.instance.fit(X, problem).neighbors(k)
            distances = self._distances(X)
            np.fill_diagonal(distances, np.inf)
            nearest = np.sort(distances, axis=1)[:, :k]
            np.testing.assert_allclose(
                graph.distances, nearest, rtol=1e-5, atol=1e-6 * nearest.max()
            )

    def test_pickles(self) -> None:
        """The function can be sent to other processes."""
        again = pickle.loads(pickle.dumps(self.metric()))
        a, b = self.rows(2)
        assert again(a, b, **self.options) == self.metric()(a, b, **self.options)

    def _distances(self, rows: NDArray[Any], others: NDArray[Any] | None = None) -> NDArray[Any]:
        others = rows if others is None else others
        metric = self.metric()
        found = [[metric(a, b, **self.options) for b in others] for a in rows]
        return np.array(found, dtype=np.float64)
