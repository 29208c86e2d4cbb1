"""The declaration of the parameters of descent, and everything that has to agree with it."""

import inspect

import pytest

import tsnekit.sklearn
from tsnekit import TSNE, TSNEEmbedding
from tsnekit._descent.parameters import DescentParameters, lists_parameters

DEFAULTS = DescentParameters.defaults()


def defaults_of(function):
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


@pytest.mark.parametrize("function", [TSNE, TSNEEmbedding, tsnekit.sklearn.TSNE])
def test_explicit_signatures_have_the_declared_defaults(function):
    explicit = defaults_of(function)
    shared = explicit.keys() & DEFAULTS
    assert len(shared) >= 5
    for name in shared:
        assert explicit[name] == DEFAULTS[name], name
        assert type(explicit[name]) is type(DEFAULTS[name]), name


def test_the_facade_has_all_parameters_and_momentum_by_phase():
    explicit = defaults_of(TSNE)
    assert set(DEFAULTS) - set(explicit) == {"momentum"}
    assert explicit["initial_momentum"] == explicit["final_momentum"] == DEFAULTS["momentum"]


def test_transform_declares_the_parameters_that_new_points_do_not_take_from_the_map():
    explicit = defaults_of(TSNEEmbedding.transform)
    kept = set(DescentParameters().of_new_points())
    assert set(DEFAULTS) - kept - set(explicit) == {
        "momentum",
        # The phases of new points have a given length each, and the exaggeration drops at once.
        "fade",
        "tolerance",
        "callbacks",
        "callbacks_every_iters",
    }
    assert not kept & set(explicit)
    assert explicit["initial_momentum"] == explicit["final_momentum"] == DEFAULTS["momentum"]


def test_every_parameter_is_documented_where_it_is_taken():
    described = inspect.getdoc(TSNEEmbedding.optimize)
    for name, default in DEFAULTS.items():
        meaning = DescentParameters.declaration(name).meaning
        assert f"- ``{name}``, " in described
        flat = " ".join(described.split())
        assert f"default {default!r}: {meaning}." in flat
    assert "{parameters}" not in described
    assert max(map(len, described.splitlines())) <= 100
    facade = inspect.getdoc(TSNE)
    for name in defaults_of(TSNE).keys() & DEFAULTS:
        assert name in facade, name


def test_functions_without_docstrings_stay_as_they_are():
    def function():
        pass

    assert lists_parameters(function) is function
    assert function.__doc__ is None


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_are_valid_and_bad_values_are_not(name):
    check = DescentParameters.declaration(name).check
    check(name, DEFAULTS[name])
    if name in ("verbose", "gradient_params"):
        return
    with pytest.raises((TypeError, ValueError), match=name):
        check(name, {"no": "value"})
