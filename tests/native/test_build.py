"""Which native modules the sources use, and that these were built from them."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "tsnekit" / "_native"
KERNEL = "kernels/one.cpp"


def package(folder, *, sources="", modules=False, sums=None):
    """Write the part of the package that finds the native modules, and return its folder."""
    native = folder / "tsnekit" / "_native"
    (native / "kernels").mkdir(parents=True)
    (native.parent / "__init__.py").touch()
    shutil.copy(SOURCES / "__init__.py", native)
    if sources:
        (native / "CMakeLists.txt").touch()
        (native / KERNEL).write_text(sources)
    if modules:
        (native / "system.py").touch()
    if sums is not None:
        digest = hashlib.sha256(sums.encode()).hexdigest()
        (native / "built_from.txt").write_text(f"{digest}  {KERNEL}\n")
    return native


def imported(*folders):
    """Import a native module where Python looks into these folders first."""
    code = "from tsnekit._native import system; print(system.__file__)"
    found = os.pathsep.join(str(each.parents[1]) for each in folders)
    # Without the packages of the environment, where a tsnekit may be installed.
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env=os.environ | {"PYTHONPATH": found, "PYTHONSAFEPATH": "1"},
        cwd=folders[0].parents[1],
        capture_output=True,
        text=True,
    )
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_sources_use_the_modules_that_were_built_from_them(tmp_path):
    sources = package(tmp_path / "clone", sources="int x;")
    build = package(tmp_path / "site", modules=True, sums="int x;")
    assert imported(sources, build) == str(build / "system.py")


def test_sources_without_a_build_say_what_to_do(tmp_path):
    shown = imported(package(tmp_path / "clone", sources="int x;"))
    assert shown.startswith("ImportError: tsnekit is not built: ")
    assert shown.endswith("run `pip install .` in the folder of the sources")


@pytest.mark.parametrize("sums", ["int y;", None], ids=["changed", "unknown"])
def test_a_build_of_other_sources_is_refused(tmp_path, sums):
    sources = package(tmp_path / "clone", sources="int x;")
    build = package(tmp_path / "site", modules=True, sums=sums)
    shown = imported(sources, build)
    named = "built_from.txt" if sums is None else KERNEL
    assert shown.startswith(f"ImportError: the native modules in {build} were not built from")
    assert f"({named} differs); run `pip install .` again" in shown


def test_a_stale_build_beside_its_sources_is_refused(tmp_path):
    assert KERNEL in imported(package(tmp_path, sources="int x;", modules=True, sums="int y;"))


def test_modules_that_were_copied_beside_the_sources_are_used(tmp_path):
    native = package(tmp_path, sources="int x;", modules=True)
    assert imported(native) == str(native / "system.py")


def test_the_tested_build_is_that_of_the_sources():
    """The installed modules, so that no test passes against the kernels of an older build."""
    build = Path(importlib.util.find_spec("tsnekit._native.system").origin).parent
    if not (build / "built_from.txt").exists():
        pytest.skip("the modules were copied without their sums")
    sums = dict(
        reversed(line.split("  ")) for line in (build / "built_from.txt").read_text().splitlines()
    )
    endings = (".cpp", ".hpp", ".pxd", ".pyx")
    there = [path for path in SOURCES.rglob("*") if path.suffix in endings]
    expected = {
        path.relative_to(SOURCES).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in [*there, SOURCES / "CMakeLists.txt"]
    }
    assert sums == expected
