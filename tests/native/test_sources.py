"""The Cython sources, as the build finds them."""

import re
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "tsnekit" / "_native"
SHARED = {path.stem for path in SOURCES.glob("*.pxd")}


@pytest.mark.parametrize("path", sorted(SOURCES.glob("*.p[yx][xd]")), ids=lambda path: path.name)
def test_shared_declarations_are_found_in_the_package(path):
    """Cython looks beside a source of a package only for relative names."""
    names = re.findall(r"^\s*(?:from\s+(\S+)\s+)?cimport\s+(\S+)", path.read_text(), re.MULTILINE)
    assert not {start or name for start, name in names} & SHARED


def test_there_are_sources_to_look_at():
    assert SHARED
