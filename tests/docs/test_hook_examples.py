"""The example plugins of the documentation pass the conformance suites when they are installed."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "plugins" / "examples"
SUITES = {
    "pairs": "NeighborSearchConformance",
    "cauchy": "AffinityKernelConformance",
    "projection": "InitializerConformance",
    "dense": "GradientMethodConformance",
    "nesterov": "OptimizerConformance",
    "disc": "ForceTermConformance",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return a folder with a distribution that has the examples as entry points."""
    folder = tmp_path_factory.mktemp("site")
    info = folder / "tsnekit_examples-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tsnekit-examples\nVersion: 1.0\n")
    entries = "\n".join(f"{path.stem} = {path.stem}" for path in EXAMPLES.glob("*.py"))
    (info / "entry_points.txt").write_text(f"[tsnekit]\n{entries}\n")
    for path in EXAMPLES.glob("*.py"):
        (folder / path.name).write_text(path.read_text())
    return folder


def run(site, program):
    program = f"import sys; sys.path.insert(0, {str(site)!r})\n{program}"
    command = [sys.executable, "-I", "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=site)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_there_is_an_example_of_each_kind():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {f"tsnekit_{name}" for name in SUITES}


@pytest.mark.parametrize("name", SUITES)
def test_conformance(site, name):
    tests = site / f"test_{name}.py"
    suite = SUITES[name]
    lines = [
        f"from tsnekit.testing import {suite}",
        f"class TestIt({suite}):",
        f"  name = {name!r}",
    ]
    if name == "pairs":
        lines.append("  cost_tolerance = 4.0")  # for other processors, and busy ones
    tests.write_text("\n".join(lines))
    options = ["-q", "-p", "no:cacheprovider", "-W", "error", str(tests)]
    output = run(site, f"import pytest; sys.exit(pytest.main({options!r}))")
    assert "passed" in output
    assert "failed" not in output


def test_all_six_make_a_map(site):
    program = r"""
import numpy as np
from tsnekit import TSNE

X = np.random.default_rng(0).normal(size=(200, 5))
embedding = TSNE(
    neighbors="pairs", affinity="cauchy", initialization="projection",
    negative_gradient_method="dense", optimizer="nesterov", forces=("disc", {"radius": 5.0}),
    n_iter=50, random_state=0,
).fit(X)
assert np.isfinite(np.asarray(embedding)).all()
print(*(f"{choice.name} of {choice.origin}" for choice in embedding.backends.values()), sep="\n")
"""
    found = run(site, program).splitlines()
    assert sorted(found) == sorted(f"{name} of tsnekit-examples 1.0" for name in SUITES)
