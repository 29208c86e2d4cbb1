"""Every public name is in the documentation."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import tsnekit
from tsnekit import hookspecs
from tsnekit._backends.registry import default_registry
from tsnekit.specs import NAMED, POINTS

DOCS = Path(__file__).parents[2] / "docs"
# The built-in backends are documented one by one, see below.
PUBLIC = (
    "tsnekit",
    *(
        f"tsnekit.{module.name}"
        for module in pkgutil.iter_modules(tsnekit.__path__)
        if not module.name.startswith("_") and module.name != "plugins"
    ),
)


def public_names(module):
    """Names that a module offers: its `__all__`, or else the hooks and their marker."""
    names = getattr(importlib.import_module(module), "__all__", None)
    if names is None:
        names = [name for name in dir(hookspecs) if name.startswith("tsnekit_")] + ["hookimpl"]
    return [f"{module}.{name}" for name in names]


def documented_names():
    """Full names of all objects that the pages of the reference describe."""
    found = set()
    for page in (DOCS / "api").glob("*.rst"):
        module = ""
        for line in page.read_text().splitlines():
            if current := re.match(r"\.\. module:: (\S+)", line):
                module = current[1] + "."
            elif described := re.match(r"\.\. (?:auto\w+|data):: (\S+)$", line):
                name = described[1]
                found.add(name if name.startswith("tsnekit.") else module + name)
    return found


def documented_pages():
    return {page: page.read_text() for page in DOCS.rglob("*.rst")}


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_in_the_reference(module):
    # A name may be described under the module that users import it from.
    documented = documented_names()
    described = {getattr_by_path(name) for name in documented if not name.endswith("hookimpl")}
    for name in public_names(module):
        if name == "tsnekit.__version__":
            assert f"``{name}``" in (DOCS / "api" / "index.rst").read_text()
            continue
        found = getattr_by_path(name)
        by_identity = isinstance(found, type) and found in described
        assert name in documented or by_identity, f"{name} is not in docs/api"


def getattr_by_path(name):
    module, _, attribute = name.rpartition(".")
    found = getattr(importlib.import_module(module), attribute)
    return found if inspect.isclass(found) or inspect.isfunction(found) else name


def test_every_page_of_the_reference_is_of_a_public_module():
    modules = {
        line.split(":: ")[1]
        for text in documented_pages().values()
        for line in text.splitlines()
        if line.startswith(".. module:: ")
    }
    assert modules <= set(PUBLIC)


def test_every_built_in_backend_is_in_the_reference():
    documented = documented_names()
    for point in POINTS:
        for found in default_registry().all(point):
            if found.builtin:
                assert found.spec.factory.replace(":", ".") in documented


@pytest.mark.parametrize("spec", [*POINTS.values(), *NAMED.values()])
def test_exact_signature_of_every_hook_is_in_the_plugin_pages(spec):
    hook = getattr(hookspecs, spec.hook)
    signature = f"def {spec.hook}{inspect.signature(hook)}".replace("'", "")
    text = (DOCS / "plugins" / "hooks.rst").read_text()
    assert re.search(rf"^ +{re.escape(signature)}$", text, flags=re.MULTILINE), signature


@pytest.mark.parametrize("kind", ["Spec", "Search", "Kernel", "Initializer", "Method", "Optimizer"])
def test_the_pages_mention_what_plugins_are_made_of(kind):
    text = "".join(page.read_text() for page in (DOCS / "plugins").glob("*.rst"))
    assert kind in text


def test_every_parameter_of_tsne_is_in_the_parameter_guide():
    from tsnekit import TSNE

    text = (DOCS / "parameters.rst").read_text()
    for name in inspect.signature(TSNE).parameters:
        assert f"``{name}``" in text, f"{name} is not in docs/parameters.rst"


def test_every_page_can_be_reached():
    pages = documented_pages()
    reachable = {DOCS / "index.rst"}
    waiting = list(reachable)
    while waiting:
        page = waiting.pop()
        for block in re.findall(r"\.\. toctree::\n((?:\s+.*\n|\n)*)", pages[page] + "\n"):
            for entry in re.findall(r"^ +([\w/]+)$", block, flags=re.MULTILINE):
                target = page.parent / f"{entry}.rst"
                if target in pages and target not in reachable:
                    reachable.add(target)
                    waiting.append(target)
    generated = {"auto_examples", "generated", "_build"}
    lost = {
        page.name
        for page in set(pages) - reachable
        if not generated & set(page.relative_to(DOCS).parts) and "sg_execution" not in page.name
    }
    assert not lost


def test_the_anchors_of_modules_are_on_something_that_html_has():
    """Sphinx drops the anchor of a module whose description begins with a table of names."""
    for page in (DOCS / "api").glob("*.rst"):
        assert not re.search(r"^\.\. module:: \S+\n\n\.\. autosummary::", page.read_text(), re.M), (
            page
        )
