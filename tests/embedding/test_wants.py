"""Backends learn of the map what their specs want, and nothing else."""

import pickle

import numpy as np
import pytest

import tsnekit
from tsnekit import TSNE
from tsnekit.affinity import PrecomputedAffinities
from tsnekit.errors import BackendUnavailableError, ContractError
from tsnekit.plugins.gradients.exact import ExactMethod
from tsnekit.plugins.optimizers.momentum import MomentumOptimizer
from tsnekit.testing import (
    GradientMethodConformance,
    InitializerConformance,
    OptimizerConformance,
)

QUICK = {"early_exaggeration_iter": 3, "n_iter": 3, "random_state": 0, "perplexity": 10}

PLUGIN = """
import numpy as np
from tsnekit.hookspecs import hookimpl
from tsnekit.plugins.gradients.exact import ExactMethod
from tsnekit.plugins.optimizers.momentum import MomentumOptimizer
from tsnekit.specs import GradientSpec, InitializerSpec, OptimizerSpec

problems, phases, rows = [], [], []

@hookimpl
def tsnekit_gradient_methods():
    claims = dict(n_components=None, any_dof=True, reference=True, exact=True)
    yield GradientSpec(name="curious", factory=f"{__name__}:Curious", **claims,
                       wants={"neighbors", "seed", "phase"})
    yield GradientSpec(name="modest", factory=f"{__name__}:Modest", **claims)
    yield GradientSpec(name="deaf", factory=f"{__name__}:Deaf", **claims, wants=("phase",))

@hookimpl
def tsnekit_optimizers():
    yield OptimizerSpec(name="curious", factory=f"{__name__}:Rows", wants=["rows"])
    yield OptimizerSpec(name="deaf", factory=f"{__name__}:DeafRows", wants=["rows"])

@hookimpl
def tsnekit_initializers():
    yield InitializerSpec(name="by_label", factory=f"{__name__}:ByLabel", needs_labels=True)

class Modest(ExactMethod):
    def plan(self, problem):
        problems.append(problem)
        return Plan(super().plan(problem))

class Curious(Modest):
    pass

class Deaf(ExactMethod):
    pass

class Plan:
    def __init__(self, inner):
        self.inner = inner

    def __call__(self, Y, out, row_z=None):
        return self.inner(Y, out, row_z)

    def enter_phase(self, phase):
        phases.append(phase)

class Rows(MomentumOptimizer):
    known = None

    def enter_rows(self, rows):
        self.known = rows
        rows_told.append(rows)

    def step(self, Y, gradient, phase):
        assert self.known is not None and len(self.known.moving) == len(Y)
        super().step(Y, gradient, phase)

rows_told = rows

class DeafRows(MomentumOptimizer):
    pass

class ByLabel:
    def __call__(self, source, n_components, rng):
        _, classes = np.unique(source.labels.astype(str), return_inverse=True)
        angles = 2 * np.pi * classes / (classes.max() + 1)
        Y = rng.normal(size=(source.n_samples, n_components)) * 1e-5
        Y[:, 0] += 1e-4 * np.cos(angles)
        if n_components > 1:
            Y[:, 1] += 1e-4 * np.sin(angles)
        return Y
"""


@pytest.fixture
def plugin(install_plugin):
    return install_plugin(PLUGIN)


def fit(X, **parameters):
    return TSNE(**(QUICK | parameters)).fit(X)


# -- Gradient methods ------------------------------------------------------------------------------


def test_a_method_gets_neighbors_seed_and_phases(plugin, blobs):
    embedding = fit(blobs[:60], negative_gradient_method="curious", fade=0.5)
    [problem] = plugin.problems
    found = embedding.affinities.knn_index.neighbors(30)
    np.testing.assert_array_equal(problem.neighbors.indices[:, :30], found.indices)
    assert isinstance(problem.seed, int)
    assert [phase.exaggeration for phase in plugin.phases] == [12, 6, 3, 1.5]
    assert [phase.name for phase in plugin.phases] == ["early exaggeration", *["optimization"] * 3]
    embedding.optimize(2, exaggeration=3)
    assert [phase.exaggeration for phase in plugin.phases[4:]] == [3]


def test_a_method_that_wants_nothing_gets_nothing(plugin, blobs):
    state = np.random.RandomState(0)
    embedding = fit(blobs[:60], negative_gradient_method="modest", random_state=state)
    before = state.get_state()[1].tolist()
    embedding.optimize(1)
    embedding.transform(blobs[60:65], n_iter=2)
    assert state.get_state()[1].tolist() == before
    assert all(each.neighbors is None and each.seed is None for each in plugin.problems)
    assert plugin.phases == []


def test_an_instance_that_is_not_registered_gets_all(blobs):
    problems, phases = [], []

    class Unregistered(ExactMethod):
        def plan(self, problem):
            problems.append(problem)
            inner = super().plan(problem)

            class Plan:
                def __call__(self, Y, out, row_z=None):
                    return inner(Y, out, row_z)

                def enter_phase(self, phase):
                    phases.append(phase.name)

            return Plan()

    fit(blobs[:60], negative_gradient_method=Unregistered())
    assert problems[0].neighbors is not None
    assert isinstance(problems[0].seed, int)
    assert phases == ["early exaggeration", "optimization"]


@pytest.mark.parametrize("random_state", [3, np.random.RandomState(3), None])
def test_a_map_keeps_its_seed(plugin, blobs, tmp_path, random_state):
    options = {"negative_gradient_method": "curious", "random_state": random_state}
    embedding = fit(blobs[:60], **options)
    embedding.save(tmp_path / "map")
    for again in (
        embedding.copy(),
        pickle.loads(pickle.dumps(embedding)),
        tsnekit.load(tmp_path / "map"),
    ):
        again.optimize(1, n_jobs=2)
    embedding.transform(blobs[60:65], n_iter=1)
    assert len(plugin.problems) >= 5
    assert len({problem.seed for problem in plugin.problems}) == 1


def test_the_seed_is_that_of_the_random_state(plugin, blobs):
    seeds = []
    for random_state in (1, 2, 1):
        fit(blobs[:60], negative_gradient_method="curious", random_state=random_state)
        seeds.append(plugin.problems[-1].seed)
    assert seeds[0] == seeds[2] != seeds[1]


def test_new_points_know_neither_neighbors_nor_phases(plugin, blobs):
    embedding = fit(blobs[:60], negative_gradient_method="curious")
    plugin.phases.clear()
    embedding.transform(blobs[60:65], n_iter=2)
    assert plugin.problems[-1].reference is not None
    assert plugin.problems[-1].neighbors is None
    assert plugin.phases == []


def test_affinities_without_neighbors_are_refused_before_any_work(plugin, blobs):
    ring = np.roll(np.eye(60), 1, axis=1)
    affinities = PrecomputedAffinities(ring + ring.T)
    model = TSNE(**QUICK, negative_gradient_method="curious")
    with pytest.raises(BackendUnavailableError, match="needs neighbors, which these affinities"):
        model.fit(affinities=affinities)
    assert plugin.problems == []

    class Known(PrecomputedAffinities):
        def known_neighbors(self):
            return "any graph"

    TSNE(**QUICK, negative_gradient_method="curious").fit(affinities=Known(ring + ring.T))
    assert plugin.problems[0].neighbors == "any graph"


def test_a_plan_that_cannot_be_told_breaks_its_claim(plugin, blobs):
    message = "'deaf' of tsnekit-mine 0.1 wants \"phase\", but its plan, .* has no enter_phase"
    with pytest.raises(ContractError, match=message):
        fit(blobs[:60], negative_gradient_method="deaf")


# -- Optimizers ------------------------------------------------------------------------------------


def test_an_optimizer_gets_rows_and_held_points(plugin, blobs):
    embedding = fit(blobs[:60], optimizer="curious")
    assert [len(rows.moving) for rows in plugin.rows] == [60, 60]
    assert not plugin.rows[0].fixed.any()
    fixed = np.zeros(60)
    fixed[:20], fixed[30] = 1, 0.25
    moved = embedding.optimize(2, fixed=fixed)
    told = plugin.rows[-1]
    assert told.n_samples == 60
    np.testing.assert_array_equal(told.moving, np.arange(20, 60))
    np.testing.assert_array_equal(told.fixed, fixed.astype(np.float32))
    moved.optimize(1)
    assert len(plugin.rows[-1].moving) == 60
    grown = embedding.extend(blobs[60:70], fixed=True, n_iter=1)
    np.testing.assert_array_equal(plugin.rows[-1].moving, np.arange(60, 70))
    assert len(grown) == 70
    np.testing.assert_array_equal(
        fit(blobs[:60], optimizer="curious"), fit(blobs[:60], optimizer="momentum")
    )


def test_an_optimizer_that_cannot_be_told_breaks_its_claim(plugin, blobs):
    with pytest.raises(ContractError, match='wants "rows", but has no enter_rows'):
        fit(blobs[:60], optimizer="deaf")


# -- Initializers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [list, np.array])
def test_labels_reach_an_initializer(plugin, blobs, kind):
    labels = kind(["abc"[i % 3] for i in range(60)])
    model = TSNE(**QUICK, initialization="by_label")
    start = np.asarray(model.prepare_initial(blobs[:60], labels=labels))
    centers = np.array([start[i::3].mean(axis=0) for i in range(3)])
    assert np.linalg.norm(centers, axis=1) == pytest.approx(1e-4, rel=0.1)
    assert model.fit(blobs[:60], labels=labels).backends["initialization"].name == "by_label"


def test_labels_change_nothing_else(blobs):
    labels = np.arange(60) % 3
    np.testing.assert_array_equal(
        TSNE(**QUICK).fit(blobs[:60], labels=labels), TSNE(**QUICK).fit(blobs[:60])
    )


def test_an_initializer_without_its_labels_is_refused_before_any_work(plugin, blobs):
    model = TSNE(**QUICK, initialization="by_label", neighbors="annoy")
    message = r"'by_label' of tsnekit-mine 0\.1 needs labels; tsnekit\.TSNE takes them"
    with pytest.raises(BackendUnavailableError, match=message):
        model.fit(blobs[:60])
    with pytest.raises(BackendUnavailableError, match="needs labels"):
        TSNE(**QUICK, initialization=plugin.ByLabel()).fit(blobs[:60])


@pytest.mark.parametrize("labels", [np.zeros(59), np.zeros((60, 1)), "abc"])
def test_labels_of_other_rows_are_refused(blobs, labels):
    with pytest.raises(ValueError, match="labels must have a label for each of the 60 rows"):
        TSNE(**QUICK).fit(blobs[:60], labels=labels)


def test_labels_of_the_command_line(plugin, blobs, tmp_path, capsys):
    from tsnekit.cli import main

    np.save(tmp_path / "X.npy", blobs[:60])
    (tmp_path / "labels.txt").write_text("\n".join("ab"[i % 2] for i in range(60)))
    command = ["embed", str(tmp_path / "X.npy"), "--initialization", "by_label", "--quiet"]
    command += ["--n-iter", "1", "--early-exaggeration-iter", "1", "--perplexity", "10"]
    assert main(command) == 2
    assert "needs labels" in capsys.readouterr().err
    assert main([*command, "--labels", str(tmp_path / "labels.txt")]) == 0


# -- The suites ------------------------------------------------------------------------------------


class Methods(GradientMethodConformance):
    name = "curious"


class Optimizers(OptimizerConformance):
    name = "curious"


def test_the_suites_test_the_claims(plugin):
    methods = Methods()
    methods.test_any_seed_is_good()
    methods.test_leaves_the_neighbors_alone()
    methods.test_follows_phases()
    assert plugin.problems[0].neighbors is not None
    optimizers = Optimizers()
    optimizers.test_follows_rows()
    optimizers.test_nothing_is_outside_the_state(20)
    optimizers.test_fixed_points()

    class Initializers(InitializerConformance):
        name = "by_label"

    suite = Initializers()
    spec = suite.registered()
    source = suite._source(spec, np.random.default_rng(0).normal(size=(150, 6)))
    suite.test_positions(plugin.ByLabel(), source, 3)
    suite.test_refuses_a_source_without_what_it_needs(spec)
    suite.test_any_labels(spec, plugin.ByLabel(), source, "text")


def test_the_suites_find_what_is_not_claimed(plugin):
    class Modest(GradientMethodConformance):
        name = "modest"

    with pytest.raises(AssertionError, match="the plan has enter_phase, which nobody calls"):
        Modest().test_follows_phases()

    class Silent(MomentumOptimizer):
        def enter_rows(self, rows):
            pass

    class Unclaimed(OptimizerConformance):
        name = "momentum"

        def build(self):
            return Silent()

    with pytest.raises(AssertionError, match="it has enter_rows, which nobody calls"):
        Unclaimed().test_follows_rows()


@pytest.mark.parametrize(
    ("fault", "test", "message"),
    [
        ("problem.seed % 2", "test_any_seed_is_good", r"seed 1: forces are off by 1\.00e-02"),
        ("phase.exaggeration == 12", "test_follows_phases", "exaggeration 12: forces are off by"),
        ("len(phases) > 1", "test_follows_phases", "forces are off by"),
    ],
)
def test_the_suites_find_false_claims(plugin, fault, test, message):
    class Plan:
        def __init__(self, problem):
            self.problem, self.inner, self.phases = problem, ExactMethod().plan(problem), []

        def enter_phase(self, phase):
            self.phases.append(phase)

        def __call__(self, Y, out, row_z=None):
            z = self.inner(Y, out, row_z)
            names = {"problem": self.problem, "phases": self.phases}
            if self.phases:
                names["phase"] = self.phases[-1]
            if ("phase" not in fault or self.phases) and eval(fault, names):
                out *= np.float32(1.01)
            return z

    class Wrong(Methods):
        def method(self):
            class Method:
                def plan(self, problem):
                    return Plan(problem)

            return Method()

    with pytest.raises(AssertionError, match=message):
        getattr(Wrong(), test)()
