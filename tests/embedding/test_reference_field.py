"""The field of a map, in which new points move. It fits the current map, and is planned once."""

import pickle
import threading
from collections import Counter

import numpy as np
import pytest

from helpers.maps import METHODS, using
from tsnekit.plugins.gradients.exact import ExactMethod

COUNTS = Counter()


class CountingMethod(ExactMethod):
    """Counts the plans of all its copies."""

    def __init__(self, name):
        super().__init__()
        self.name = name
        COUNTS[name] = 0

    @property
    def plans(self):
        return COUNTS[self.name]

    def plan(self, problem):
        COUNTS[self.name] += 1
        return super().plan(problem)


@pytest.mark.parametrize("method", METHODS)
def test_fault_8_the_reference_stays_where_it_is(embedding, data, method):
    using(embedding, method)
    before, P = np.array(embedding), embedding.affinities.matrix.data.copy()
    partial = embedding.prepare_partial(data[1])
    partial.optimize(30, inplace=True, learning_rate=5)
    embedding.transform(data[1], n_iter=30)
    np.testing.assert_array_equal(embedding, before)
    np.testing.assert_array_equal(embedding.affinities.matrix.data, P)


@pytest.mark.parametrize("method", METHODS)
def test_fault_8_the_cached_field_does_not_outlive_a_move(embedding, data, method):
    using(embedding, method)
    without_field = pickle.loads(pickle.dumps(embedding))
    embedding.transform(data[1], n_iter=5)
    for moved in (embedding, without_field):
        moved.optimize(10, inplace=True)
        moved *= 1.5
    expected = without_field.transform(data[1], n_iter=20)
    np.testing.assert_array_equal(embedding.transform(data[1], n_iter=20), expected)


def test_a_partial_embedding_keeps_the_reference_that_it_was_made_for(embedding, data):
    partial = embedding.prepare_partial(data[1])
    expected = partial.optimize(20)
    embedding += 100
    np.testing.assert_array_equal(partial.optimize(20), expected)


def test_fault_26_the_field_is_planned_once(embedding, data):
    method = CountingMethod("only")
    using(embedding, method)
    embedding.transform(data[1], n_iter=3)
    embedding.transform(data[1][:1], n_iter=3)
    embedding.copy().transform(data[1][:2], n_iter=3)
    assert method.plans == 1
    embedding += 1
    embedding.transform(data[1], n_iter=3)
    assert method.plans == 2
    embedding -= 1  # the points are back, except for rounding: only positions count
    embedding.transform(data[1], n_iter=3)
    assert method.plans == 3


def test_plans_are_told_apart_by_options_and_instances(embedding, data):
    first, second = CountingMethod("first"), CountingMethod("second")
    partial = embedding.prepare_partial(data[1])
    partial.optimize(2, negative_gradient_method=first)
    partial.optimize(2, negative_gradient_method=second)
    partial.optimize(2, negative_gradient_method=first, dof=0.5)
    partial.optimize(2, negative_gradient_method=first, dof=0.5)
    assert (first.plans, second.plans) == (2, 1)


def test_the_grid_is_prepared_when_asked_and_used_by_the_next_transform(embedding, data):
    method = CountingMethod("only")
    using(embedding, method)
    embedding.prepare_interpolation_grid(padding=0.5)
    assert method.plans == 1
    embedding.transform(data[1], n_iter=2)
    assert method.plans == 1
    embedding.prepare_interpolation_grid(padding=0.5)
    assert method.plans == 1
    embedding.prepare_interpolation_grid(padding=1)
    assert method.plans == 2


@pytest.mark.parametrize("padding", [0, 0.25, 3])
def test_padding_changes_the_places_within_the_accuracy_of_the_grid_only(embedding, data, padding):
    using(embedding, "mesh")
    expected = embedding.transform(data[1])
    embedding.prepare_interpolation_grid(padding)
    np.testing.assert_allclose(embedding.transform(data[1]), expected, atol=0.2)


@pytest.mark.parametrize(
    ("padding", "error"), [(-0.1, ValueError), ("wide", TypeError), (np.nan, ValueError)]
)
def test_bad_padding(embedding, padding, error):
    with pytest.raises(error, match="padding"):
        embedding.prepare_interpolation_grid(padding)


def test_transforms_in_several_threads_share_a_field(embedding, data):
    using(embedding, "barnes_hut")
    expected = embedding.transform(data[1], n_iter=30)
    results = {}

    def work(i):
        results[i] = embedding.transform(data[1], n_iter=30)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for result in results.values():
        np.testing.assert_array_equal(result, expected)
