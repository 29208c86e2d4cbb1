"""Fault 28: importing the package is quick, because it imports almost nothing."""

import subprocess
import sys

import pytest

import tsnekit

HEAVY = ("numba", "sklearn", "scipy", "matplotlib", "annoy", "pynndescent", "hnswlib", "pyfftw")


def modules_after(statement):
    code = f"{statement}; import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_fault_28_import_loads_no_backend_and_no_native_module():
    loaded = modules_after("import tsnekit")
    assert not loaded.intersection(HEAVY)
    assert not any(name.startswith("tsnekit._native") for name in loaded)


@pytest.mark.parametrize(
    "module", ["interfaces", "specs", "hookspecs", "_backends.registry", "errors", "cli"]
)
def test_plugin_authors_modules_are_light_too(module):
    assert not modules_after(f"import tsnekit.{module}").intersection(HEAVY)


def test_listing_plugins_imports_no_backend():
    loaded = modules_after(
        "from tsnekit._backends.registry import default_registry\n"
        "default_registry().all('neighbors')"
    )
    assert not loaded.intersection(HEAVY)


@pytest.mark.parametrize("module", sorted(tsnekit._SUBMODULES))
def test_documented_modules_are_attributes(module):
    # In a process of its own, where nothing else has imported it.
    assert f"tsnekit.{module}" in modules_after(f"import tsnekit; tsnekit.{module}")


def test_an_unknown_metric_is_refused_before_anything_slow_is_imported():
    loaded = modules_after(
        "from tsnekit._backends.named import check_metric\n"
        "try:\n"
        "    check_metric('cosin')\n"
        "except ValueError as error:\n"
        "    import tsnekit.errors as refused"
    )
    assert "tsnekit.errors" in loaded
    assert not loaded.intersection({"numba", "pynndescent"})


def test_public_names_resolve_and_unknown_ones_do_not():
    for name in tsnekit.__all__:
        assert getattr(tsnekit, name) is not None
        assert name in dir(tsnekit)
    with pytest.raises(AttributeError, match="no attribute 'tsne_kit'"):
        _ = tsnekit.tsne_kit
