import contextlib
import importlib.metadata
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tsnekit._backends import registry as registry_module
from tsnekit._backends.loading import wanted_plugins
from tsnekit._backends.registry import Registry
from tsnekit._backends.resolve import find_backend, resolve_backend
from tsnekit.errors import (
    BackendUnavailableError,
    PluginConflictError,
    PluginWarning,
    UnknownPluginError,
)
from tsnekit.interfaces import SearchProblem
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
    assert "tsnekit_optimizers must yield OptimizerSpec objects, got {'name': 'untyped'}" in errors
    hint = "; did you mean 'tsnekit_optimizers'?"
    assert f"'tsnekit_optimisers' is not a hook of tsnekit{hint}" in errors


def test_every_builtin_factory_loads_and_fits_its_interface():
    from tsnekit._backends.resolve import check_name

    registry = Registry(())
    for point in POINTS:
        for found in registry.all(point):
            assert found.builtin
            if not found.spec.missing():
                check_name(point, found.spec.load()())


# -- Mistakes of authors ---------------------------------------------------------------------------


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Return a function that makes a plugin of some lines, and a registry that has it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    lines = "from tsnekit.hookspecs import hookimpl\nfrom tsnekit.specs import *\n"
    name = f"written_{tmp_path.name}"

    def registry_of(source):
        (tmp_path / f"{name}.py").write_text(lines + source.replace("HERE", name))
        return Registry([importlib.metadata.EntryPoint("mine", name, "tsnekit")])

    return registry_of


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "def tsnekit_optimizers():\n    return ()",
            r"nothing in it is marked with tsnekit\.hookspecs\.hookimpl",
        ),
        (
            "@hookimpl\ndef tsnekit_optimizers():\n"
            "    return OptimizerSpec(name='one', factory='HERE:One')",
            "tsnekit_optimizers must yield or list its specs; it returned OptimizerSpec",
        ),
        (
            "@hookimpl\ndef tsnekit_optimizer():\n    return ()",
            r"not a hook of tsnekit; did you mean 'tsnekit_optimizers'\?",
        ),
        ("@hookimpl\ndef tsnekit_optimizers(name):\n    return ()", "name"),
    ],
)
def test_mistakes_in_a_hook_are_explained(written, source, message):
    with pytest.warns(PluginWarning, match=message) as caught:
        registry = written(source)
    assert caught[0].filename == __file__, "the warning is of whoever asked, not of the registry"
    assert registry.get("optimizer", "momentum").builtin


def test_a_failure_is_traced_to_its_line(written, monkeypatch, capsys):
    monkeypatch.setenv("TSNEKIT_TRACE_PLUGINS", "1")
    with pytest.warns(PluginWarning):
        written("def deep():\n    raise RuntimeError('no driver')\n\ndeep()")
    assert "in deep" in capsys.readouterr().err


@pytest.mark.parametrize("factory", ["HERE:Absent", "no_such_module:Class", "HERE:exits"])
def test_a_factory_that_is_not_there(written, factory):
    registry = written(
        "@hookimpl\ndef tsnekit_optimizers():\n"
        f"    yield OptimizerSpec(name='gone', factory='{factory}')\n"
        "def __getattr__(name):\n"
        "    raise SystemExit('no driver') if name == 'exits' else AttributeError(name)"
    )
    with pytest.raises(BackendUnavailableError, match=r"optimizer 'gone' of .* cannot be loaded"):
        resolve_backend("optimizer", "gone", registry=registry)


MALFORMED = """
@hookimpl
def tsnekit_optimizers():
    yield OptimizerSpec(**{fields})

@hookimpl
def tsnekit_initializers():
    yield InitializerSpec(name="well", factory="HERE:Made")
"""


@pytest.mark.parametrize(
    "fields",
    [
        {"name": None, "factory": "HERE:Made"},
        {"name": "odd", "factory": "HERE:Made", "aliases": None},
        {"name": "odd", "factory": "HERE:Made", "aliases": "abc"},
        {"name": "odd", "factory": "HERE:Made", "requires": "os"},
        {"name": "odd", "factory": "HERE"},
    ],
)
def test_a_malformed_spec_harms_nothing_else(written, fields):
    with pytest.warns(PluginWarning, match="OptimizerSpec"):
        registry = written(MALFORMED.replace("{fields}", repr(fields)))
    assert [found.spec.name for found in registry.all("optimizer")] == ["momentum", "accelerated"]
    assert registry.get("initialization", "well").spec.name == "well"
    with pytest.raises(UnknownPluginError, match=r"Failed to load: mine.*OptimizerSpec"):
        registry.get("optimizer", "a")


def test_a_spec_whose_own_code_fails_harms_nothing_else(written):
    """A subclass of a spec may run any code when the registry reads it."""
    with pytest.warns(PluginWarning, match="no names today"):
        registry = written(
            "class Odd(OptimizerSpec):\n"
            "    @property\n    def names(self):\n        raise RuntimeError('no names today')\n"
            "@hookimpl\ndef tsnekit_optimizers():\n    yield Odd(name='odd', factory='HERE:Made')"
        )
    assert [found.spec.name for found in registry.all("optimizer")] == ["momentum", "accelerated"]


def test_a_name_twice_in_one_distribution_is_left_out(written):
    with pytest.warns(PluginWarning, match="name 'twin' belongs to an unknown distribution"):
        registry = written(
            "@hookimpl\ndef tsnekit_optimizers():\n"
            "    yield OptimizerSpec(name='twin', factory='HERE:One')\n"
            "    yield OptimizerSpec(name='other', aliases=('twin',), factory='HERE:Two')"
        )
    assert registry.get("optimizer", "twin").spec.factory.endswith(":One")


@pytest.mark.parametrize(
    "source",
    [
        "raise SystemExit('no licence')",
        "@hookimpl\ndef tsnekit_optimizers():\n    raise SystemExit('no licence')",
    ],
    ids=["import", "hook"],
)
def test_a_plugin_that_exits_is_left_out(written, source):
    with pytest.warns(PluginWarning, match="SystemExit: no licence"):
        registry = written(source)
    assert registry.get("optimizer", "momentum").builtin


def test_ctrl_c_while_plugins_load_is_not_caught(written):
    with pytest.raises(KeyboardInterrupt):
        written("raise KeyboardInterrupt")


def test_threads_share_one_registry(monkeypatch):
    made = []
    n_threads = 4
    starting, second = threading.Barrier(n_threads), threading.Barrier(2)

    class Counted(Registry):
        def __init__(self):
            made.append(self)
            with contextlib.suppress(threading.BrokenBarrierError):
                second.wait(timeout=0.3)  # for another thread, which must not arrive
            super().__init__(())

    def ask(_):
        starting.wait()
        return registry_module.default_registry()

    monkeypatch.setattr(registry_module, "Registry", Counted)
    registry_module._load_registry.cache_clear()
    try:
        with ThreadPoolExecutor(n_threads) as pool:
            found = list(pool.map(ask, range(n_threads)))
    finally:
        registry_module._load_registry.cache_clear()
    assert len(made) == 1
    assert set(map(id, found)) == {id(made[0])}


BAD_ANSWERS = """
@hookimpl
def tsnekit_neighbor_searches():
    yield NeighborSpec(name="unsure", factory="HERE:Search", metrics="HERE:has_metric")
    yield NeighborSpec(name="unmeasured", factory="HERE:Search", cost="HERE:cost")
    yield NeighborSpec(name="inside", factory="HERE:Search", requires=("no_such_lib.part",))

def has_metric(name, sparse):
    raise RuntimeError("no driver")

def cost(problem, k):
    return float("nan")
"""


def test_a_spec_that_does_not_answer_harms_no_other(written):
    registry = written(BAD_ANSWERS)
    problem = SearchProblem(n_samples=50, n_features=3)
    assert registry.get("neighbors", "inside").spec.missing() == (
        "needs no_such_lib.part: pip install no_such_lib.part",
    )
    with pytest.raises(BackendUnavailableError, match=r"does not answer: RuntimeError: no driver"):
        find_backend("neighbors", "unsure", problem, registry)
    with pytest.warns(PluginWarning, match="leaves 'unmeasured' out.*expects nan s"):
        found, _ = find_backend("neighbors", "fastest", problem, registry)
    assert found.builtin


def test_contested_names_are_never_chosen(fake_entry_points):
    registry = registry_of(fake_entry_points, "tsnekit-good", "tsnekit-rival")
    names = [found.spec.name for found in registry.uncontested("optimizer")]
    assert "momentum" in names
    assert "rival_optimizer" in names
    assert "good_optimizer" not in names


# -- Which plugins are loaded, and what they do ----------------------------------------------------


@pytest.fixture
def installed(fake_entry_points, monkeypatch):
    """Install the good, the rival and the broken plugin, and set the variables for a test."""
    points = fake_entry_points("tsnekit-good", "tsnekit-rival", "tsnekit-broken")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)

    def set_variables(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(f"TSNEKIT_{name.upper()}_PLUGINS", value)

    return set_variables


def third_party(registry):
    return {f.distribution for point in POINTS for f in registry.all(point) if not f.builtin}


@pytest.mark.parametrize("value", ["tsnekit-good", " Tsnekit_Good ,", "TSNEKIT.good,tsnekit-good"])
def test_only_the_distributions_that_the_user_names_are_loaded(installed, value):
    installed(load=value)
    registry = Registry()  # the broken plugin is not even imported, and so warns of nothing
    assert third_party(registry) == {"tsnekit-good"}
    assert registry.left_out == ("tsnekit-broken", "tsnekit-rival")
    assert registry.get("neighbors", "exact").builtin


def test_an_empty_list_loads_no_plugins(installed):
    installed(load="")
    registry = Registry()
    assert third_party(registry) == set()
    with pytest.raises(UnknownPluginError, match=r"since TSNEKIT_LOAD_PLUGINS is set: .*-rival"):
        registry.get("optimizer", "rival_optimizer")


def test_without_the_variable_all_are_loaded(installed):
    with pytest.warns(PluginWarning, match="tsnekit-broken"):
        registry = Registry()
    assert third_party(registry) == {"tsnekit-good", "tsnekit-rival"}
    assert registry.left_out == ()


def test_a_name_that_no_plugin_has_is_a_warning(installed):
    installed(load="tsnekit-good,tsnekit-faast")
    with pytest.warns(PluginWarning, match="tsnekit-faast: TSNEKIT_LOAD_PLUGINS names it, but"):
        registry = Registry()
    assert third_party(registry) == {"tsnekit-good"}
    assert [failure.plugin for failure in registry.failures] == ["tsnekit-faast"]


def test_what_is_wanted_is_a_pure_function(fake_entry_points):
    points = fake_entry_points("tsnekit-good", "tsnekit-rival")
    assert wanted_plugins(points).entry_points == tuple(points)
    wanted = wanted_plugins(points, "tsnekit-rival,nobody")
    assert {point.dist.name for point in wanted.entry_points} == {"tsnekit-rival"}
    assert wanted.left_out == ("tsnekit-good",)
    assert wanted.unknown == ("nobody",)


def test_loading_can_be_traced(installed, capsys):
    installed(trace="1")
    with pytest.warns(PluginWarning):
        Registry()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("tsnekit: ")

    def line(*parts):
        return [line for line in lines if all(part in line for part in parts)]

    assert line("of tsnekit-good: loaded tsnekit_good", " ms)")
    assert line("of tsnekit-good: tsnekit_optimizers() -> good_optimizer", " ms)")
    assert line("of tsnekit: tsnekit_neighbor_searches() -> exact, annoy, ")
    assert line("of tsnekit-broken: left out, RuntimeError: the fake accelerator is on fire")


@pytest.mark.parametrize("value", ["", "0"])
def test_tracing_can_be_switched_off(installed, capsys, value):
    installed(trace=value, load="tsnekit-good")
    Registry()
    assert capsys.readouterr().err == ""
