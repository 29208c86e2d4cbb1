"""Put the known faults back, one by one, and check that the tests of each notice.

There are two lists: faults that other packages have, and faults that this package had. Run it with
an installed copy of the package, never in the working tree: it changes files in place. ``--native``
is for faults of the native layer. It builds a copy of the sources for each fault, and needs the
build tools. Numbers and causes as arguments choose some of the faults. ``--list`` shows them, with
their tests.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from mutation import TESTS, Mutation
from own_border import BORDER
from own_data import DATA
from own_native import NATIVE
from own_run import RUN
from own_state import STATE
from peers import MUTATIONS

# Faults that this package had, by cause. Most causes have several instances.
OWN = [*STATE, *BORDER, *NATIVE, *DATA, *RUN]


def selections(chosen: list[Mutation]) -> list[tuple[str, ...]]:
    """The arguments for pytest that select all tests of some faults, in a few runs."""
    listed = dict.fromkeys(test for mutation in chosen for test in mutation.tests)
    together = [Mutation("all", "", "", "", tuple(listed)).selection] if listed else []
    return [*together, *dict.fromkeys(each.selection for each in chosen if not each.tests)]


def failures(selection: tuple[str, ...], timeout: float = 600) -> str:
    """The first test of a selection that fails, or what else ends the tests; "" if they pass."""
    # Isolated, so that Python does not import the working tree.
    command = [sys.executable, "-I", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            [*command, *selection],
            cwd=TESTS.parent,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        return f"no end within {timeout:g} s"
    if done.returncode == 0:
        return ""
    failed = re.findall(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
    if not failed and done.returncode in range(2, 128):
        raise RuntimeError(done.stdout + done.stderr)
    return ", ".join(failed) or f"the end of the process, {done.returncode}"


def try_python(mutation: Mutation, package: Path) -> str:
    """Put a fault into a file of the installed package, and return what notices it."""
    path = package / mutation.file
    text = path.read_text()
    try:
        path.write_text(text.replace(mutation.old, mutation.new))
        return failures(mutation.selection)
    finally:
        path.write_text(text)


def try_native(mutation: Mutation, sources: Path) -> str:
    """Build the package with a fault, install it, and return what notices it."""
    path = sources / "tsnekit" / mutation.file
    text = path.read_text()
    try:
        path.write_text(text.replace(mutation.old, mutation.new))
        install(sources)
        return failures(mutation.selection)
    finally:
        path.write_text(text)


def install(sources: Path) -> None:
    # Without isolation the build's tools stay where they are, and only what changed is compiled.
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall",
         "--no-build-isolation", f"-Cbuild-dir={sources / 'build'}", str(sources)],
        check=True,
    )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faults", nargs="*", help="numbers and causes (default: all)")
    parser.add_argument("--native", action="store_true", help="those of the native layer")
    parser.add_argument("--list", action="store_true", help="show the faults and their tests")
    arguments = parser.parse_args()

    chosen = [
        each for each in MUTATIONS + OWN
        if (arguments.list or each.is_native == arguments.native)
        and (not arguments.faults or str(each.fault) in arguments.faults)
    ]  # fmt: skip
    if arguments.list:
        for mutation in chosen:
            tests = mutation.tests or (f"test_fault_{mutation.fault}_*",)
            print(mutation.title, mutation.file, *tests, sep="\n    ")
        return 0

    import tsnekit

    package = Path(tsnekit.__file__).parent
    if package == TESTS.parent / "tsnekit":
        parser.error("needs an installed copy of the package, not the working tree")
    for selection in selections(chosen):
        failed = failures(selection, timeout=3600)
        if failed:
            parser.error(f"without any fault: {failed}")
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder) / "tsnekit"
        if arguments.native:
            shutil.copytree(
                TESTS.parent, sources, ignore=shutil.ignore_patterns("build", ".git", ".nox")
            )
        for mutation in chosen:
            found = (
                try_native(mutation, sources) if arguments.native else try_python(mutation, package)
            )
            by = f"noticed by {found}" if found else "NOT NOTICED"
            print(f"{mutation.title}: {by}", flush=True)
            if not found:
                missed.append(mutation)
        if arguments.native:
            install(sources)
    for mutation in missed:
        print(f"not noticed: {mutation}")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
