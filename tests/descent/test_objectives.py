"""What a map makes small besides the KL divergence: its name and value wherever they are told."""

import io
import logging

import numpy as np
import pytest

from helpers.forces import Pull
from tsnekit import TSNE, TSNEEmbedding
from tsnekit._backends import registry as registry_module
from tsnekit._backends.registry import Registry
from tsnekit.affinity import Uniform
from tsnekit.callbacks import ErrorLogger, IterationState, KLHistory, StopOnConvergence
from tsnekit.diagnostics import diagnose
from tsnekit.errors import ContractError
from tsnekit.interfaces import Phase
from tsnekit.specs import GradientSpec

PHASE = Phase(name="optimization", n_iter=9, learning_rate=1.0, momentum=0.5)
EXACT = {"negative_gradient_method": "exact"}
GOOD = {"negative_gradient_method": "good_gradient"}


@pytest.fixture
def plugin(fake_entry_points, monkeypatch):
    """Install the plugin, and return its module."""
    registry = Registry(fake_entry_points("tsnekit-good"))
    monkeypatch.setattr(registry_module, "_load_registry", lambda: registry)
    import tsnekit_good

    return tsnekit_good


@pytest.fixture
def ridge(plugin, monkeypatch):
    """Give the gradient method of the plugin another objective."""

    def loss(self, Y):
        return self.kl_divergence(Y) + float((Y.astype(float) ** 2).sum()) / len(Y)

    def gradient(self, Y, out, exaggeration):
        plain(self, Y, out, exaggeration)
        out += 0.5 / len(Y) * Y

    plain = plugin.WholePlan.gradient
    monkeypatch.setattr(plugin.WholePlan, "gradient", gradient)
    monkeypatch.setattr(plugin.WholePlan, "loss", loss, raising=False)
    spec = registry_module.default_registry().get("negative_gradient_method", "good_gradient").spec
    object.__setattr__(spec, "objective", "ridge")


@pytest.fixture
def start(blobs):
    affinities = Uniform(blobs[:90], k_neighbors=10, method="exact")
    return np.random.default_rng(0).normal(size=(90, 2)), affinities


def squares(Y):
    return float((np.asarray(Y, dtype=float) ** 2).sum()) / len(Y)


def test_a_map_of_t_sne_has_one_loss(start):
    embedding = TSNEEmbedding(*start, **EXACT)
    assert embedding.losses == {"KL divergence": embedding.kl_divergence}


def test_losses_of_force_terms_are_told_by_name(start):
    forces = [Pull(), (Pull(strength=3.0), {"start": 0.9})]
    embedding = TSNEEmbedding(*start, forces=forces, **EXACT)
    half = squares(embedding) / 2
    expected = {"KL divergence": embedding.kl_divergence, "Pull": half, "Pull 2": 3 * half}
    assert embedding.losses == pytest.approx(expected)


def test_the_loss_of_a_method_with_another_objective(start, ridge):
    embedding = TSNEEmbedding(*start, **GOOD, forces=(Pull(), {"weight": 2.0}))
    kl = embedding.kl_divergence
    half = squares(embedding) / 2
    assert embedding.losses == pytest.approx(
        {"KL divergence": kl, "ridge": kl + 2 * half, "Pull": half}
    )
    assert np.abs(embedding.optimize(60)).mean() < np.abs(embedding).mean()


def test_an_instance_without_a_spec_has_a_loss_without_a_name(start, plugin):
    class Own(plugin.WholePlan):
        def loss(self, Y):
            return 7.0

    class Method(plugin.Method):
        def plan(self, problem):
            return Own(problem)

    embedding = TSNEEmbedding(*start, negative_gradient_method=Method())
    assert embedding.losses["loss"] == 7.0
    assert set(TSNEEmbedding(*start, negative_gradient_method=plugin.Method()).losses) == {
        "KL divergence"
    }


def test_a_registered_method_without_another_objective_is_not_asked_for_its_loss(
    start, plugin, monkeypatch
):
    monkeypatch.setattr(plugin.WholePlan, "loss", lambda self, Y: 1 / 0, raising=False)
    assert set(TSNEEmbedding(*start, **GOOD).losses) == {"KL divergence"}


def test_a_plan_without_the_loss_that_its_spec_names(start, ridge, plugin, monkeypatch):
    class Bare:
        def gradient(self, Y, out, exaggeration):
            out[:] = 0

        def kl_divergence(self, Y):
            return 1.0

    monkeypatch.setattr(plugin.Method, "plan", lambda self, problem: Bare())
    with pytest.raises(ContractError, match="the objective 'ridge', but its plan has no loss"):
        TSNEEmbedding(*start, **GOOD).optimize(1)


def test_another_objective_needs_a_whole_gradient():
    with pytest.raises(ValueError, match="objective needs whole_gradient=True"):
        GradientSpec(name="x", factory="a:b", objective="ridge")
    with pytest.raises(ValueError, match="objective must not be empty"):
        GradientSpec(name="x", factory="a:b", objective=" ", whole_gradient=True)


# -- Where they are told ---------------------------------------------------------------------------


def test_callbacks_see_all_losses_and_the_sum_in_force(start, ridge):
    seen = []

    def watch(iteration, error, embedding, state):
        seen.append(state)
        assert state.losses == embedding.losses
        assert state.error == error == embedding.kl_divergence

    forces = (Pull(), {"weight": 0.25, "start": 0.5})
    history = KLHistory()
    TSNEEmbedding(*start, **GOOD, forces=forces).optimize(
        8, callbacks=[watch, history], callbacks_every_iters=4
    )
    first, last = seen
    assert (first.objective, first.loss) == ("ridge", first.losses["ridge"])
    assert last.objective == "ridge + 0.25 Pull"
    assert last.loss == pytest.approx(last.losses["ridge"] + 0.25 * last.losses["Pull"])
    assert history.losses == [first.losses, last.losses]
    assert history.errors == [first.error, last.error]


def test_a_state_of_the_divergence_alone():
    state = IterationState(iteration=1, global_iteration=1, phase=PHASE, error=2.5)
    assert (state.loss, state.objective) == (2.5, "KL divergence")
    assert state.losses == {"KL divergence": 2.5}


def test_losses_are_logged(start, caplog):
    with caplog.at_level(logging.INFO, "tsnekit.callbacks"):
        TSNEEmbedding(*start, **EXACT, forces=Pull()).optimize(
            2, callbacks=ErrorLogger(), callbacks_every_iters=2
        )
    (line,) = (r.getMessage() for r in caplog.records if r.name == "tsnekit.callbacks")
    assert ": KL divergence " in line
    assert ", Pull " in line


def test_the_progress_shows_losses(start, monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    embedding = TSNEEmbedding(*start, **EXACT, forces=Pull()).optimize(2, verbose=True)
    losses = embedding.losses
    assert f"KL {losses['KL divergence']:.4f}, Pull {losses['Pull']:.4f}" in stream.getvalue()


def test_what_ends_a_phase_is_told_by_name(start, ridge):
    options = {"tolerance": 0.5, "forces": (Pull(), {"weight": 0.5})}
    found = TSNEEmbedding(*start, **GOOD).optimize("auto", **options).endings["optimization"]
    assert found.reason.startswith("the ridge + 0.5 Pull changed by no more than 0.5 of itself")
    found = TSNEEmbedding(*start, **EXACT).optimize("auto", tolerance=0.5).endings["optimization"]
    assert found.reason.startswith("the KL divergence changed by")


def test_convergence_is_that_of_the_objective(start):
    embedding = TSNEEmbedding(*start, **EXACT)
    stop = StopOnConvergence(tolerance=0.1, patience=2)
    stop.optimization_about_to_start()

    def call(loss, objective="KL divergence"):
        state = IterationState(
            iteration=1,
            global_iteration=1,
            phase=PHASE,
            error=1.0,
            losses={"KL divergence": 1.0},
            objective=objective,
            loss=loss,
        )
        return stop(1, 1.0, embedding, state)

    assert not any(call(loss) for loss in (4.0, 2.0, 1.0, 1.0))
    # The term begins to act: the loss is another one, and so the count begins anew.
    assert not any(call(loss, "KL divergence + 1 Pull") for loss in (9.0, 9.0))
    assert call(9.0, "KL divergence + 1 Pull")


def test_diagnostics_have_the_losses(start, blobs):
    embedding = TSNEEmbedding(*start, **EXACT, forces=Pull())
    report = diagnose(embedding)
    assert report.other_losses == {"Pull": embedding.losses["Pull"]}
    assert report.summary()["loss_Pull"] == embedding.losses["Pull"]
    titles = [ax.get_title() for ax in report.plot().axes]
    assert any(f"\nPull {embedding.losses['Pull']:.4f}" in title for title in titles)


def test_models_fit_as_before_with_a_method_of_its_own_objective(blobs, ridge):
    quick = {"early_exaggeration_iter": 5, "n_iter": 10, "perplexity": 5, "random_state": 0}
    embedding = TSNE(**quick, **GOOD).fit(blobs[:60])
    assert embedding.losses["ridge"] > embedding.losses["KL divergence"]
