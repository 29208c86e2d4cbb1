"""The native modules, which a build has and the sources do not have.

In the folder of the sources, Python finds the sources before the installed package. The native
modules of the installed package then serve these sources, if they were built from them.
"""

import hashlib
import sys
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path

SUMS = "built_from.txt"
"""What the build writes beside its modules: the SHA-256 of each source, and its path."""


def _build() -> Path:
    """Return the folder of the native modules: this one, or that of the installed package."""
    name = "tsnekit._native.system"
    found: ModuleSpec | None = find_spec(name)
    if found is None:
        folders = [str(Path(entry, "tsnekit", "_native")) for entry in sys.path]
        found = PathFinder.find_spec(name, folders)
    if found is None or found.origin is None:
        raise ImportError(
            f"tsnekit is not built: {__path__[0]} holds its sources without native modules, and no "
            "tsnekit is installed; run `pip install .` in the folder of the sources"
        )
    return Path(found.origin).parent


def _changed(sources: Path, build: Path) -> str:
    """Return the first source that differs from what was built, or "" if there is none."""
    sums = build / SUMS
    if not sums.is_file():
        # Modules that were copied beside the sources. Those of another folder must prove it.
        return "" if build == sources else SUMS
    for line in sums.read_text(encoding="utf-8").splitlines():
        expected, _, path = line.partition("  ")
        source = sources / path
        if not source.is_file() or hashlib.sha256(source.read_bytes()).hexdigest() != expected:
            return path
    return ""


def _find_modules() -> None:
    """Let Python find the native modules, and check that they fit the sources, if these are here.

    Raises
    ------
    ImportError
        If there are no native modules, or if they were built from other sources.
    """
    sources, build = Path(__path__[0]), _build()
    if (sources / "CMakeLists.txt").is_file():
        changed = _changed(sources, build)
        if changed:
            raise ImportError(
                f"the native modules in {build} were not built from the sources in {sources} "
                f"({changed} differs); run `pip install .` again in the folder of the sources, or "
                "start Python in another folder"
            )
    if str(build) not in __path__:
        __path__.append(str(build))


_find_modules()
