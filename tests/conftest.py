"""Shared by all tests: the settings of Hypothesis, fake plugin distributions, and small data."""

import importlib.metadata
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# Neither profile has a deadline, so that no test fails on a busy machine.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", UNTIMED, derandomize=True)
settings.register_profile("random", UNTIMED, print_blob=True)
settings.load_profile(os.environ.get("TSNEKIT_HYPOTHESIS", "same"))

pytest.register_assert_rewrite("helpers")

PLUGINS = Path(__file__).parent / "data" / "plugins"


@pytest.fixture
def fake_entry_points(monkeypatch):
    """Return a function that gives the entry points of some of the fake distributions."""
    monkeypatch.syspath_prepend(str(PLUGINS))

    def entry_points(*names):
        found = {dist.name: dist for dist in importlib.metadata.distributions(path=[str(PLUGINS)])}
        return [entry for name in names for entry in found[name].entry_points]

    return entry_points


@pytest.fixture(scope="session")
def digits():
    """Handwritten digits, (1797, 64), and their classes."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return bunch.data, bunch.target


@pytest.fixture(scope="session")
def blobs():
    """Five clusters in ten dimensions, 300 rows, float32."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(5, 10)) * 5
    return (centers[np.arange(300) % 5] + rng.normal(size=(300, 10))).astype(np.float32)
