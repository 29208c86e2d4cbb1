import importlib.metadata

import pytest

from tsnekit.errors import PluginConflictError, PluginWarning, UnknownPluginError
from tsnekit.registry import Registry
from tsnekit.specs import POINTS


def registry_of(fake_entry_points, *names):
    return Registry(fake_entry_points(*names))


@pytest.mark.parametrize("point", POINTS)
def test_good_plugin_registers_at_every_point(fake_entry_points, point):
    registry = registry_of(fake_entry_points, "tsnekit-good")
    mine = [found for found in registry.all(point) if not found.builtin]
    assert len(mine) == 1
    assert mine[0].origin == "tsnekit-good 1.2"
    assert callable(mine[0].spec.load())
    assert registry.failures == []


def test_entry_points_of_installed_distributions_are_found(fake_entry_points, monkeypatch):
    points = fake_entry_points("tsnekit-good")
    asked = []

    def entry_points(*, group):
        asked.append(group)
        return points

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    assert Registry().get("optimizer", "good_optimizer").distribution == "tsnekit-good"
    assert asked == ["tsnekit"]


def test_alias_finds_the_same_backend(fake_entry_points):
    registry = registry_of(fake_entry_points, "tsnekit-good")
    assert registry.get("neighbors", "gn") is registry.get("neighbors", "good_neighbors")


@pytest.mark.parametrize(
    ("alias", "name"),
    [(alias, "barnes_hut") for alias in ("bh", "BH", "barnes-hut", "barnes_hut")]
    + [(alias, "fft") for alias in ("fft", "FFT", "interpolation", "ìnterpolation")],
)
def test_documented_gradient_aliases(alias, name):
    assert Registry(()).get("negative_gradient_method", alias).spec.name == name


def test_broken_plugin_warns_and_breaks_nothing_else(fake_entry_points):
    with pytest.warns(PluginWarning, match="tsnekit-broken.*the fake accelerator is on fire"):
        registry = registry_of(fake_entry_points, "tsnekit-broken", "tsnekit-good")
    assert registry.get("optimizer", "good_optimizer").distribution == "tsnekit-good"
    assert registry.get("neighbors", "exact").builtin
    assert [failure.distribution for failure in registry.failures] == ["tsnekit-broken"]


def test_unknown_name_lists_close_names_all_names_and_failures(fake_entry_points):
    with pytest.warns(PluginWarning):
        registry = registry_of(fake_entry_points, "tsnekit-broken")
    with pytest.raises(UnknownPluginError) as caught:
        registry.get("neighbors", "anoy")
    message = str(caught.value)
    assert "neighbors='anoy'" in message
    assert "did you mean 'annoy'?" in message
    assert "exact" in message
    assert "on fire" in message


def test_two_claimants_of_a_name_are_both_named(fake_entry_points):
    registry = registry_of(fake_entry_points, "tsnekit-good", "tsnekit-rival")
    with pytest.raises(PluginConflictError, match=r"tsnekit-good 1\.2 and tsnekit-rival 0\.3"):
        registry.get("optimizer", "good_optimizer")
    assert registry.get("optimizer", "rival_optimizer").distribution == "tsnekit-rival"


def test_names_that_already_mean_something_keep_their_meaning(fake_entry_points):
    with pytest.warns(PluginWarning) as caught:
        registry = registry_of(fake_entry_points, "tsnekit-greedy")
    messages = [str(warning.message) for warning in caught]
    assert any("'annoy' belongs to tsnekit" in message for message in messages)
    assert any("'auto' belongs to tsnekit" in message for message in messages)
    assert registry.get("neighbors", "annoy").builtin
    assert registry.get("neighbors", "greedy").spec.missing() == (
        "needs no_such_lib: pip install no_such_lib",
    )


def test_wrong_specs_and_unknown_hooks_are_reported(fake_entry_points):
    with pytest.warns(PluginWarning):
        registry = registry_of(fake_entry_points, "tsnekit-untyped")
    errors = " ".join(failure.error for failure in registry.failures)
    assert "is not a OptimizerSpec" in errors
    assert "tsnekit_optimisers is not a hook" in errors


def test_every_builtin_factory_loads_and_fits_its_interface():
    from tsnekit.backends import check_name

    registry = Registry(())
    for point in POINTS:
        for found in registry.all(point):
            assert found.builtin
            if not found.spec.missing():
                check_name(point, found.spec.load()())
