"""``tsnekit plugins`` and ``tsnekit info``: what is installed and what runs here."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import warnings
from typing import Any

from tsnekit.cli._parser import Parser

__all__ = ["add_parsers", "capabilities_of"]


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the commands to the command line."""
    for name, run, text in (
        ("plugins", run_plugins, "list every backend, where it comes from and what it can do"),
        ("info", run_info, "show versions, threads and instruction set"),
    ):
        parser = commands.add_parser(name, help=text, description=f"{text.capitalize()}.")
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.set_defaults(run=run)


def run_plugins(args: argparse.Namespace) -> int:
    """List the backends."""
    found = _describe_plugins()
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    columns = ("kind", "name", "aliases", "distribution", "version", "available", "capabilities")
    rows: list[tuple[str, ...]] = [columns]
    for backend in found["backends"]:
        # If a backend is not available, the reason takes the place of its capabilities.
        shown = backend if backend["available"] else backend | {"capabilities": backend["missing"]}
        rows.append(tuple(_cell(shown[name]) for name in columns))
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print("  ".join([*cells, row[-1]]).rstrip())
    for failure in found["failures"]:
        print(f"failed: {failure['plugin']} of {failure['distribution']}: {failure['error']}")
    for distribution in found["left_out"]:
        print(f"left out: {distribution}, which TSNEKIT_LOAD_PLUGINS does not name")
    return 0


def capabilities_of(spec: Any) -> dict[str, Any]:
    """Return what a spec claims, by field, as JSON can hold it."""
    from tsnekit._files.values import to_plain
    from tsnekit.specs import Spec

    common = {field.name for field in dataclasses.fields(Spec)}
    return {
        field.name: to_plain(getattr(spec, field.name), field.name)
        for field in dataclasses.fields(spec)
        if field.name not in common
    }


def _describe_plugins() -> dict[str, Any]:
    from importlib import metadata

    from tsnekit._backends.registry import default_registry
    from tsnekit.errors import PluginConflictError, PluginWarning
    from tsnekit.specs import NAMED, POINTS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # the list shows these failures
        registry = default_registry()
    backends = []
    for point, kind in (POINTS | NAMED).items():
        for found in registry.all(point):
            capabilities = capabilities_of(found.spec)
            missing = list(found.spec.missing())
            for name in found.spec.names:
                try:
                    registry.get(point, name)
                except PluginConflictError as error:
                    missing.append(str(error))
            backends.append(
                {
                    "point": point,
                    "kind": kind.kind,
                    "name": found.spec.name,
                    "aliases": list(found.spec.aliases),
                    "distribution": found.distribution,
                    "version": metadata.version("tsnekit") if found.builtin else found.version,
                    "summary": found.spec.summary,
                    "capabilities": capabilities,
                    "available": not missing,
                    "missing": missing,
                }
            )
    return {
        "backends": backends,
        "failures": [dataclasses.asdict(failure) for failure in registry.failures],
        "left_out": list(registry.left_out),
    }


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        claims = [_claim(name, claim) for name, claim in value.items()]
        return ", ".join(filter(None, claims))
    if isinstance(value, list):
        return ", ".join(value) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _claim(name: str, claim: Any) -> str:
    if claim is None and name == "n_components":
        return "n_components=any"
    if claim is None or claim is False or claim == []:
        return ""
    if claim is True:
        return name
    if isinstance(claim, list | tuple):
        return f"{name}={'/'.join(map(str, claim))}"
    return name if isinstance(claim, str) else f"{name}={claim}"


def run_info(args: argparse.Namespace) -> int:
    """Show what runs here."""
    info = _describe_machine()
    if args.json:
        print(json.dumps(info, indent=2))
        return 0
    for name, value in info.items():
        if isinstance(value, dict):
            value = "  ".join(f"{key} {each}" for key, each in value.items())
        print(f"{name:<17}{value}")
    return 0


def _describe_machine() -> dict[str, Any]:
    from importlib import metadata

    from tsnekit._native.system import has_threads, instruction_set, loading
    from tsnekit._util.threads import resolve_n_jobs

    def version(distribution: str) -> str:
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            return "not installed"

    names = ("numpy", "scipy", "scikit-learn", "annoy", "pynndescent", "hnswlib", "pyfftw")
    return {
        "tsnekit": version("tsnekit"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "threads": resolve_n_jobs(-1) if has_threads() else "1, the build has no threads",
        "processors": os.cpu_count(),
        "instruction set": instruction_set(),
        "loads points": loading().replace("_", " "),
        "packages": {name: version(name) for name in names},
    }
