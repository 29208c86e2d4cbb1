"""The folders are the architecture: the rule of underscores, the tree in the documentation."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tsnekit"
API = ROOT / "docs" / "api"
SOURCES = (".py", ".pyx", ".pxd", ".cpp", ".hpp")
MAX_LINES = 450


def modules():
    """Every Python module, as a path below the package."""
    return sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def is_private(module):
    parts = (*module.parent.parts, module.stem)
    return any(part.startswith("_") and not part.startswith("__") for part in parts)


def described():
    """Modules with a page, and modules that have a class or function on a page."""
    text = "\n".join(page.read_text() for page in API.glob("*.rst"))
    pages = set(re.findall(r"^\.\. module:: (\S+)$", text, flags=re.MULTILINE))
    members = re.findall(r"^\.\. auto\w+:: (tsnekit\.\S+)$", text, flags=re.MULTILINE)
    return pages, {name.rpartition(".")[0] for name in members}


def test_what_has_no_underscore_is_documented():
    pages, members = described()
    for module in modules():
        if is_private(module) or module.stem == "__main__":
            continue
        parts = (
            module.parent.parts
            if module.stem == "__init__"
            else (*module.parent.parts, module.stem)
        )
        name = ".".join(("tsnekit", *parts))
        if parts[:1] == ("plugins",):
            # A folder of backends is documented if its backends are.
            assert name in members or module.stem == "__init__", f"{name} is not in docs/api"
        elif parts[:1] == ("testing",):
            assert "tsnekit.testing" in pages
        else:
            assert name in pages, f"{name} has no page in docs/api"


def test_what_has_a_page_has_no_underscore():
    pages, members = described()
    assert not [name for name in pages | members if "._" in name]


def tree():
    """Files and folders that the page on the architecture shows."""
    text = (ROOT / "docs" / "architecture.rst").read_text()
    block = re.search(r"^   tsnekit/\n((?:     .*\n)+)", text, flags=re.MULTILINE)[1]
    shown, folders = set(), {}
    for line in block.splitlines():
        depth = (len(line) - len(line.lstrip()) - 5) // 2
        words = line.split()
        inside = Path(*(folders[level] for level in sorted(folders) if level < depth))
        if words[0].endswith("/"):
            folders = {level: name for level, name in folders.items() if level < depth}
            folders[depth] = words.pop(0)
            inside = Path(inside, folders[depth])
            shown.add(inside)
        elif depth not in folders:
            folders = {level: name for level, name in folders.items() if level < depth}
        if depth > len(folders) + 1:  # a line that continues the line before
            inside = Path(*folders.values())
        shown |= {inside / word for word in words if re.fullmatch(r"\w+\.py", word)}
        if inside.name == "kernels":
            shown |= {inside / word for word in words if re.fullmatch(r"\w+/", word)}
    return shown


def test_the_page_on_the_architecture_shows_the_folders_and_files_that_there_are():
    with_content = ("", "_native")
    there = {
        module
        for module in modules()
        if module.stem != "__init__" or module.parent in map(Path, with_content)
    }
    folders = {parent for module in modules() for parent in module.parents} - {Path(".")}
    kernels = {path.relative_to(PACKAGE) for path in (PACKAGE / "_native/kernels").iterdir()}
    native = {Path("_native"), Path("_native/kernels")}
    assert tree() == there | folders | kernels | native


@pytest.mark.parametrize("ending", SOURCES)
def test_files_have_one_idea_each(ending):
    for path in PACKAGE.rglob(f"*{ending}"):
        lines = len(path.read_text().splitlines())
        assert lines <= MAX_LINES, f"{path.relative_to(ROOT)} has {lines} lines"


def test_the_page_shows_the_layers_that_are_checked():
    """The layers in pyproject.toml are those in the documentation."""
    settings = (ROOT / "pyproject.toml").read_text()
    layers = re.search(r"layers = \[\n(.*?)\]", settings, flags=re.DOTALL)[1]
    checked = [re.findall(r"tsnekit\.(\w+)", line) for line in layers.splitlines()]
    page = (ROOT / "docs" / "architecture.rst").read_text()
    block = re.search(r"     cli\n(?:     .*\n)+", page)[0]
    assert [line.strip().split(", ") for line in block.splitlines()] == checked
