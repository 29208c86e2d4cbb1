"""The expected times of a neighbor search, beside measured ones."""

from __future__ import annotations

import pkgutil
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pytest

from tsnekit._backends.registry import default_registry
from tsnekit.interfaces import SearchProblem
from tsnekit.testing._search_under_test import SearchUnderTest

__all__ = ["CostUnderTest"]


class CostUnderTest(SearchUnderTest):
    """Tests of the cost that a spec gives.

    Attributes
    ----------
    cost_tolerance
        See `tsnekit.testing.NeighborSearchConformance`.
    """

    cost_tolerance: ClassVar[float] = 1.7

    def test_cost(self) -> None:
        """The expected time, if the spec gives one, is in seconds and grows with the data."""
        if self.spec().cost is None:
            pytest.skip("gives no cost")
        cost = pkgutil.resolve_name(str(self.spec().cost))
        metric = self.any_metric()
        few, many = (
            cost(SearchProblem(n_samples=n, n_features=50, metric=metric, n_jobs=2), 30)
            for n in (1_000, 100_000)
        )
        assert 0 < few < many < np.inf

    def test_cost_is_what_is_measured(self) -> None:
        """The expected time is right beside those of the built-in searches, on any machine."""
        if self.spec().cost is None:
            pytest.skip("gives no cost")
        for _ in range(3):  # measured again, since other programs run, too
            factor = self.factor_of_cost()
            if 1 / self.cost_tolerance <= factor <= self.cost_tolerance:
                return
        pytest.fail(
            f"its cost is {factor:.2f} times what the search takes, in the unit of the built-in "
            f"searches on this machine; it must be within a factor of {self.cost_tolerance}",
            pytrace=False,
        )

    def factor_of_cost(self) -> float:
        """Return how many times too high the cost is, beside those of the built-in searches."""
        own = self.cost_of(self.spec(), self.any_metric(), self.options)
        others = [
            self.cost_of(default_registry().get("neighbors", name).spec, "euclidean", {})
            for name in ("exact", "forest", "annoy")
        ]
        return float(np.exp(own - np.mean(others)))

    def cost_of(self, spec: Any, metric: str, options: Mapping[str, Any]) -> float:
        """Return the mean logarithm of expected seconds over those of the processor."""
        expected = pkgutil.resolve_name(str(spec.cost))
        logs = []
        for n, p in ((2_000, 50), (4_000, 50), (4_000, 150)):
            rng = np.random.default_rng(0)
            X = rng.normal(size=(20, p))[rng.integers(20, size=n)] * 3 + rng.normal(size=(n, p))
            problem = SearchProblem(n_samples=n, n_features=p, metric=metric)
            taken = min(self.seconds_of(spec, X, problem, options) for _ in range(2))
            logs.append(np.log(expected(problem, 30) / taken))
        return float(np.mean(logs))

    def seconds_of(
        self, spec: Any, X: Any, problem: SearchProblem, options: Mapping[str, Any]
    ) -> float:
        """Return the processor time of one search, which a busy machine does not stretch much."""
        search = spec.load()(**options)
        began = time.process_time()
        search.fit(X, problem).neighbors(30)
        return time.process_time() - began
