"""Force terms: what they add, when they act, and what is refused before any work."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone

from helpers.forces import Pull
from tsnekit import TSNE, TSNEEmbedding
from tsnekit._backends import registry as registry_module
from tsnekit._backends.registry import Registry
from tsnekit._descent.recipes import recipes_of
from tsnekit.affinity import PrecomputedAffinities, Uniform
from tsnekit.errors import BackendUnavailableError, ContractError, UnknownPluginError
from tsnekit.plugins.neighbors.exact import ExactSearch
from tsnekit.plugins.optimizers.momentum import MomentumOptimizer
from tsnekit.specs import ForceSpec

QUICK = {"perplexity": 5, "early_exaggeration_iter": 10, "n_iter": 20, "random_state": 0}
EXACT = {"negative_gradient_method": "exact"}


class Watched(Pull):
    """Notes the iterations of an optimizer at which it acts."""

    acted: list = []  # noqa: RUF012, copies share it

    def prepare(self, problem):
        force, inner = super().prepare(problem), Watched.acted
        gradient = force.gradient

        def noted(Y, out):
            inner.append(Steps.taken)
            gradient(Y, out)

        force.gradient = noted
        return force


class Steps(MomentumOptimizer):
    """Counts steps, and keeps the last gradient."""

    taken = 0
    gradient = None

    def step(self, Y, gradient, phase):
        Steps.taken += 1
        Steps.gradient = gradient.copy()
        super().step(Y, gradient, phase)


@pytest.fixture(autouse=True)
def fresh():
    Watched.acted.clear()
    Steps.taken = 0


@pytest.fixture
def started(blobs):
    affinities = Uniform(blobs[:90], k_neighbors=10, method="exact")
    start = np.random.default_rng(0).normal(size=(90, 2))
    return TSNEEmbedding(start, affinities, optimizer=Steps(), learning_rate=5.0, **EXACT)


@pytest.fixture
def installed(fake_entry_points, monkeypatch):
    registry = Registry(fake_entry_points("tsnekit-good"))
    monkeypatch.setattr(registry_module, "_load_registry", lambda: registry)
    return registry


@pytest.fixture
def no_work(monkeypatch):
    def search(*_):
        raise AssertionError("the work began")

    monkeypatch.setattr(ExactSearch, "neighbors", search)
    monkeypatch.setattr(ExactSearch, "query", search)


# -- What they add ---------------------------------------------------------------------------------


def test_the_step_is_along_the_gradient_of_divergence_and_loss(started):
    weight, moved = 3.0, np.zeros((90, 2))
    moved[7] = 1e-2, -2e-2

    def total(Y):
        own = TSNEEmbedding(Y, started.affinities, **EXACT).kl_divergence
        return own + weight * 0.5 * (Y.astype(float) ** 2).sum() / 90

    Y = np.asarray(started)
    started.optimize(1, forces=(Pull(), {"weight": weight}))
    slope = (total(Y + moved) - total(Y - moved)) / 2
    np.testing.assert_allclose(4 * (Steps.gradient * moved).sum(), slope, rtol=1e-2)


def test_a_weight_of_zero_and_no_terms_change_nothing(started):
    plain = started.optimize(5)
    for forces in (None, [], (Pull(), {"weight": 0})):
        np.testing.assert_array_equal(started.optimize(5, forces=forces), plain)


def test_several_terms_add_up(started):
    one = started.optimize(3, forces=(Pull(), {"weight": 3.0}))
    two = started.optimize(3, forces=[Pull(), (Pull(), {"weight": 2.0})])
    np.testing.assert_allclose(two, one, rtol=1e-5)
    choice = two.backends["forces"]
    assert choice.name == "Pull, Pull"
    assert choice.reason == "given as an instance"
    assert "forces" not in two.optimize(1, forces=None).backends


def test_held_points_stay_and_grown_maps_go_on(started, blobs):
    embedding = started.optimize(3, forces=Pull(), fixed=np.arange(90) < 30)
    np.testing.assert_array_equal(embedding[:30], started[:30])
    grown = embedding.extend(blobs[90:110], n_iter=3, forces=Pull(strength=50.0))
    assert np.abs(grown).mean() < np.abs(embedding.extend(blobs[90:110], n_iter=3)).mean()


def test_terms_are_prepared_once_for_many_phases(started):
    prepared = []

    class Counted(Pull):
        def prepare(self, problem):
            prepared.append(problem)
            return super().prepare(problem)

    embedding = started.copy()
    for _ in range(3):
        embedding.optimize(2, inplace=True, forces=Counted())
    (problem,) = prepared
    assert problem.neighbors.indices.shape == (90, 10)
    assert problem.affinities.symmetric
    assert problem.reference is None
    embedding.optimize(1, inplace=True, forces=Counted(strength=2.0))
    assert len(prepared) == 2


# -- When they act ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "iterations"),
    [
        ({}, range(30)),
        ({"start": 0.7}, [*range(7, 10), *range(24, 30)]),
        ({"start": 0.7, "phases": "optimization"}, range(24, 30)),
        ({"start": 0.25, "stop": 0.5, "phases": ("optimization",)}, range(15, 20)),
        ({"phases": ["early exaggeration"], "stop": 0.5}, range(5)),
    ],
)
def test_schedules(blobs, schedule, iterations):
    TSNE(**QUICK, **EXACT, optimizer=Steps(), forces=(Watched(), schedule)).fit(blobs[:60])
    assert Watched.acted == list(iterations)


def test_messages_name_the_term(installed, no_work):
    with pytest.raises(ValueError, match="Pull: phases are 'early exaggeration' and"):
        TSNE(forces=(Pull(), {"phases": "optimisation"})).fit(np.eye(9))
    with pytest.raises(TypeError, match=r"'wieght' .*; did you mean 'weight'.*, stop"):
        TSNE(forces=("good_force", {"wieght": 1})).fit(np.eye(9))

    class Particular(Pull):
        def check(self, n_samples, n_components):
            raise ValueError(f"rows must be less than {n_samples}")

    with pytest.raises(ValueError, match="forces: Particular: rows must be less than 9"):
        TSNE(forces=Particular(), perplexity=2).fit(np.eye(9))


def test_a_term_may_have_a_schedule_of_its_own(installed, monkeypatch):
    spec = installed.get("forces", "good_force").spec
    own = ForceSpec(name="x", factory=spec.factory, weight=0.5, start=0.7, phases=("optimization",))
    object.__setattr__(spec, "start", own.start)
    (recipe,) = recipes_of("good_force")
    assert recipe.in_force()["start"] == 0.7
    (recipe,) = recipes_of(("good_force", {"start": 0, "weight": 2}))
    assert recipe.in_force() == {"start": 0, "stop": 1, "weight": 2, "phases": None}
    with pytest.raises(ValueError, match=r"good_force: start must be less than stop, got 0\.7"):
        TSNE(forces=("good_force", {"stop": 0.5})).fit(np.eye(9))


def test_one_phase_or_many(started):
    forces = (Pull(), {"weight": 2.0})
    one = started.optimize(6, forces=forces)
    many = started
    for _ in range(6):
        many = many.optimize(1, forces=forces)
    np.testing.assert_array_equal(many, one)


def test_a_part_of_a_phase_that_ends_by_itself_is_refused(blobs, started, no_work):
    message = "'auto' does not say how many there are; give a number of iterations, or start=0"
    forces = (Pull(), {"start": 0.7, "phases": "optimization"})
    with pytest.raises(ValueError, match=f"forces: Pull acts from 0.7 to 1 .*{message}"):
        TSNE(schedule="converge", forces=forces).fit(blobs)
    with pytest.raises(ValueError, match=message):
        started.optimize("auto", forces=forces)
    with pytest.raises(ValueError, match=message):
        started.extend(blobs[90:], n_iter="auto", forces=forces)


def test_a_phase_that_ends_by_itself_looks_at_the_sum_of_the_losses(started):
    class Steep(Pull):
        def prepare(self, problem):
            force, start = super().prepare(problem), Steps.taken
            force.loss = lambda Y: 0.0 if Steps.taken < start + 100 else 1e3 * Steps.taken
            return force

    plain = started.optimize("auto", tolerance=0.5)
    assert plain.endings["optimization"].n_iter == 100
    assert started.optimize("auto", tolerance=0.5, forces=Steep()).state.iteration > 100


# -- What is refused before any work ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("forces", "error", "message"),
    [
        (3, TypeError, "forces must be None, the name of a force term, an instance of"),
        (Pull, TypeError, "forces must be"),
        (
            [3],
            TypeError,
            "forces must be the name of a force term or an instance of tsnekit.forces",
        ),
        (MomentumOptimizer(), TypeError, "forces must be"),
        ("no such", UnknownPluginError, "forces='no such' is not the name of a registered force"),
        (("good_force", {"length": 1}), TypeError, "forces: 'length' is not an option of 'good_f"),
        ((Pull(), {"strength": 1}), TypeError, "give the options to its constructor instead"),
        ((Pull(), {1: 2}), TypeError, "names of options are strings"),
        (("good_force", {"weight": -1}), ValueError, "good_force: weight must be at least 0"),
        (("good_force", {"weight": "1"}), TypeError, "weight must be a real number"),
        (("good_force", {"start": 1.5}), ValueError, "start must be at most 1"),
        (("good_force", {"start": 1}), ValueError, "start must be less than stop, got 1 and 1"),
        (("good_force", {"phases": 3}), TypeError, "phases must be a collection of strings"),
        (("good_force", {"phases": ()}), ValueError, "phases must name a phase"),
    ],
)
def test_wrong_terms(installed, blobs, started, no_work, forces, error, message):
    with pytest.raises(error, match=message):
        TSNE(forces=forces).fit(blobs)
    with pytest.raises(error, match=message):
        started.optimize(1, forces=forces)


def test_maps_that_a_spec_does_not_claim(installed, no_work, blobs, monkeypatch):
    with pytest.raises(BackendUnavailableError, match="n_components=3 is not supported, only 2"):
        TSNE(n_components=3, forces="good_force").fit(blobs)
    spec = installed.get("forces", "good_force").spec
    object.__setattr__(spec, "needs_neighbors", True)
    affinities = PrecomputedAffinities(np.ones((20, 20)) - np.eye(20))
    with pytest.raises(BackendUnavailableError, match="needs neighbors and their distances"):
        TSNE(forces="good_force").fit(affinities=affinities)
    instance = spec.load()()
    with pytest.raises(BackendUnavailableError, match=r"'good_force' of tsnekit-good 1\.2 cannot"):
        TSNE(forces=instance).fit(affinities=affinities)


def test_options_that_do_not_fit_the_map(no_work, blobs):
    class Checked(Pull):
        def check(self, n_samples, n_components):
            raise ValueError(f"no table for {n_samples} points in {n_components}-D")

    with pytest.raises(ValueError, match="no table for 300 points in 2-D"):
        TSNE(forces=Checked()).fit(blobs)


def test_new_points_are_refused_or_claimed(installed, blobs, monkeypatch):
    embedding = TSNE(**QUICK, **EXACT, forces="good_force").fit(blobs[:60])
    plain = TSNEEmbedding(embedding, embedding.affinities, **EXACT)
    new = embedding.transform(blobs[60:70], n_iter=5, forces=None)
    np.testing.assert_array_equal(new, plain.transform(blobs[60:70], n_iter=5))
    partial = embedding.prepare_partial(blobs[60:70])
    with monkeypatch.context() as patched:
        patched.setattr(ExactSearch, "query", None)
        for refused in (
            lambda: embedding.transform(blobs[60:70]),
            lambda: plain.transform(blobs[60:70], forces=Pull()),
            lambda: partial.optimize(5),
        ):
            with pytest.raises(BackendUnavailableError, match="points that are added to a fin"):
                refused()
    assert np.isfinite(partial.optimize(5, forces=None)).all()
    object.__setattr__(installed.get("forces", "good_force").spec, "new_points", True)
    strong = ("good_force", {"weight": 1e3})
    pulled = embedding.transform(blobs[60:70], n_iter=5, forces=strong)
    assert np.abs(pulled).mean() < np.abs(new).mean()
    assert embedding.transform(blobs[60:70], n_iter=5).backends["forces"].name == "good_force"


def test_no_terms_on_a_cluster(installed):
    from tsnekit._descent.parameters import DescentParameters

    portable = pytest.importorskip("tsnekit.dask._portable")
    parameters = DescentParameters(forces="good_force")
    with pytest.raises(ValueError, match="forces: the workers of a cluster compute no force terms"):
        portable.check_on_workers([], parameters, 100, 2)


# -- What the core checks --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("prepares nothing", "returned None from prepare, which must return a Force"),
        ("leaves a row", r"gave a gradient that is not finite in iteration 1: .* for point 89"),
        ("not finite", "gave a gradient that is not finite in iteration 1"),
    ],
)
def test_wrong_forces(started, fault, message):
    with pytest.raises(ContractError, match=f"force term Pull of helpers.forces {message}"):
        started.optimize(3, forces=Pull(fault=fault))


@pytest.mark.parametrize("fault", ["loss is an array", "loss is not a number"])
def test_wrong_losses(started, fault):
    with pytest.raises(ContractError, match=r"force term Pull .* as the loss, which must be a"):
        started.optimize("auto", forces=Pull(fault=fault))


# -- Recipes ---------------------------------------------------------------------------------------


def test_models_and_maps_with_terms_can_be_copied(blobs):
    model = TSNE(**QUICK, **EXACT, forces=[(Pull(strength=2.0), {"weight": 3.0})])
    (pair,) = clone(model).get_params()["forces"]
    assert pair[0].strength == 2.0
    assert pair[0] is not model.forces[0][0]
    embedding = model.fit(blobs[:60])
    expected = embedding.optimize(3)
    for again in (
        embedding.copy(),
        copy.deepcopy(embedding),
        pickle.loads(pickle.dumps(embedding)),
    ):
        np.testing.assert_array_equal(again.optimize(3), expected)
