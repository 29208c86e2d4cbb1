"""Plans: compared by content, shared by threads, freed with their embedding."""

import gc
import threading
import weakref
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest

from tsnekit import TSNE
from tsnekit._descent.plan import snapshot
from tsnekit.plugins.gradients.barnes_hut import BarnesHutMethod
from tsnekit.plugins.gradients.exact import ExactMethod

METHODS = ("barnes_hut", "fft", "mesh", "exact")
QUICK = {"early_exaggeration_iter": 5, "n_iter": 10, "random_state": 0}


@dataclass
class Unhashable:
    """A gradient method that cannot be a key of a dictionary."""

    weights: list = field(default_factory=lambda: [1, 2])

    def plan(self, problem):
        return ExactMethod().plan(problem)


class Slots:
    __slots__ = ("theta",)

    def __init__(self, theta):
        self.theta = theta


class Plain:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Table(ExactMethod):
    """A method whose option is an array. The option scales the forces."""

    def __init__(self, *, table=None):
        super().__init__()
        self.table = table

    def plan(self, problem):
        exact, strength = super().plan(problem), self.table[5_000]

        def repulsion(Y, out, row_z=None):
            z = exact(Y, out, row_z)
            out *= strength
            return z

        return repulsion


# -- How plans are compared ------------------------------------------------------------------------


def long_array(changed):
    values = np.zeros(10_000)
    values[5_000] = changed
    return values


def cycle(value):
    items = [value]
    items.append(items)
    return items


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x,
        lambda x: [x, 2],
        lambda x: {"a": {"b": (1, x)}},
        lambda x: {x, 3},
        long_array,
        lambda x: np.array([x, "text"], dtype=object),
        lambda x: np.ma.masked_equal([0, 1, 2, 3], x),
        lambda x: Plain(theta=x),
        lambda x: Plain(inner=Plain(table=long_array(x))),
        lambda x: Slots(x),
        lambda x: Unhashable([x]),
        lambda x: BarnesHutMethod(theta=x),
        lambda x: partial(max, x),
        lambda x: np.random.RandomState(x),
        cycle,
    ],
)
def test_snapshots_compare_by_content(make):
    assert snapshot(make(1)) == snapshot(make(1))
    assert snapshot(make(1)) != snapshot(make(2))
    hash(snapshot(make(1)))


def test_snapshots_stay_what_they_are():
    value = Plain(theta=[1])
    before = snapshot(value)
    value.theta.append(2)
    assert snapshot(value) != before


def test_types_functions_and_shapes_are_told_apart():
    def function():
        pass

    assert snapshot(function) == snapshot(function)
    assert snapshot(function) != snapshot(lambda: None)
    assert snapshot(1) != snapshot(True)
    assert snapshot(np.zeros((2, 3))) != snapshot(np.zeros((3, 2)))
    assert snapshot(np.zeros(2, np.float32)) != snapshot(np.zeros(1, np.float64))
    assert snapshot(Plain(theta=1)) != snapshot(Slots(1))


def test_what_cannot_be_read_equals_nothing():
    value = Plain(lock=threading.Lock())
    assert snapshot(value) != snapshot(value)


def test_a_changed_method_is_planned_again(blobs):
    method = BarnesHutMethod(theta=1.5)
    embedding = TSNE(**QUICK, negative_gradient_method=method).fit(blobs)
    rough = embedding.kl_divergence
    moved = embedding.transform(blobs[:5])
    method.theta = 0.0
    exact = embedding.copy().optimize(0, negative_gradient_method="exact", inplace=True)
    exact.state.parameters = exact.state.parameters.replace(negative_gradient_method="exact")
    assert embedding.kl_divergence == pytest.approx(exact.kl_divergence, abs=1e-6)
    assert embedding.kl_divergence != rough
    expected = exact.transform(blobs[:5])
    np.testing.assert_allclose(embedding.transform(blobs[:5]), expected, atol=1e-3)
    assert np.abs(np.asarray(moved) - np.asarray(expected)).max() > 1e-3


def test_long_arrays_that_differ_in_their_middle_are_different_options(blobs):
    embedding = TSNE(**QUICK, negative_gradient_method=Table(table=long_array(1.0))).fit(blobs)
    weak, strong = (
        embedding.optimize(5, negative_gradient_method=Table(table=long_array(strength)))
        for strength in (1.0, 2.0)
    )
    assert repr(long_array(1.0)) == repr(long_array(2.0))
    assert (weak != strong).any()
    places = embedding.prepare_partial(blobs[:5])
    weak, strong = (
        places.optimize(5, negative_gradient_method=Table(table=long_array(strength)))
        for strength in (1.0, 2.0)
    )
    assert (weak != strong).any()


def test_methods_that_cannot_be_hashed_serve_new_points(blobs):
    embedding = TSNE(**QUICK, negative_gradient_method=Unhashable()).fit(blobs)
    assert embedding.transform(blobs[:5], n_iter=3).shape == (5, 2)


# -- Memory ----------------------------------------------------------------------------------------


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("method", METHODS)
def test_what_a_map_has_planned_is_freed_with_it_at_once(blobs, method, no_collector):
    embedding = TSNE(**QUICK, negative_gradient_method=method).fit(blobs)
    partial_embedding = embedding.prepare_partial(blobs[:5]).optimize(5)
    assert np.isfinite([embedding.kl_divergence, partial_embedding.kl_divergence]).all()
    kept = [embedding, partial_embedding, embedding.affinities.matrix]
    plans = [each.state.plans._plans[0] for each in kept[:2]]
    repulsions = [plan._planned._repulsion for plan in plans]
    of_reference = repulsions[1]._planned
    kept += [*plans, *repulsions, of_reference]
    kept += [each._field for each in (repulsions[0], of_reference) if hasattr(each, "_field")]
    if method in ("fft", "mesh"):
        assert len(kept) == 10
    alive = [weakref.ref(each) for each in kept]
    del embedding, partial_embedding, kept, plans, repulsions, of_reference
    assert [each() for each in alive] == [None] * len(alive)
