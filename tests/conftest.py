"""Shared by all tests: the settings of Hypothesis, fake plugin distributions, and small data."""

import importlib
import importlib.metadata
import os
import signal
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

# A shell that starts the tests in the background lets them, and all that they start, ignore Ctrl-C.
# Tests that send it would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

PLUGINS = Path(__file__).parent / "data" / "plugins"


@pytest.fixture
def fake_entry_points(monkeypatch):
    """Return a function that gives the entry points of some of the fake distributions."""
    monkeypatch.syspath_prepend(str(PLUGINS))

    def entry_points(*names):
        found = {dist.name: dist for dist in importlib.metadata.distributions(path=[str(PLUGINS)])}
        return [entry for name in names for entry in found[name].entry_points]

    return entry_points


@pytest.fixture
def install_plugin(tmp_path, monkeypatch):
    """Return a function that installs a plugin for a test: the source of a module of hooks."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(source, *, name="tsnekit-mine", version="0.1"):
        from tsnekit._backends import registry as registry_module

        # A name of its own for each test, since modules stay imported.
        module = f"mine_{tmp_path.name}_{len(list(tmp_path.glob('*.py')))}"
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{module}_site" / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[tsnekit]\nmine = {module}\n")
        distributions = importlib.metadata.distributions(path=[str(info.parent)])
        found = [entry for dist in distributions for entry in dist.entry_points]
        registry = registry_module.Registry(found)
        monkeypatch.setattr(registry_module, "_load_registry", lambda: registry)
        return importlib.import_module(module)

    return install


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
