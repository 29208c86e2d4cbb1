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
