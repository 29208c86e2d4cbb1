"""``tsnekit new-plugin``: a new package with a backend that passes its suite as made."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from tsnekit.cli._parser import Parser
from tsnekit.cli._templates import KINDS, PYPROJECT, README, TESTS

__all__ = ["add_parser"]

PREFIX = "tsnekit-"

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")


def add_parser(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the command line."""
    text = "write a new package with a backend, to be changed"
    parser = commands.add_parser(
        "new-plugin", help=text, description=f"{text.capitalize()}. It passes its tests as made."
    )
    parser.add_argument("name", metavar="NAME", help="name of the backend, for users")
    parser.add_argument(
        "--kind", choices=sorted(KINDS), default="affinity", help="kind of the backend"
    )
    parser.add_argument(
        "--folder", metavar="FOLDER", help="where to write it (default tsnekit-NAME)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the package, and say what comes next."""
    name = args.name.removeprefix(PREFIX)
    if not _NAME.fullmatch(name):
        raise ValueError(
            "NAME must begin with a small letter, and consist of small letters, digits, and single "
            f"- or _ between them, got {args.name!r}"
        )
    _check_free(args.kind, name)
    folder = Path(args.folder or PREFIX + name.replace("_", "-"))
    if folder.exists():
        raise ValueError(f"{folder} exists already; give another --folder")
    for file, text in files_of(args.kind, name).items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"wrote {folder}; next:\n")
    print(f'  cd {folder}\n  pip install -e ".[test]"\n  pytest\n  tsnekit check {name}')
    return 0


def files_of(kind: str, name: str) -> dict[str, str]:
    """Return the files of a new package, by their paths.

    Parameters
    ----------
    kind : str
        A key of `tsnekit.cli._templates.KINDS`.
    name : str
        Of the backend, checked.
    """
    template = KINDS[kind]
    words = re.split("[-_]", name)
    values: dict[str, Any] = {
        "name": name,
        "distribution": PREFIX + "-".join(words),
        "module": "_".join(["tsnekit", *words]),
        "class": "".join(map(str.capitalize, words)),
        "function": "_".join(words),
        "imported": "<<function>>" if kind == "metric" else "<<class>>",
        "what": template.what,
        "suite": template.suite,
        "use": template.use,
    }

    def filled(text: str) -> str:
        # In two rounds, since what is filled in may hold names, too.
        for _ in range(2):
            text = re.sub(r"<<(\w+)>>", lambda match: str(values[match[1]]), text)
        return text

    return {
        "pyproject.toml": filled(PYPROJECT),
        "README.md": filled(README),
        f"{values['module']}.py": filled(template.module),
        f"test_{values['function']}.py": filled(TESTS + template.tests),
    }


def _check_free(kind: str, name: str) -> None:
    """Check that no installed backend of this kind has the name, and that it means nothing else."""
    from tsnekit._backends.registry import RESERVED_NAMES, default_registry
    from tsnekit._util.metrics import is_built_in

    registry = default_registry()
    if registry.has(kind, name):
        owner = registry.all(kind)
        origin = next(found.origin for found in owner if name in found.spec.names)
        raise ValueError(f"{kind} {name!r} is a name of {origin} already; choose another name")
    if name in RESERVED_NAMES or (kind == "metric" and is_built_in(name)):
        raise ValueError(f"{name!r} has a meaning in tsnekit already; choose another name")
