"""Examples in docstrings and on the pages give what they show."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import tsnekit

DOCS = Path(__file__).parents[2] / "docs"
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def modules():
    """All modules with examples; the native ones have none."""
    for module in pkgutil.walk_packages(tsnekit.__path__, "tsnekit."):
        path = Path(module.module_finder.path) / (module.name.rpartition(".")[2] + ".py")
        package = path.with_suffix("") / "__init__.py"
        source = package if module.ispkg else path
        if source.exists() and ">>> " in source.read_text():
            yield module.name


@pytest.mark.parametrize("name", list(modules()))
def test_docstrings(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=OPTIONS)
    assert result.failed == 0


@pytest.mark.parametrize("page", ["quickstart.rst"])
def test_pages(page):
    result = doctest.testfile(str(DOCS / page), module_relative=False, optionflags=OPTIONS)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("name", ["TSNE", "TSNEEmbedding", "PartialTSNEEmbedding", "load"])
def test_what_users_meet_first_has_examples(name):
    assert ">>> " in getattr(tsnekit, name).__doc__


@pytest.mark.parametrize(
    "name", ["PerplexityBasedNN", "MultiscaleMixture", "FixedSigmaNN", "Uniform"]
)
def test_affinities_have_examples(name):
    affinity = importlib.import_module("tsnekit.affinity")
    assert ">>> " in getattr(affinity, name).__doc__
