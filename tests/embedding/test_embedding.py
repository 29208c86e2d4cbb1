"""Embeddings as arrays, and their optimization step by step."""

import copy
import pickle

import joblib
import numpy as np
import pytest
from sklearn.neighbors import kneighbors_graph

from tsnekit import OptimizationInterrupt, TSNEEmbedding
from tsnekit.affinity import Affinities, PrecomputedAffinities
from tsnekit.errors import InterruptedByUser
from tsnekit.plugins.gradients.exact import ExactMethod


@pytest.fixture(scope="module")
def affinities():
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(4, 5)) * 4, 20, axis=0) + rng.normal(size=(80, 5))
    graph = kneighbors_graph(X, 10)
    return PrecomputedAffinities(graph + graph.T)


@pytest.fixture
def start():
    return np.random.default_rng(1).normal(size=(80, 2)) * 1e-4


@pytest.fixture
def embedding(start, affinities):
    return TSNEEmbedding(start, affinities, negative_gradient_method="exact")


# -- Being an array --------------------------------------------------------------------------------


def test_is_an_array_in_use(embedding, start):
    assert isinstance(embedding, np.ndarray)
    assert embedding.shape == (80, 2)
    assert embedding.dtype == np.float32
    np.testing.assert_array_equal(embedding, start.astype(np.float32))
    np.testing.assert_array_equal(np.asarray(embedding), start.astype(np.float32))


@pytest.mark.parametrize(
    "derive",
    [
        lambda e: e[:5],
        lambda e: e[:, 0],
        lambda e: e[e[:, 0] > 0],
        lambda e: e + 1,
        lambda e: 2 * e,
        lambda e: np.exp(e),
        lambda e: e.mean(axis=0),
        lambda e: np.concatenate([e, e]),
        lambda e: np.vstack([e, e]),
        lambda e: e.T,
        lambda e: np.linalg.svd(e, full_matrices=False)[0],
        lambda e: next(iter(e)),
        lambda e: e @ e.T,
    ],
)
def test_fault_11_what_numpy_derives_is_a_plain_array(embedding, derive):
    derived = derive(embedding)
    assert type(derived) is np.ndarray
    expected = derive(np.asarray(embedding))
    np.testing.assert_array_equal(derived, expected)


def test_a_view_that_is_asked_for_as_an_embedding_says_what_it_lacks(embedding):
    view = embedding.view(TSNEEmbedding)
    with pytest.raises(AttributeError, match="derived from an embedding and holds positions only"):
        view.optimize(1)


def test_arithmetic_in_place_keeps_the_embedding(embedding, start):
    same = embedding
    embedding += 1
    assert embedding is same
    embedding.optimize(1, inplace=True)
    np.testing.assert_allclose(embedding.mean(axis=0), 0, atol=1e-6)


@pytest.mark.parametrize(
    "duplicate",
    [
        lambda e: e.copy(),
        copy.copy,
        copy.deepcopy,
        lambda e: pickle.loads(pickle.dumps(e)),
    ],
)
def test_fault_11_copies_and_pickles_continue_like_the_original(embedding, duplicate):
    embedding.optimize(5, inplace=True)
    other = duplicate(embedding)
    assert type(other) is TSNEEmbedding
    assert other.state.iteration == 5
    assert not np.shares_memory(other, embedding)
    np.testing.assert_array_equal(other.optimize(10), embedding.optimize(10))


def test_joblib_round_trip(embedding, tmp_path):
    embedding.optimize(5, inplace=True)
    joblib.dump(embedding, tmp_path / "embedding.joblib")
    other = joblib.load(tmp_path / "embedding.joblib")
    np.testing.assert_array_equal(other.optimize(3), embedding.optimize(3))


def test_given_positions_are_never_changed(embedding, start):
    before = start.copy()
    embedding.optimize(3, inplace=True)
    np.testing.assert_array_equal(start, before)


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        (np.zeros((79, 2)), r"embedding must have shape \(80, 2\)"),
        (np.zeros(80), "embedding must be two-dimensional"),
        (np.full((80, 2), np.nan), "embedding holds NaN"),
    ],
)
def test_bad_positions(affinities, positions, message):
    with pytest.raises(ValueError, match=message):
        TSNEEmbedding(positions, affinities)


# -- Being optimized -------------------------------------------------------------------------------


def test_optimization_lowers_the_divergence(embedding):
    first = embedding.kl_divergence
    later = embedding.optimize(100, learning_rate=10)
    assert later.kl_divergence < first / 2
    assert embedding.kl_divergence == first  # a copy moved, not this


def test_fault_12_a_hundred_calls_of_one_equal_one_of_a_hundred(embedding):
    at_once = embedding.optimize(100, learning_rate=10)
    step_by_step = embedding.copy()
    for _ in range(100):
        step_by_step = step_by_step.optimize(1, learning_rate=10)
    np.testing.assert_array_equal(at_once, step_by_step)
    assert step_by_step.state.iteration == 100


def test_inplace_returns_the_embedding_itself(embedding):
    assert embedding.optimize(2, inplace=True) is embedding
    assert embedding.optimize(2, inplace=False) is not embedding


def test_exaggeration_leaves_affinities_as_they_are(embedding, affinities):
    before = affinities.matrix.data.copy()
    embedding.optimize(3, exaggeration=12, inplace=True)
    np.testing.assert_array_equal(affinities.matrix.data, before)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_iter": -1}, ValueError, "n_iter must be at least 0"),
        ({"n_iter": 1.5}, TypeError, "n_iter must be an integer"),
        ({"learning_rat": 3}, TypeError, "did you mean 'learning_rate'"),
        ({"learning_rate": "fast"}, ValueError, "learning_rate must be 'auto'"),
        ({"learning_rate": 0}, ValueError, "learning_rate must be greater than 0"),
        ({"exaggeration": -1}, ValueError, "exaggeration must be greater than 0"),
        ({"momentum": "big"}, TypeError, "momentum must be a real number"),
        ({"theta": -0.1}, ValueError, "theta must be at least 0"),
        ({"dof": 0}, ValueError, "dof must be at least 1e-30"),
        ({"max_step_norm": 0}, ValueError, "max_step_norm must be greater than 0"),
        ({"n_jobs": 0}, ValueError, "n_jobs=0"),
        ({"callbacks_every_iters": 0}, ValueError, "callbacks_every_iters must be at least 1"),
        ({"callbacks": 3}, TypeError, "callbacks must be a callable"),
        ({"negative_gradient_method": "x"}, ValueError, "negative_gradient_method='x'"),
        ({"negative_gradient_method": None}, TypeError, "negative_gradient_method must be"),
        ({"gradient_params": {"x": 1}}, TypeError, "gradient_params: 'x'"),
    ],
)
def test_bad_parameters_are_refused_before_any_work(embedding, parameters, error, message):
    before = np.array(embedding)
    with pytest.raises(error, match=message):
        embedding.optimize(**({"n_iter": 5, "inplace": True} | parameters))
    np.testing.assert_array_equal(embedding, before)
    assert embedding.state.iteration == 0


def test_whole_gradient_plugins_replace_attraction_too(affinities, start, fake_entry_points):
    (entry_point,) = fake_entry_points("tsnekit-good")
    method = entry_point.load().Method()
    mine = TSNEEmbedding(start, affinities, negative_gradient_method=method)
    exact = TSNEEmbedding(start, affinities, negative_gradient_method="exact")
    assert mine.kl_divergence == pytest.approx(exact.kl_divergence, abs=1e-6)
    mine, exact = (e.optimize(20, learning_rate=10, exaggeration=2) for e in (mine, exact))
    np.testing.assert_allclose(mine, exact, atol=1e-3 * np.abs(exact).max())


def test_optimizer_plugins_take_the_place_of_momentum(affinities, start, fake_entry_points):
    (entry_point,) = fake_entry_points("tsnekit-good")
    optimizer = entry_point.load().Descent(rate=0.5)
    embedding = TSNEEmbedding(
        start, affinities, negative_gradient_method="exact", optimizer=optimizer
    )
    first = embedding.kl_divergence
    assert embedding.optimize(200, learning_rate=20).kl_divergence < first
    assert embedding.optimizer.rate == 0.5
    assert embedding.optimizer is not optimizer


# -- Callbacks and interruptions -------------------------------------------------------------------


def test_fault_10_all_callbacks_are_called_and_know_where_they_are(embedding):
    plain, states, started = [], [], []

    class Watcher:
        def optimization_about_to_start(self):
            started.append(True)

        def __call__(self, iteration, error, current, state):
            states.append((iteration, state.global_iteration, state.phase.name, state.error))

    def record(iteration, error, current):
        plain.append((iteration, error))
        assert type(current) is TSNEEmbedding

    embedding.optimize(3, inplace=True)
    embedding.optimize(10, callbacks=[record, Watcher()], callbacks_every_iters=5, inplace=True)
    assert [iteration for iteration, _ in plain] == [5, 10]
    assert [(s[0], s[1]) for s in states] == [(5, 8), (10, 13)]
    assert [error for _, error in plain] == [state[3] for state in states]
    assert plain[-1][1] == embedding.kl_divergence
    assert started == [True]


@pytest.mark.parametrize("inplace", [True, False])
def test_callback_that_stops(embedding, inplace):
    parameters = {"callbacks": lambda i, e, y: i == 6, "callbacks_every_iters": 3}
    stopped = embedding.optimize(50, inplace=inplace, **parameters)
    assert stopped.state.iteration == 6
    assert (stopped is embedding) == inplace

    other = embedding.copy()
    with pytest.raises(OptimizationInterrupt) as caught:
        other.optimize(50, inplace=inplace, propagate_exception=True, **parameters)
    final = caught.value.final_embedding
    assert (final is other) == inplace
    assert caught.value.error == final.kl_divergence
    np.testing.assert_array_equal(final.optimize(4), embedding.optimize(10))


def test_every_callback_is_called_though_the_first_one_stops(embedding):
    calls = []
    callbacks = [lambda i, e, y: True, lambda i, e, y: calls.append(i)]
    embedding.optimize(50, callbacks=callbacks, callbacks_every_iters=2)
    assert calls == [2]


def test_fault_9_exception_of_a_callback_leaves_everything_whole(embedding, affinities):
    before = affinities.matrix.data.copy()

    def fail(iteration, error, current):
        raise RuntimeError("disk full")

    expected = embedding.optimize(4, exaggeration=12)
    with pytest.raises(RuntimeError, match="disk full"):
        embedding.optimize(
            10, exaggeration=12, callbacks=fail, callbacks_every_iters=4, inplace=True
        )
    np.testing.assert_array_equal(affinities.matrix.data, before)
    np.testing.assert_array_equal(embedding, expected)
    np.testing.assert_array_equal(embedding.optimize(3), expected.optimize(3))


@pytest.mark.parametrize("inplace", [True, False])
def test_fault_9_ctrl_c_keeps_the_current_map(embedding, affinities, inplace):
    before = affinities.matrix.data.copy()

    def press(iteration, error, current):
        raise KeyboardInterrupt

    expected = embedding.optimize(4, exaggeration=12)
    with pytest.raises(KeyboardInterrupt) as caught:
        embedding.optimize(
            10, exaggeration=12, callbacks=press, callbacks_every_iters=4, inplace=inplace
        )
    assert isinstance(caught.value, InterruptedByUser)
    np.testing.assert_array_equal(caught.value.final_embedding, expected)
    np.testing.assert_array_equal(affinities.matrix.data, before)


def test_plan_is_kept_between_calls_and_dropped_when_it_no_longer_fits(embedding, monkeypatch):
    planned, original = [], ExactMethod.plan

    def plan(self, problem):
        planned.append(problem.dof)
        return original(self, problem)

    monkeypatch.setattr(ExactMethod, "plan", plan)
    embedding.optimize(1, inplace=True)
    embedding.optimize(1, inplace=True)
    assert planned == [1]
    embedding.optimize(1, inplace=True, dof=0.5)
    assert planned == [1, 0.5]


def test_other_affinities_need_another_plan(affinities, start):
    first, second = affinities.matrix, PrecomputedAffinities(np.ones((80, 80)) - np.eye(80)).matrix
    holder = Affinities(first)
    embedding = TSNEEmbedding(start, holder, negative_gradient_method="exact")
    before = embedding.kl_divergence
    holder.matrix = second
    assert embedding.kl_divergence != before
