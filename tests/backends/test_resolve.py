import pytest

from tsnekit._backends.registry import Registry
from tsnekit._backends.resolve import check_name, resolve_backend
from tsnekit.errors import BackendUnavailableError, UnknownPluginError
from tsnekit.interfaces import RepulsionProblem
from tsnekit.plugins.gradients.exact import ExactMethod

PROBLEM = RepulsionProblem(n_samples=10, n_components=2)
POINT = "negative_gradient_method"


def test_by_name_with_options():
    backend = resolve_backend(POINT, "exact", PROBLEM, params={"block_size": 7})
    assert backend.instance.block_size == 7
    assert (backend.choice.name, backend.choice.reason) == ("exact", "asked for by name")
    assert backend.choice.origin.startswith("tsnekit")


def test_parameters_of_the_facade_are_options_too_and_given_options_win():
    facade = {"block_size": 3, "theta": 0.1}
    backend = resolve_backend(POINT, "exact", PROBLEM, facade_params=facade)
    assert backend.instance.block_size == 3
    options = {"block_size": 4}
    backend = resolve_backend(POINT, "exact", PROBLEM, facade_params=facade, params=options)
    assert backend.instance.block_size == 4


def test_unknown_option_lists_the_valid_ones():
    with pytest.raises(TypeError, match=r"'x' is .*'exact'\. Its options: block_size"):
        resolve_backend(POINT, "exact", PROBLEM, params={"x": 7})
    with pytest.raises(TypeError, match=r"'blocksize'.*'exact'; did you mean 'block_size'\?"):
        resolve_backend(POINT, "exact", PROBLEM, params={"blocksize": 7})


def test_an_instance_is_copied():
    method = ExactMethod(block_size=7)
    backend = resolve_backend(POINT, method, PROBLEM)
    assert backend.instance is not method
    assert backend.instance.block_size == 7
    assert backend.choice.name == "ExactMethod"
    with pytest.raises(TypeError, match="is an instance of ExactMethod; give the options"):
        resolve_backend(POINT, method, PROBLEM, params={"block_size": 7})


@pytest.mark.parametrize("bad", [None, 3, ExactMethod, object()])
def test_neither_name_nor_instance(bad):
    with pytest.raises(TypeError, match=f"{POINT} must be the name of a gradient method or"):
        check_name(POINT, bad)


def test_plugins_of_others_resolve_by_name(fake_entry_points):
    registry = Registry(fake_entry_points("tsnekit-good"))
    backend = resolve_backend(POINT, "good_gradient", PROBLEM, registry=registry)
    assert type(backend.instance).__name__ == "Method"
    assert backend.choice.origin == "tsnekit-good 1.2"


def test_a_refusal_lists_reasons_and_usable_backends(fake_entry_points):
    registry = Registry(fake_entry_points("tsnekit-good"))
    problem = RepulsionProblem(n_samples=10, n_components=7)
    with pytest.raises(BackendUnavailableError) as caught:
        resolve_backend(POINT, "good_gradient", problem, registry=registry)
    assert "n_components=7 is not supported, only 1 or 2" in str(caught.value)
    assert "Usable here: exact" in str(caught.value)


def test_automatic_rule():
    backend = resolve_backend(POINT, "auto", PROBLEM, facade_params={"theta": 0.25})
    assert backend.choice.name in {"barnes_hut", "exact"}
    assert "points in 2-D" in backend.choice.reason


def test_rules_belong_to_their_point():
    with pytest.raises(UnknownPluginError):
        check_name("optimizer", "fastest")
    with pytest.raises(UnknownPluginError):
        check_name(POINT, "approx")
