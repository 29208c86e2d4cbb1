import dataclasses

import numpy as np
import pytest

from tsnekit.interfaces import InitSource, RepulsionProblem, SearchProblem
from tsnekit.specs import POINTS, GradientSpec, InitializerSpec, NeighborSpec


def has_only_chebyshev(name, sparse):
    return name == "chebyshev" and not sparse


def takes_named_functions(metric):
    return metric.__name__ != "<lambda>"


def search(**facts):
    return SearchProblem(**({"n_samples": 10, "n_features": 2} | facts))


@pytest.mark.parametrize("spec", POINTS.values())
def test_specs_are_frozen_and_keyword_only(spec):
    made = spec(name="x", factory="os.path:join")
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.name = "y"
    with pytest.raises(TypeError):
        spec("x", "os.path:join")


def test_defaults_claim_as_little_as_possible():
    spec = NeighborSpec(name="x", factory="os.path:join")
    assert spec.unmet(search()) == ()
    assert "metric 'cosine' is not among its metrics" in spec.unmet(search(metric="cosine"))[0]
    assert "sparse" in spec.unmet(search(sparse=True))[0]
    assert "function" in spec.unmet(search(metric=lambda a, b: 0.0))[0]
    assert "metric_params" in spec.unmet(search(metric_params={"p": 3}))[0]
    assert "new rows" in spec.unmet(search(needs_query=True))[0]


def test_metrics_may_be_asked_of_the_backend():
    spec = NeighborSpec(
        name="x", factory="m:f", metrics=f"{__name__}:has_only_chebyshev", sparse=True
    )
    assert spec.unmet(search(metric="chebyshev")) == ()
    assert spec.unmet(search(metric="chebyshev", sparse=True)) == (
        "metric 'chebyshev' is not among its metrics for sparse data",
    )
    assert spec.unmet(search())


def test_metric_functions_may_be_judged_one_by_one():
    spec = NeighborSpec(
        name="x", factory="m:f", callable_metrics=f"{__name__}:takes_named_functions"
    )
    assert spec.unmet(search(metric=has_only_chebyshev)) == ()
    assert "cannot be compiled" in spec.unmet(search(metric=lambda a, b: 0.0))[0]


def test_missing_requirements_come_with_the_command_that_installs_them():
    spec = GradientSpec(name="x", factory="m:f", requires=("nosuch:no-such-dist", "os"))
    problem = RepulsionProblem(n_samples=5, n_components=2)
    assert spec.unmet(problem) == ("needs nosuch: pip install no-such-dist",)


def test_gradient_refusals():
    spec = GradientSpec(name="x", factory="m:f", max_samples=100)
    assert spec.unmet(RepulsionProblem(n_samples=100, n_components=2)) == ()
    problem = RepulsionProblem(
        n_samples=101, n_components=3, dof=0.5, reference=np.zeros((1, 3), np.float32)
    )
    assert len(spec.unmet(problem)) == 4


def test_initializer_refusals():
    spec = InitializerSpec(name="x", factory="m:f", needs_data=True)
    assert spec.unmet(InitSource(n_samples=3)) == ("needs the data matrix X",)
    assert spec.unmet(InitSource(n_samples=3, data=np.zeros((3, 2)))) == ()


@pytest.mark.parametrize(
    ("spec", "fields", "error", "message"),
    [
        (NeighborSpec, {"name": None}, TypeError, r"NeighborSpec\.name must be a string, got None"),
        (NeighborSpec, {"name": " "}, ValueError, r"NeighborSpec\.name must not be empty, got ' '"),
        (NeighborSpec, {"factory": None}, TypeError, r"'x'\)\.factory must be a string, got None"),
        (NeighborSpec, {"factory": "m"}, ValueError, r"'x'\)\.factory must be a dotted path such"),
        (NeighborSpec, {"factory": "m:"}, ValueError, r"factory must be a dotted path.*, got 'm:'"),
        (NeighborSpec, {"factory": "a b:c"}, ValueError, "factory must be a dotted path such as"),
        (NeighborSpec, {"aliases": "abc"}, TypeError, "aliases must be a collection of strings, "),
        (NeighborSpec, {"aliases": None}, TypeError, "aliases must be a collection of strings, "),
        (NeighborSpec, {"aliases": (3,)}, TypeError, "each of .*aliases must be a string, got 3"),
        (NeighborSpec, {"aliases": ("x",)}, ValueError, "aliases must differ from name, got 'x'"),
        (NeighborSpec, {"aliases": ("a", "a")}, ValueError, "aliases must all be different"),
        (NeighborSpec, {"summary": None}, TypeError, "summary must be a string, got None"),
        (NeighborSpec, {"requires": "os"}, TypeError, "requires must be a collection of strings, "),
        (NeighborSpec, {"requires": ("a:",)}, ValueError, "each of .*requires must be 'module' or"),
        (NeighborSpec, {"metrics": "cosine"}, ValueError, "metrics must be a dotted path such as"),
        (NeighborSpec, {"metrics": None}, TypeError, "metrics must be a collection of strings"),
        (NeighborSpec, {"metrics": {1, 2}}, TypeError, "each of .*metrics must be a string, got 1"),
        (NeighborSpec, {"callable_metrics": "yes"}, ValueError, "callable_metrics must be a"),
        (NeighborSpec, {"callable_metrics": 1}, TypeError, "callable_metrics must be True or"),
        (NeighborSpec, {"cost": "seconds"}, ValueError, "cost must be a dotted path such as"),
        (NeighborSpec, {"cost": 3.0}, TypeError, "cost must be a string, got 3.0"),
        (NeighborSpec, {"sparse": "no"}, TypeError, "sparse must be True or False, got 'no'"),
        (NeighborSpec, {"exact": None}, TypeError, "exact must be True or False, got None"),
        (NeighborSpec, {"recall": 90}, ValueError, "recall must be at most 1, got 90"),
        (NeighborSpec, {"recall": "high"}, TypeError, "recall must be a real number, got 'high'"),
        (InitializerSpec, {"needs_data": "X"}, TypeError, "needs_data must be True or False"),
        (GradientSpec, {"n_components": 2}, TypeError, "n_components must be a tuple of integers "),
        (GradientSpec, {"n_components": "12"}, TypeError, "n_components must be a tuple of int"),
        (GradientSpec, {"n_components": (0,)}, ValueError, "each of .*n_components must be at lea"),
        (GradientSpec, {"max_samples": 0}, ValueError, "max_samples must be at least 1, got 0"),
        (GradientSpec, {"any_dof": 1}, TypeError, "any_dof must be True or False, got 1"),
    ],
)
def test_fields_are_checked_when_a_spec_is_made(spec, fields, error, message):
    with pytest.raises(error, match=message):
        spec(**({"name": "x", "factory": "m:f"} | fields))


def test_collections_become_what_the_fields_are():
    spec = NeighborSpec(name="x", factory="m:f", aliases=["y"], metrics=["l2"], requires=["os"])
    assert (spec.aliases, spec.metrics, spec.requires) == (("y",), frozenset({"l2"}), ("os",))
    assert hash(spec) == hash(dataclasses.replace(spec))


def test_a_package_whose_import_fails_is_not_installed(tmp_path, monkeypatch):
    (tmp_path / "fails_on_import").mkdir()
    (tmp_path / "fails_on_import" / "__init__.py").write_text("raise SystemExit('no driver')")
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = GradientSpec(name="x", factory="m:f", requires=("fails_on_import.part",))
    problem = RepulsionProblem(n_samples=5, n_components=2)
    assert spec.unmet(problem) == ("needs fails_on_import.part: pip install fails_on_import.part",)
