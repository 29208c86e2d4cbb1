"""Run the suite of an installed backend without a test file, and report what came of it."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tsnekit.testing import _rewrite_assertions

__all__ = ["UNTESTED", "Findings", "run_suite"]

UNTESTED = "a claim is not tested: "
"""How the reason begins for which a claim was not tested."""

SUITES = {
    "neighbors": "NeighborSearchConformance",
    "affinity": "AffinityKernelConformance",
    "initialization": "InitializerConformance",
    "negative_gradient_method": "GradientMethodConformance",
    "optimizer": "OptimizerConformance",
    "forces": "ForceTermConformance",
}


@dataclass
class Findings:
    """What came of the tests of a suite.

    Parameters
    ----------
    passed : list of str
        Names of tests.
    failed : dict of str to str
        What went wrong, by the name of the test.
    skipped : Counter of str
        How many tests were skipped for each reason.
    """

    passed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)

    @property
    def untested(self) -> list[str]:
        """The claims that were not tested."""
        reasons = sorted(self.skipped)
        return [each.removeprefix(UNTESTED) for each in reasons if each.startswith(UNTESTED)]

    def pytest_configure(self) -> None:
        """Register the suites now that pytest can rewrite them."""
        _rewrite_assertions()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the report of a test."""
        name = report.nodeid.rpartition("::")[2]
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            text = str(report.longrepr) if crash is None else crash.message
            where = "" if crash is None else f"\n({Path(crash.path).name}:{crash.lineno})"
            self.failed[name] = f"{text}{where}"
        elif report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else "no reason"
            self.skipped[str(reason).removeprefix("Skipped: ")] += 1
        elif report.when == "call":
            self.passed.append(name)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take an error that came before any test."""
        if report.failed:
            self.failed["collection"] = str(report.longrepr)


def run_suite(point: str, name: str, options: Mapping[str, Any], *, only: str = "") -> Findings:
    """Run the conformance suite of a registered backend.

    Parameters
    ----------
    point : str
        The extension point.
    name : str
    options : mapping
        Options to build the backend with.
    only : str, default=""
        An expression that chooses tests, as ``pytest -k`` reads it.

    Returns
    -------
    Findings
    """
    findings, suite = Findings(), SUITES[point]
    source = (
        f"from tsnekit.testing import {suite}\n\n\n"
        f"class TestBackend({suite}):\n"
        f"    name = {name!r}\n"
        f"    options = {dict(options)!r}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "test_backend.py"
        file.write_text(source, encoding="utf-8")
        config = Path(folder) / "pytest.ini"
        config.write_text("[pytest]\n", encoding="utf-8")
        arguments = [str(file), "-c", str(config), "--rootdir", folder, "--noconftest", "-q"]
        arguments += ["-p", "no:cacheprovider", *(["-k", only] if only else [])]
        # The user's own configuration and plugins of pytest have no say here.
        alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "PYTEST_PLUGINS": ""}
        with mock.patch.dict(os.environ, alone), contextlib.redirect_stdout(io.StringIO()) as said:
            code = pytest.main(arguments, plugins=[findings])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and not findings.failed:
        findings.failed["pytest"] = f"ended with {code!r}: {said.getvalue()[-500:]}"
    return findings
