"""Engines that take many iterations at once: as single iterations, and no later than needed."""

import signal

import numpy as np
import pytest

import tsnekit
from helpers.forces import Pull
from tsnekit import TSNE
from tsnekit._backends import registry as registry_module
from tsnekit.errors import ContractError, InterruptedByUser
from tsnekit.specs import GradientSpec
from tsnekit.testing import GradientMethodConformance

QUICK = {"early_exaggeration_iter": 30, "n_iter": 70, "random_state": 0, "perplexity": 10}

PLUGIN = """
import numpy as np
from tsnekit._descent.gradient import KLGradient
from tsnekit._descent.loop import Centering
from tsnekit.hookspecs import hookimpl
from tsnekit.plugins.gradients.exact import ExactMethod
from tsnekit.plugins.optimizers.momentum import MomentumOptimizer
from tsnekit.specs import GradientSpec

asked, fault = [], []

@hookimpl
def tsnekit_gradient_methods():
    claims = dict(whole_gradient=True, n_components=(1, 2), descends="momentum")
    yield GradientSpec(name="engine", factory=f"{__name__}:Engine", **claims)
    yield GradientSpec(name="stalled", factory=f"{__name__}:Stalled", **claims)

class Engine:
    def plan(self, problem):
        return Plan(problem)

class Stalled:
    def plan(self, problem):
        return KLGradient(problem.affinities, ExactMethod().plan(problem), dof=1.0, n_jobs=1)

class Plan(KLGradient):
    def __init__(self, problem):
        repulsion = ExactMethod().plan(problem)
        super().__init__(problem.affinities, repulsion, dof=problem.dof, n_jobs=problem.n_jobs)

    def descend(self, Y, phase, n_iter, state):
        asked.append((phase.exaggeration, n_iter))
        optimizer, center = MomentumOptimizer(), Centering(Y.shape[1], 1)
        optimizer.restore(state)
        out = np.empty_like(Y)
        for i in range(n_iter):
            if fault:
                fault[0](self, Y, state)
            self.gradient(Y, out, phase.exaggeration)
            optimizer.step(Y, out, phase)
            center(Y)
        for name, array in optimizer.state().items():
            state[name][...] = array
"""


@pytest.fixture
def plugin(install_plugin):
    return install_plugin(PLUGIN)


def fit(X, **parameters):
    return TSNE(**(QUICK | {"negative_gradient_method": "engine"} | parameters)).fit(X[:60])


def test_the_map_is_that_of_single_iterations(plugin, blobs, tmp_path):
    embedding = fit(blobs)
    assert plugin.asked == [(12, 30), (1, 50), (1, 20)]
    single = fit(blobs, negative_gradient_method="exact")
    np.testing.assert_array_equal(embedding, single)
    assert embedding.state.iteration == 100
    for name, array in single.optimizer.state().items():
        np.testing.assert_array_equal(embedding.optimizer.state()[name], array)
    embedding.save(tmp_path / "map")
    later = tsnekit.load(tmp_path / "map").optimize(9)
    np.testing.assert_array_equal(later, single.optimize(9))
    np.testing.assert_array_equal(
        embedding.optimize(9, negative_gradient_method="exact"), single.optimize(9)
    )


def test_an_engine_takes_no_phase_in_which_a_force_term_acts(plugin, blobs):
    forces = (Pull(), {"start": 0.5, "phases": "optimization"})
    embedding = fit(blobs, forces=forces)
    assert plugin.asked == [(12, 30)]
    single = fit(blobs, forces=forces, negative_gradient_method="exact")
    np.testing.assert_array_equal(embedding, single)


def test_an_engine_ends_a_phase_by_its_own_objective(plugin, blobs, monkeypatch):
    spec = registry_module.default_registry().get("negative_gradient_method", "engine").spec
    object.__setattr__(spec, "objective", "ridge")
    seen = []

    def loss(self, Y):
        seen.append(len(plugin.asked))
        return 1e3 / len(seen)

    monkeypatch.setattr(plugin.Plan, "loss", loss, raising=False)
    embedding = fit(blobs, n_iter=0).optimize("auto", tolerance=0.6)
    assert len(seen) >= 3
    assert embedding.endings["optimization"].reason.startswith("the ridge changed by no more than")


def test_callbacks_come_when_they_are_due(plugin, blobs):
    seen = []

    def watch(iteration, error, embedding):
        seen.append((iteration, error, np.array(embedding)))
        return iteration == 42

    def seen_by(method):
        seen.clear()
        embedding = fit(
            blobs, negative_gradient_method=method, callbacks=watch, callbacks_every_iters=21
        )
        return embedding, list(seen)

    embedding, by_engine = seen_by("engine")
    assert plugin.asked == [(12, 21), (12, 9), (1, 21), (1, 21)]
    single, one_by_one = seen_by("exact")
    assert embedding.state.iteration == single.state.iteration == 72
    for (number, error, Y), (number_too, error_too, Y_too) in zip(
        by_engine, one_by_one, strict=True
    ):
        assert number == number_too
        assert error == pytest.approx(error_too, rel=1e-6)
        np.testing.assert_array_equal(Y, Y_too)


def test_phases_that_end_by_themselves_and_fade(plugin, blobs):
    options = {"early_exaggeration_iter": "auto", "n_iter": "auto", "fade": 0.5}
    embedding = fit(blobs, **options)
    single = fit(blobs, **options, negative_gradient_method="exact")
    assert embedding.endings == single.endings
    np.testing.assert_array_equal(embedding, single)
    assert plugin.asked[0] == (12, 10)
    assert [each for each in plugin.asked if each[0] not in (1, 12)] == [(6, 1), (3, 1), (1.5, 1)]


def test_where_it_cannot_the_core_asks_for_gradients(plugin, blobs):
    embedding = fit(blobs, optimizer="accelerated")
    held = np.arange(60) < 10
    moved = embedding.optimize(5, fixed=held)
    np.testing.assert_array_equal(moved[held], embedding[held])
    assert plugin.asked == []
    grown = fit(blobs).extend(blobs[60:70], n_iter=7)
    assert plugin.asked[-1] == (1, 7)
    assert len(grown) == 70


def press(*_):
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_a_stretch_happens_as_a_whole_or_not_at_all(plugin, blobs, error):
    embedding = fit(blobs, n_iter=0)
    before, state = np.array(embedding), embedding.optimizer.state()
    calls = []

    def fail(plan, Y, state):
        calls.append(1)
        state["gains"][...] = 7
        if len(calls) == 60:
            press() if error is KeyboardInterrupt else 1 / 0

    plugin.fault.append(fail)
    with pytest.raises(InterruptedByUser if error is KeyboardInterrupt else error):
        embedding.optimize(100, inplace=True)
    plugin.fault.clear()
    assert embedding.state.iteration == 30 + 50
    again = fit(blobs, n_iter=50)
    np.testing.assert_array_equal(embedding, again)
    assert not np.array_equal(embedding, before)
    assert set(state) == set(embedding.optimizer.state())


def test_points_that_are_not_finite(plugin, blobs):
    def spoil(plan, Y, state):
        Y[3] = np.nan

    plugin.fault.append(spoil)
    with pytest.raises(ContractError, match=r"'engine' of tsnekit-mine 0\.1 moved points to nan"):
        fit(blobs)


def test_claims(plugin, blobs):
    with pytest.raises(
        ContractError, match=r"descends by 'momentum', but its plan.* has no descend"
    ):
        fit(blobs, negative_gradient_method="stalled")
    with pytest.raises(ValueError, match="descends needs whole_gradient=True"):
        GradientSpec(name="a", factory="a:b", descends="momentum")


class Suite(GradientMethodConformance):
    name = "engine"


def test_the_suite_passes(plugin):
    Suite().test_descends_as_the_core_does()
    Suite().test_maps_with_held_and_new_points(1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("            center(Y)\n", "", "positions are off by"),
        ("range(n_iter)", "range(phase.n_iter)", "positions are off by"),
        ("out, phase.exaggeration)", "out, 1.0)", "exaggeration 12: positions are off by"),
        ("            state[name][...] = array\n", "            pass\n", "of the state is off by"),
    ],
)
def test_the_suite_finds_faults(install_plugin, old, new, message):
    assert old in PLUGIN
    install_plugin(PLUGIN.replace(old, new))
    with pytest.raises(AssertionError, match=message):
        Suite().test_descends_as_the_core_does()


def test_the_suite_finds_an_engine_that_nobody_uses(install_plugin):
    install_plugin(PLUGIN.replace(', descends="momentum"', ""))
    with pytest.raises(AssertionError, match="the plan has descend, which nobody calls"):
        Suite().test_descends_as_the_core_does()
