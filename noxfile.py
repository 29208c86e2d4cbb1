#!/usr/bin/env python
# /// script
# dependencies = ["nox"]
# ///
"""Checks that take longer than a test run, or need their own builds.

``nox -s tests-3.12``, for example; ``nox -l`` lists all. Arguments after ``--`` go to pytest.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.needs_version = ">=2024.10.9"

PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]
PYPROJECT = nox.project.load_toml("pyproject.toml")
PROJECT = PYPROJECT["project"]
PIP = "pip>=23.1"  # the first version with the option -C
# Tests of native memory and threads; the rest of the suite runs on the same kernels.
NATIVE = ["tests/native", "tests/plugins/gradients", "tests/test_degenerate.py"]


def install(session: nox.Session, build: str, *options: str, compiler: str | None = None) -> None:
    """Build the package into a folder of its own, and install it with what its tests need."""
    defined = (f"-Ccmake.define.{option}" for option in options)
    environment = {} if compiler is None else {"CXX": compiler}
    session.install(PIP)
    session.install(".[test]", f"-Cbuild-dir=build/{build}", *defined, env=environment)


@nox.session(python=PYTHONS, default=True)
def tests(session: nox.Session) -> None:
    """Run the tests on each version of Python."""
    install(session, f"tests-{session.python}")
    session.run("pytest", *session.posargs)


@nox.session(python="3.11", default=False)
def random(session: nox.Session) -> None:
    """Run the tests with other examples of Hypothesis in every run."""
    install(session, "tests-3.11")
    session.run("pytest", *session.posargs, env={"TSNEKIT_HYPOTHESIS": "random"})


@nox.session(python=PYTHONS[0], default=False)
def oldest(session: nox.Session) -> None:
    """Run the tests on the oldest versions of everything that pyproject.toml allows."""
    extras = PROJECT["optional-dependencies"]
    requirements = PROJECT["dependencies"] + extras["testing"] + extras["test"]
    others = [each for each in requirements if not each.startswith("tsnekit[")]
    oldest_allowed = [re.sub(">=", "==", each, count=1) for each in others]
    # Annoy and hnswlib are built from source, and need parts that newer setuptools do not have.
    session.install(PIP, "setuptools<81", "wheel", "pybind11")
    session.install(*oldest_allowed)
    session.install(".", "--no-deps", f"-Cbuild-dir=build/oldest-{session.python}")
    session.run("pip", "check")
    # Old packages use functions that newer versions of their requirements have deprecated.
    session.run("pytest", "-W", "ignore::DeprecationWarning", *session.posargs)


@nox.session(python="3.11", default=False)
def clang(session: nox.Session) -> None:
    """Run the native tests as built by clang."""
    install(session, "clang", compiler="clang++")
    session.run("pytest", *(session.posargs or NATIVE))


@nox.session(python="3.11", default=False)
def debug(session: nox.Session) -> None:
    """Run the tests with bounds checks in Cython and in the C++ standard library."""
    install(session, "debug", "TSNEKIT_CHECKED=ON")
    session.run("pytest", *session.posargs)


@nox.session(python="3.11", default=False)
def sanitize(session: nox.Session) -> None:
    """Run the native tests and the fuzzer under AddressSanitizer and UBSan."""
    install(session, "sanitize", "TSNEKIT_SANITIZE=address,undefined")
    environment = {
        "LD_PRELOAD": runtime("libasan.so", "libubsan.so"),
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "TSNEKIT_FUZZ_SECONDS": "120",
    }
    # Reports go to the terminal, even if one of them ends the process.
    arguments = session.posargs or ["--capture=sys", *NATIVE, "tests/fuzz"]
    arguments = ["--numprocesses=0", *arguments]
    # hnswlib allocates the results of knn_query by new[] and frees them by delete. This fault of
    # hnswlib is the only reason to switch the check off for some tests.
    for names, mismatch in (("not hnsw", 1), ("hnsw", 0)):
        # The interpreter leaves memory to the operating system when it ends.
        environment["ASAN_OPTIONS"] = (
            f"detect_leaks=0:allocator_may_return_null=1:alloc_dealloc_mismatch={mismatch}"
        )
        # pytest returns 5 if none of the chosen tests has this name.
        session.run("pytest", *arguments, "-k", names, env=environment, success_codes=[0, 5])


@nox.session(python="3.11", default=False)
def tsan(session: nox.Session) -> None:
    """Run the threaded kernels under ThreadSanitizer."""
    install(session, "tsan", "TSNEKIT_SANITIZE=thread")
    environment = {
        "LD_PRELOAD": runtime("libtsan.so"),
        # Races in extensions of other packages are ignored. A race in tsnekit ends the run.
        "TSAN_OPTIONS": "halt_on_error=1:ignore_noninstrumented_modules=1:exitcode=66",
    }
    session.run("python", "tests/fuzz/race.py", env=environment)


@nox.session(python="3.11", default=False)
def fuzz(session: nox.Session) -> None:
    """Throw random arrays at the native entry points for some minutes."""
    install(session, "tests-3.11")
    seconds = session.posargs[0] if session.posargs else "300"
    session.run("pytest", "tests/fuzz", env={"TSNEKIT_FUZZ_SECONDS": seconds})


@nox.session(python="3.11", default=False)
def leaks(session: nox.Session) -> None:
    """Check that the memory of the process does not grow over 1,000 fits."""
    install(session, "tests-3.11")
    session.run("python", "tests/fuzz/leaks.py", "1000")


@nox.session(python="3.11", default=False)
def faults(session: nox.Session) -> None:
    """Put back each known fault, of other packages and of tsnekit; check that its tests fail."""
    install(session, "tests-3.11")
    if "--native" in session.posargs:
        session.install(*PYPROJECT["build-system"]["requires"], "cmake", "ninja")
    session.run("python", "tests/faults/mutations.py", *session.posargs)


def runtime(*names: str) -> str:
    """Return the paths of the libraries of a sanitizer, for LD_PRELOAD."""
    compiler = os.environ.get("CXX", "g++")
    paths = []
    for name in names:
        shown = subprocess.run(
            [compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True
        )
        path = Path(shown.stdout.strip())
        if not path.is_absolute():
            sys.exit(f"{compiler} has no {name}")
        paths.append(str(path))
    return " ".join(paths)


if __name__ == "__main__":
    nox.main()
