"""A metric that a plugin registers once serves all searches that take a function."""

import logging

import numpy as np
import pytest

import tsnekit
from tsnekit import TSNE
from tsnekit._backends.registry import Registry
from tsnekit._util.metrics import BUILT_IN, canonical_metric
from tsnekit.affinity import PerplexityBasedNN
from tsnekit.cli import main
from tsnekit.diagnostics import diagnose
from tsnekit.errors import (
    BackendUnavailableError,
    PluginConflictError,
    PluginWarning,
    UnknownPluginError,
)
from tsnekit.specs import MetricSpec
from tsnekit.testing import MetricConformance
from tsnekit.testing._rows import known_metrics
from tsnekit.toolkit import measure, pairwise_of

QUICK = {"early_exaggeration_iter": 3, "n_iter": 3, "random_state": 0, "perplexity": 10}

PLUGIN = """
import numpy as np
from tsnekit.hookspecs import hookimpl
from tsnekit.specs import MetricSpec

pair_calls, block_calls = [], []

@hookimpl
def tsnekit_metrics():
    yield MetricSpec(name="root", aliases=("roots",), factory=f"{__name__}:root",
                     pairwise=f"{__name__}:all_roots", summary="distances of roots")
    yield MetricSpec(name="slow_root", factory=f"{__name__}:slow_root")
    yield MetricSpec(name="lost", factory=f"{__name__}:root", requires=("no_such_module:lost-lib",))
    yield MetricSpec(name="torn", factory=f"{__name__}:torn", pairwise=f"{__name__}:nothing")

def root(a, b, *, power=0.5):
    pair_calls.append(power)
    return float(np.sqrt(((np.abs(a) ** power - np.abs(b) ** power) ** 2).sum()))

def slow_root(a, b, *, power=0.5):
    return root(a, b, power=power)

def torn(a, b):
    return 0.0

def all_roots(A, B, *, power=0.5):
    block_calls.append(power)
    A, B = np.abs(A) ** power, np.abs(B) ** power
    return np.sqrt(((A[:, None] - B[None]) ** 2).sum(axis=2))
"""


@pytest.fixture
def plugin(install_plugin):
    return install_plugin(PLUGIN)


def fit(X, **parameters):
    return TSNE(**(QUICK | parameters)).fit(X)


def test_by_name_is_as_the_function(plugin, blobs):
    by_name = fit(blobs[:80], metric="root")
    assert plugin.block_calls
    assert len(plugin.pair_calls) < 80 * 80 / 2
    by_function = fit(blobs[:80], metric=plugin.slow_root)
    np.testing.assert_allclose(by_name, by_function, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(fit(blobs[:80], metric="roots"), by_name)
    np.testing.assert_allclose(fit(blobs[:80], metric="slow_root"), by_name, rtol=1e-3, atol=1e-6)


def test_parameters(plugin, blobs):
    found = PerplexityBasedNN(
        blobs[:60], perplexity=5, metric="root", metric_params={"power": 1}, method="exact"
    )
    size = np.abs(blobs[:60].astype(float))
    expected = PerplexityBasedNN(size, perplexity=5, method="exact")
    np.testing.assert_allclose(
        found.knn_index.graph.distances, expected.knn_index.graph.distances, rtol=1e-5
    )
    with pytest.raises(TypeError, match="'powr' is not an option of metric 'root'; did you mean"):
        fit(blobs[:60], metric="root", metric_params={"powr": 1})


def test_new_rows_files_and_diagnostics(plugin, blobs, tmp_path):
    embedding = fit(blobs[:80], metric="root", metric_params={"power": 0.7})
    new = embedding.transform(blobs[80:90], n_iter=3)
    embedding.save(tmp_path / "map")
    loaded = tsnekit.load(tmp_path / "map")
    np.testing.assert_array_equal(loaded.transform(blobs[80:90], n_iter=3), new)
    assert diagnose(loaded).neighbors_kept == diagnose(embedding).neighbors_kept > 0


def test_a_map_outlives_its_metric(plugin, blobs, tmp_path, caplog, install_plugin):
    fit(blobs[:80], metric="root").save(tmp_path / "map")
    install_plugin(
        PLUGIN.split("@hookimpl")[0] + "@hookimpl\ndef tsnekit_metrics():\n    return ()\n"
    )
    with caplog.at_level(logging.WARNING):
        loaded = tsnekit.load(tmp_path / "map")
    message = "metric 'root' of tsnekit-mine 0.1 is not installed: pip install tsnekit-mine==0.1"
    assert message in caplog.text
    loaded.optimize(2)
    with pytest.raises(BackendUnavailableError, match=message):
        loaded.transform(blobs[80:90])
    loaded.save(tmp_path / "again")
    install_plugin(PLUGIN)
    again = tsnekit.load(tmp_path / "again")
    assert again.transform(blobs[80:90], n_iter=1).shape == (10, 2)


def test_names_that_nobody_knows(plugin, blobs):
    message = "metric='rooot' is not the name of a registered metric; did you mean 'root'"
    with pytest.raises(UnknownPluginError, match=message):
        fit(blobs[:60], metric="rooot")
    with pytest.raises(
        UnknownPluginError, match=r"did you mean 'euclidean'.* Registered: braycurtis"
    ):
        fit(blobs[:60], metric="euclidian")
    with pytest.raises(BackendUnavailableError, match="needs no_such_module: pip install lost-lib"):
        fit(blobs[:60], metric="lost")
    with pytest.raises(BackendUnavailableError, match="cannot load its pairwise function"):
        fit(blobs[:60], metric="torn")


def test_a_search_may_have_a_metric_of_the_name(install_plugin, blobs):
    plugin = install_plugin(
        PLUGIN
        + """
from tsnekit.plugins.neighbors.exact import ExactSearch
from tsnekit.specs import NeighborSpec
import dataclasses

@hookimpl
def tsnekit_neighbor_searches():
    yield NeighborSpec(name="own", factory=f"{__name__}:Own", metrics={"root", "only_mine"})

class Own(ExactSearch):
    def fit(self, X, problem):
        assert isinstance(problem.metric, str)
        names.append(problem.metric)
        return super().fit(X, dataclasses.replace(problem, metric=root))

names = []
"""
    )
    fit(blobs[:60], metric="root", neighbors="own")
    fit(blobs[:60], metric="only_mine", neighbors="own")
    assert plugin.names == ["root", "only_mine"]


def test_built_in_names_keep_their_meaning(install_plugin):
    assert set(known_metrics()) <= BUILT_IN
    assert {canonical_metric(name) for name in BUILT_IN} == BUILT_IN
    source = PLUGIN.replace('name="root"', 'name="cosine"').replace('"roots"', '"cityblock"')
    with pytest.warns(PluginWarning, match="metric name 'cosine' belongs to tsnekit"):
        install_plugin(source)


def test_two_claims_of_a_name(tmp_path, monkeypatch, fake_entry_points, install_plugin, blobs):
    install_plugin(PLUGIN)
    from tsnekit._backends.registry import default_registry

    registry = default_registry()
    found = registry.get("metric", "root")
    other = type(found)(found.spec, "other", "tsnekit-other", "2.0")
    registry._claim("metric", other)
    with pytest.raises(PluginConflictError, match=r"tsnekit-mine 0\.1 and tsnekit-other 2\.0"):
        fit(blobs[:60], metric="root")


def test_measure_and_the_command_line(plugin, blobs, tmp_path, capsys):
    from tsnekit._backends.named import load_metric

    X, candidates = blobs[:6].astype(float), [[1, 2]] * 6
    found = measure(X, candidates, load_metric("root"))
    assert plugin.block_calls
    np.testing.assert_allclose(found[3, 1], plugin.root(X[3], X[2]))
    assert pairwise_of(plugin.root) is plugin.all_roots
    assert pairwise_of(plugin.slow_root) is pairwise_of("root") is None
    np.save(tmp_path / "X.npy", blobs[:60])
    command = ["embed", str(tmp_path / "X.npy"), "--metric", "root", "--quiet", "--n-iter", "1"]
    command += ["--early-exaggeration-iter", "1", "--perplexity", "10"]
    assert main([*command, "--metric-params", "power=0.4"]) == 0
    assert plugin.block_calls[-1] == 0.4
    assert main([*command, "--metric", "rooot"]) == 2
    assert "did you mean 'root'" in capsys.readouterr().err


@pytest.mark.parametrize("pairwise", ["not a path", 3])
def test_fields_are_checked(pairwise):
    with pytest.raises((TypeError, ValueError), match=r"MetricSpec\('m'\)\.pairwise must be"):
        MetricSpec(name="m", factory="a:b", pairwise=pairwise)


def test_registries_list_metrics(plugin):
    assert Registry(()).all("metric") == ()


# -- The suite -------------------------------------------------------------------------------------


class Suite(MetricConformance):
    name = "root"
    options = {"power": 0.6}  # noqa: RUF012


TESTS = [each for each in dir(Suite) if each.startswith("test_")]


def test_the_suite_passes(plugin, capfd):
    for test in TESTS:
        method = getattr(Suite(), test)
        method(capfd) if test == "test_leaves_the_process_alone" else method()


@pytest.mark.parametrize(
    ("old", "new", "test", "message"),
    [
        ("** 2).sum()))", "** 2).sum()) - 1)", "test_distances", "a distance is -1"),
        ("power)) ** 2", "0.5 * power) ** 2", "test_distances", "from itself"),
        ("sum(axis=2))", "sum(axis=2)) + 1e-3", "test_all_pairs", "it differs by"),
        ("pair_calls.append(power)", "a += 1", "test_leaves_rows_alone", "read-only"),
        ("return np.sqrt(((A[", "return np.sqrt((2 * (A[", "test_searches_take_it", "Not equal"),
    ],
)
def test_the_suite_finds_faults(install_plugin, old, new, test, message):
    if old.startswith("power)) **"):
        old, new = "np.abs(b) ** power", "np.abs(b) ** (0.9 * power)"
    assert old in PLUGIN
    install_plugin(PLUGIN.replace(old, new, 1))
    with pytest.raises((AssertionError, ValueError), match=message):
        getattr(Suite(), test)()
