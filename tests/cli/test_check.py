"""``tsnekit check`` runs the suite of an installed backend and reports what it finds."""

import json
import os
import subprocess
import sys

import pytest

PLUGIN = """
from tsnekit.hookspecs import hookimpl
from tsnekit.plugins.optimizers.momentum import MomentumOptimizer
from tsnekit.specs import NeighborSpec, OptimizerSpec

@hookimpl
def tsnekit_optimizers():
    yield OptimizerSpec(name="leaping", factory="checked:Leaping")

@hookimpl
def tsnekit_neighbor_searches():
    yield NeighborSpec(name="own", factory="checked:Own", metrics=frozenset({"hellinger"}))
    yield NeighborSpec(name="leaping", factory="checked:Own")

class Leaping(MomentumOptimizer):
    def __init__(self, *, leap=0.0):
        super().__init__()
        self.leap = leap

    def step(self, Y, gradient, phase):
        super().step(Y, gradient, phase)
        Y += self.leap

class Own:
    pass
"""


@pytest.fixture(scope="module")
def check(tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    info = folder / "tsnekit_checked-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: tsnekit-checked\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text("[tsnekit]\nchecked = checked\n")
    (folder / "checked.py").write_text(PLUGIN)

    def run(*arguments):
        command = [sys.executable, "-m", "tsnekit.cli", "check", *arguments]
        # The user's configuration of pytest has no say.
        of_user = {"PYTHONPATH": str(folder), "PYTEST_ADDOPTS": "--no-such-option"}
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env=os.environ | of_user,
        )

    return run


def test_a_backend_that_passes(check):
    done = check("leaping", "--kind", "optimizer", "--only", "gradient", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert report["failed"] == {}
    assert "test_no_gradient_no_step" in report["passed"]
    assert (report["distribution"], report["version"]) == ("tsnekit-checked", "0.3")
    assert {"numpy", "scipy", "pytest", "tsnekit"} <= report["versions"].keys()


def test_a_failure_is_shown_with_its_values(check):
    only = "no_gradient_no_step or bound_on_steps"
    done = check("leaping", "--kind", "optimizer", "--options", "leap=0.25", "--only", only)
    assert done.returncode == 1
    assert "tsnekit check: optimizer `leaping` of tsnekit-checked 0.3" in done.stdout
    assert "0 passed, 3 failed" in done.stdout
    assert "### FAILED test_bound_on_steps[0.01]" in done.stdout
    # The assertion has no message: pytest shows the values.
    assert "assert np.float32(" in done.stdout or "assert 0." in done.stdout
    assert "'leap': 0.25" in done.stdout


def test_claims_that_are_not_tested_are_listed(check):
    done = check("own", "--only", "claims_without or is_what")
    assert "### Claims that were NOT tested" in done.stdout
    assert "- metric 'hellinger', which neither SciPy nor scikit-learn defines" in done.stdout
    assert "1 claims not tested" in done.stdout
    assert done.returncode == 1  # it has no method


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["leaping"], "several backends: give --kind neighbors or --kind optimizer"),
        (["gone"], "no backend has the name 'gone'. Registered: accelerated, annoy"),
        (["gone", "--kind", "optimizer"], "optimizer='gone' is not the name of a registered"),
    ],
)
def test_names_that_are_not_clear(check, arguments, message):
    done = check(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
