"""Points that stay fixed while others move."""

import numpy as np
import pytest

from tsnekit import PartialTSNEEmbedding


@pytest.mark.parametrize("method", ["barnes_hut", "mesh", "exact"])
def test_fixed_points_stay_to_the_bit_and_the_others_move(embedding, method):
    fixed = np.arange(300) % 3 == 0
    embedding += 5  # away from the origin: recentering would move it back
    later = embedding.optimize(20, fixed=fixed, negative_gradient_method=method)
    np.testing.assert_array_equal(later[fixed], embedding[fixed])
    assert (later[~fixed] != embedding[~fixed]).all()


def test_the_other_points_move_as_in_a_free_map(embedding):
    fixed = np.arange(300) < 100
    free = embedding.copy()
    free.optimize(1, inplace=True, negative_gradient_method="exact")
    shift = free[0] - embedding.optimize(1, fixed=~fixed, negative_gradient_method="exact")[0]
    others = embedding.optimize(1, fixed=fixed, negative_gradient_method="exact")
    # One step from the same start: the free map differs only by its recentering.
    np.testing.assert_allclose(others[100:] + shift, free[100:], atol=1e-4)


def test_weights_shorten_steps(embedding):
    def step(weight):
        return embedding.optimize(1, fixed=np.full(300, weight)) - embedding

    whole = step(1e-7)  # nearly free, but not recentered
    np.testing.assert_allclose(step(0.75), whole * 0.25, rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(step(1), 0)


@pytest.mark.parametrize("none", [None, np.zeros(300), np.zeros(300, dtype=bool), [0] * 300])
def test_fixing_nothing_changes_nothing(embedding, none):
    np.testing.assert_array_equal(embedding.optimize(5, fixed=none), embedding.optimize(5))


def test_a_hundred_calls_of_one_equal_one_of_a_hundred(embedding):
    fixed = np.random.default_rng(0).uniform(size=300).round(1)
    fixed[:50] = 1
    step_by_step = embedding.copy()
    for _ in range(30):
        step_by_step.optimize(1, inplace=True, fixed=fixed)
    np.testing.assert_array_equal(step_by_step, embedding.optimize(30, fixed=fixed))


def test_points_keep_their_momentum_and_gains_while_they_are_fixed(embedding):
    before = embedding.optimizer.state()
    fixed = np.arange(300) < 100
    later = embedding.optimize(50, fixed=fixed)
    after = later.optimizer.state()
    for name in ("update", "gains"):
        np.testing.assert_array_equal(after[name][fixed], before[name][fixed])
        assert (after[name][~fixed] != before[name][~fixed]).any()


def test_callbacks_see_map_and_optimizer_together(embedding):
    fixed = np.arange(300) < 100
    copies = []

    def keep(iteration, error, current):
        copies.append(current.copy())

    whole = embedding.optimize(20, fixed=fixed, callbacks=keep, callbacks_every_iters=8)
    np.testing.assert_array_equal(copies[0].optimize(12, fixed=fixed), whole)


def test_new_points_can_be_fixed_too(embedding, data):
    partial = embedding.prepare_partial(data[1])
    fixed = np.arange(60) < 30
    later = partial.optimize(10, fixed=fixed)
    assert type(later) is PartialTSNEEmbedding
    np.testing.assert_array_equal(later[:30], partial[:30])
    np.testing.assert_array_equal(later[30:], partial.optimize(10)[30:])


@pytest.mark.parametrize(
    ("fixed", "error", "message"),
    [
        (np.zeros(299), ValueError, "fixed must have a value for each of the 300 points"),
        ([3, 5, 7], ValueError, "fixed must have a value for each of the 300 points"),
        (np.full(300, 1.5), ValueError, r"weights from 0 \(free\) to 1 \(stays\)"),
        (np.full(300, -0.1), ValueError, "weights from 0"),
        (np.full(300, np.nan), ValueError, "weights from 0"),
        ("all", TypeError, "fixed must be a mask of the points"),
    ],
)
def test_bad_weights_are_refused_before_any_work(embedding, fixed, error, message):
    before = np.array(embedding)
    with pytest.raises(error, match=message):
        embedding.optimize(5, inplace=True, fixed=fixed)
    np.testing.assert_array_equal(embedding, before)
