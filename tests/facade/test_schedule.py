"""The schedules of TSNE, from the parameters to maps that go on."""

import logging
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from tsnekit._native.update import center

import tsnekit
import tsnekit.sklearn
from tsnekit import TSNE
from tsnekit.errors import InterruptedByUser
from tsnekit.interfaces import Phase
from tsnekit.plugins.optimizers.momentum import MomentumOptimizer

CONVERGE = {"schedule": "converge", "random_state": 0}


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    return np.repeat(rng.normal(size=(6, 5)) * 4, 50, axis=0) + rng.normal(size=(300, 5))


@pytest.fixture(scope="module")
def converged(rows):
    return TSNE(**CONVERGE).fit(rows)


def same(embedding, expected):
    np.testing.assert_array_equal(embedding, expected)
    assert embedding.state.iteration == expected.state.iteration
    assert embedding.state.exaggeration == expected.state.exaggeration
    assert embedding.kl_divergence == expected.kl_divergence
    for name, array in expected.optimizer.state().items():
        np.testing.assert_array_equal(embedding.optimizer.state()[name], array)


# -- The documented schedule -----------------------------------------------------------------------


def test_the_documented_schedule_is_250_and_500_iterations_of_plain_momentum(rows):
    found = TSNE(random_state=0).fit(rows)
    start = TSNE(random_state=0).prepare_initial(rows)
    plan, Y = start._plan(start.state.parameters), np.array(start)
    optimizer, forces, mean = MomentumOptimizer(), np.empty_like(Y), np.empty(2)
    optimizer.start(Y)
    for n_iter, exaggeration in ((250, 12.0), (500, 1.0)):
        phase = Phase(
            name="by hand",
            n_iter=n_iter,
            learning_rate=len(Y) / exaggeration,
            momentum=0.8,
            max_step_norm=5,
        )
        for _ in range(n_iter):
            plan.gradient(Y, forces, exaggeration)
            optimizer.step(Y, forces, phase)
            center(Y, mean, 1)
    np.testing.assert_array_equal(found, Y)
    assert [end.n_iter for end in found.endings.values()] == [250, 500]
    assert {end.reason for end in found.endings.values()} == {
        "it took the given number of iterations"
    }


def test_the_documented_schedule_is_the_default_and_decides_nothing(rows):
    short = {"n_iter": 5, "early_exaggeration_iter": 5, "random_state": 0}
    np.testing.assert_array_equal(
        TSNE(**short).fit(rows), TSNE(schedule="documented", **short).fit(rows)
    )


# -- The schedule that converges -------------------------------------------------------------------


def test_phases_end_by_themselves_and_say_why(converged, rows):
    early, late = converged.endings["early exaggeration"], converged.endings["optimization"]
    assert 30 <= early.n_iter < 250
    assert early.reason == "the steepest fall of the KL divergence lay behind it"
    assert 100 <= late.n_iter < 1000
    assert "changed by no more than 0.02 of itself" in late.reason
    assert converged.state.iteration == early.n_iter + late.n_iter
    assert converged.backends["optimizer"].name == "accelerated"
    assert converged.kl_divergence < TSNE(random_state=0).fit(rows).kl_divergence * 1.01


def test_exaggeration_has_faded_at_the_end_and_on_the_way_is_told_to_callbacks(rows):
    seen = []

    def watch(iteration, error, embedding, state):
        seen.append((state.phase.name, state.phase.exaggeration, state.phase.learning_rate))

    embedding = TSNE(callbacks=watch, callbacks_every_iters=1, **CONVERGE).fit(rows)
    late = [each[1:] for each in seen if each[0] == "optimization"]
    exaggerations = np.array([exaggeration for exaggeration, _ in late])
    np.testing.assert_allclose(exaggerations[:10], 12 * 0.97 ** np.arange(1, 11))
    assert (np.diff(exaggerations) <= 0).all()
    assert late[-1] == (1.0, len(rows))
    assert embedding.state.exaggeration == 1.0


def test_the_end_of_each_phase_is_logged(rows, caplog):
    with caplog.at_level(logging.INFO, logger="tsnekit"):
        TSNE(**CONVERGE).fit(rows)
    assert "early exaggeration ended after " in caplog.text
    assert "iterations: the steepest fall of the KL divergence lay behind it" in caplog.text
    assert "iterations: the KL divergence changed by no more than 0.02" in caplog.text


def test_the_map_is_the_same_for_any_n_jobs(converged, rows):
    same(TSNE(n_jobs=2, **CONVERGE).fit(rows), converged)


def test_the_tolerance_decides_how_long_the_second_phase_takes(converged, rows):
    lengths = [
        TSNE(tolerance=tolerance, **CONVERGE).fit(rows).endings["optimization"].n_iter
        for tolerance in (0.5, 0.0001)
    ]
    assert 100 <= lengths[0] < converged.endings["optimization"].n_iter < lengths[1]


def test_parameters_that_are_given_are_kept(rows):
    embedding = TSNE(
        n_iter=12, optimizer="accelerated", final_momentum=0.9, fade=0.5, **CONVERGE
    ).fit(rows)
    assert embedding.endings["optimization"].n_iter == 12
    assert embedding.endings["early exaggeration"].n_iter >= 30
    assert embedding.gradient_descent_params["momentum"] == 0.9
    assert embedding.gradient_descent_params["fade"] == 0.5
    fixed = TSNE(early_exaggeration_iter=7, n_iter=3, optimizer="momentum", **CONVERGE).fit(rows)
    assert [end.n_iter for end in fixed.endings.values()] == [7, 3]


def test_auto_needs_no_schedule(rows):
    embedding = TSNE(early_exaggeration_iter="auto", n_iter="auto", random_state=0).fit(rows)
    assert 30 <= embedding.endings["early exaggeration"].n_iter < 250
    assert 100 <= embedding.endings["optimization"].n_iter < 1000
    assert embedding.backends["optimizer"].name == "momentum"


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"schedule": "convrge"}, ValueError, "schedule must be 'documented' or 'converge', got"),
        ({"schedule": "convrge"}, ValueError, "did you mean 'converge'"),
        ({"schedule": None}, TypeError, "schedule must be a string"),
        (
            {"early_exaggeration_iter": "x"},
            ValueError,
            "early_exaggeration_iter must be an integer",
        ),
        ({"n_iter": "x"}, ValueError, "n_iter must be an integer from 0 up or 'auto'"),
        ({"tolerance": -1}, ValueError, "tolerance must be at least 0"),
        ({"tolerance": "x"}, TypeError, "tolerance must be a real number"),
        ({"fade": 2}, ValueError, "fade must be at most 1"),
        ({"schedule": "converge", "optimizer_params": {"x": 1}}, TypeError, "optimizer_params"),
    ],
)
def test_bad_parameters_name_themselves_before_any_work(parameters, error, message, monkeypatch):
    def work(*args, **kwargs):
        raise AssertionError("work has started")

    monkeypatch.setattr("tsnekit._facade.prepare.compute_affinities", work)
    with pytest.raises(error, match=message):
        TSNE(**parameters).fit(np.zeros((50, 4)))


# -- Maps that go on -------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", ["save", "pickle", "copy"])
@pytest.mark.parametrize("after", [20, 150])
def test_a_map_goes_on_to_the_bit(rows, after, kept, tmp_path):
    whole = TSNE(n_iter=after + 40, **CONVERGE).fit(rows)
    part = TSNE(n_iter=after, **CONVERGE).fit(rows)
    if kept == "save":
        part.save(tmp_path / "map.tsne")
        again = tsnekit.load(tmp_path / "map.tsne")
        assert again.endings == part.endings
    else:
        again = pickle.loads(pickle.dumps(part)) if kept == "pickle" else part.copy()
    same(again.optimize(40), whole)


def test_calls_of_one_iteration_are_one_call_of_many(rows):
    start = TSNE(n_iter=0, **CONVERGE).fit(rows)
    single = start.copy()
    for _ in range(60):
        single.optimize(1, inplace=True)
    same(single, start.optimize(60))


def test_going_on_until_the_map_has_converged(rows):
    start = TSNE(n_iter=30, **CONVERGE).fit(rows)
    end = start.optimize("auto", tolerance=0.5)
    n_iter = end.endings["optimization"].n_iter
    assert n_iter >= 100
    same(end, start.optimize(n_iter))


def test_new_points_are_placed_and_the_map_grows(converged, rows):
    placed = converged.transform(rows[:20] + 0.1)
    assert placed.endings["optimization"].n_iter == 250
    nearest = np.linalg.norm(np.asarray(placed)[:, None] - np.asarray(converged), axis=2).argmin(1)
    assert (nearest // 50 == np.arange(20) // 50).mean() > 0.9
    assert placed.optimize("auto", exaggeration=1.5).endings["optimization"].n_iter >= 100
    fixed = converged.extend(rows[:20] + 0.1, fixed=True, n_iter="auto")
    np.testing.assert_array_equal(fixed[: len(rows)], converged)
    assert 100 <= fixed.endings["optimization"].n_iter <= 1000


def test_a_callback_or_ctrl_c_ends_it_and_is_recorded(rows):
    stopped = TSNE(callbacks=lambda *_: True, callbacks_every_iters=7, **CONVERGE).fit(rows)
    end = stopped.endings["early exaggeration"]
    assert (end.n_iter, end.reason) == (7, "a callback ended it")

    def press(iteration, error, embedding):
        raise KeyboardInterrupt

    with pytest.raises(InterruptedByUser) as caught:
        TSNE(callbacks=press, callbacks_every_iters=9, **CONVERGE).fit(rows)
    end = caught.value.final_embedding.endings["early exaggeration"]
    assert (end.n_iter, end.reason) == (9, "Ctrl-C ended it")

    def fail(iteration, error, embedding):
        raise RuntimeError("no")

    embedding = TSNE(**CONVERGE).prepare_initial(rows)
    with pytest.raises(RuntimeError):
        embedding.optimize("auto", inplace=True, callbacks=fail, callbacks_every_iters=5)
    end = embedding.endings["optimization"]
    assert (end.n_iter, end.reason) == (5, "an error ended it")


# -- Elsewhere -------------------------------------------------------------------------------------


def test_the_transformer_has_it(converged, rows):
    model = clone(tsnekit.sklearn.TSNE(**CONVERGE))
    np.testing.assert_array_equal(model.fit_transform(rows), converged)
    assert model.n_iter_ == converged.state.iteration


def test_a_whole_gradient_that_has_no_divergence_in_one_pass_is_asked_twice(rows):
    class Plan:
        def gradient(self, Y, out, exaggeration):
            out[...] = Y

        def kl_divergence(self, Y):
            return 1.0

    class Method:
        def plan(self, problem):
            return Plan()

    embedding = TSNE(negative_gradient_method=Method(), **CONVERGE).fit(rows)
    # The fade takes 82 iterations, and so the first look is the 100th, the second the 150th.
    assert embedding.endings["optimization"].n_iter == 150
    assert embedding.endings["early exaggeration"].n_iter == 250
