"""``tsnekit check``: the conformance suite of an installed backend, without a test file."""

from __future__ import annotations

import argparse
import json
import platform
from typing import TYPE_CHECKING, Any

from tsnekit.cli._options import option
from tsnekit.cli._parser import Parser

if TYPE_CHECKING:
    from tsnekit._backends.loading import Registered
    from tsnekit.testing._check import Findings

__all__ = ["add_parser"]

FAILED = 1
"""Exit code if a test fails."""

PACKAGES = ("numpy", "scipy", "scikit-learn", "pytest")


def add_parser(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the command line."""
    text = "test everything that an installed backend claims, and report it"
    parser = commands.add_parser("check", help=text, description=f"{text.capitalize()}.")
    parser.add_argument("name", metavar="NAME", help="registered name of the backend")
    parser.add_argument(
        "--kind",
        choices=[
            "neighbors",
            "affinity",
            "initialization",
            "negative_gradient_method",
            "optimizer",
            "forces",
        ],
        help="kind of the backend, if several backends have the name",
    )
    parser.add_argument(
        "--options",
        type=option,
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="options to build it with",
    )
    parser.add_argument(
        "--only", metavar="EXPRESSION", default="", help="tests to run, as pytest -k takes them"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the suite, print the report, and return the exit code."""
    try:
        from tsnekit.testing._check import run_suite
    except ImportError as error:
        raise ValueError(f"check needs {error.name}: pip install 'tsnekit[testing]'") from error
    options = dict(args.options)
    point, found = _find(args.name, args.kind)
    findings = run_suite(point, found.spec.name, options, only=args.only)
    report = _report(point, found, options, findings)
    print(json.dumps(report, indent=2) if args.json else _as_text(report))
    return FAILED if findings.failed else 0


def _find(name: str, kind: str | None) -> tuple[str, Registered]:
    """Return the extension point of a name, and its backend.

    Raises
    ------
    ValueError
        If no backend has the name, or backends of several kinds have it.
    """
    from tsnekit._backends.registry import default_registry
    from tsnekit.errors import UnknownPluginError
    from tsnekit.specs import POINTS

    registry = default_registry()
    if kind is not None:
        return kind, registry.get(kind, name)
    found: dict[str, Registered] = {}
    reasons = []
    for point in POINTS:
        try:
            found[point] = registry.get(point, name)
        except UnknownPluginError as error:
            reasons.append(error)
    if len(found) > 1:
        kinds = " or ".join(f"--kind {point}" for point in found)
        raise ValueError(f"{name!r} is the name of several backends: give {kinds}")
    if not found:
        known = sorted({each.spec.name for point in POINTS for each in registry.all(point)})
        failures = "".join(f". Failed to load: {each}" for each in registry.failures)
        raise ValueError(
            f"no backend has the name {name!r}. Registered: {', '.join(known)}{failures}"
        )
    return next(iter(found.items()))


def _report(
    point: str, found: Registered, options: dict[str, Any], findings: Findings
) -> dict[str, Any]:
    from importlib import metadata

    from tsnekit._native.system import instruction_set
    from tsnekit.cli._inspect import capabilities_of

    def version(distribution: str) -> str:
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            return "unknown"

    names = ["tsnekit", *PACKAGES]
    names += [each.partition(":")[2] or each for each in found.spec.requires]
    return {
        "kind": found.spec.kind,
        "point": point,
        "name": found.spec.name,
        "distribution": found.distribution,
        "version": version("tsnekit") if found.builtin else found.version,
        "options": options,
        "versions": {each: version(each) for each in names},
        "python": platform.python_version(),
        "platform": f"{platform.platform()}, {instruction_set()}",
        "claims": capabilities_of(found.spec),
        "untested": findings.untested,
        "passed": findings.passed,
        "skipped": {
            reason: count
            for reason, count in sorted(findings.skipped.items())
            if not reason.startswith("a claim is not tested")
        },
        "failed": findings.failed,
    }


def _as_text(report: dict[str, Any]) -> str:
    """Return a report in Markdown, to be pasted into an issue."""
    origin = f"{report['distribution']} {report['version'] or ''}".strip()
    failed, untested = report["failed"], report["untested"]
    counts = f"{len(report['passed'])} passed, {len(failed)} failed, "
    counts += f"{sum(report['skipped'].values())} skipped, {len(untested)} claims not tested"
    lines = [f"## tsnekit check: {report['kind']} `{report['name']}` of {origin}", "", counts, ""]
    lines += [f"- {name} {version}" for name, version in report["versions"].items()]
    lines += [f"- Python {report['python']}, {report['platform']}"]
    lines += [f"- options: {report['options']}"] if report["options"] else []
    claims = [f"{name}: {json.dumps(claim)}" for name, claim in report["claims"].items() if claim]
    lines += ["", "### Claims", "", *(f"- {each}" for each in claims or ["none"])]
    if untested:
        lines += ["", "### Claims that were NOT tested", "", *(f"- {each}" for each in untested)]
    if report["skipped"]:
        lines += ["", "### Tests that do not apply", ""]
        lines += [f"- {reason} ({count})" for reason, count in report["skipped"].items()]
    for name, text in failed.items():
        lines += ["", f"### FAILED {name}", "", "```", text.strip(), "```"]
    return "\n".join(lines)
