"""An instance given for an extension point is a recipe: every use takes a copy of it."""

import copy
import threading

import numpy as np
import pytest
from sklearn.base import clone

import tsnekit.sklearn
from helpers.forces import Pull
from tsnekit import TSNE
from tsnekit.plugins.affinities.perplexity import PerplexityKernel
from tsnekit.plugins.gradients.exact import ExactMethod
from tsnekit.plugins.initializers.random import RandomInitializer
from tsnekit.plugins.neighbors.exact import ExactSearch
from tsnekit.plugins.optimizers.momentum import MomentumOptimizer
from tsnekit.specs import POINTS

QUICK = {"perplexity": 5, "early_exaggeration_iter": 10, "n_iter": 20, "random_state": 0}


class Search(ExactSearch):
    used = 0

    def fit(self, X, problem):
        self.used += 1
        return super().fit(X, problem)


class Kernel(PerplexityKernel):
    used = 0

    def weights(self, distances, *, n_jobs=1):
        self.used += 1
        return super().weights(distances, n_jobs=n_jobs)


class Initializer(RandomInitializer):
    used = 0

    def __call__(self, source, n_components, rng):
        self.used += 1
        return super().__call__(source, n_components, rng)


class Method(ExactMethod):
    used = 0

    def plan(self, problem):
        self.used += 1
        return super().plan(problem)


class Optimizer(MomentumOptimizer):
    used = 0

    def step(self, Y, gradient, phase):
        self.used += 1
        super().step(Y, gradient, phase)


class Force(Pull):
    used = 0

    def prepare(self, problem):
        self.used += 1
        return super().prepare(problem)


INSTANCES = {
    "neighbors": Search,
    "affinity": lambda: Kernel(perplexity=5),
    "initialization": Initializer,
    "negative_gradient_method": Method,
    "optimizer": Optimizer,
    "forces": Force,
}
AS_NAME = {
    "neighbors": "exact",
    "affinity": "perplexity",
    "initialization": "random",
    "negative_gradient_method": "exact",
    "optimizer": "momentum",
    "forces": Pull(),  # no force term is built in
}


@pytest.fixture(params=POINTS)
def point(request):
    return request.param


def model_with(point, given):
    return TSNE(**QUICK, **{"negative_gradient_method": "exact"} | {point: given})


def placed(embedding, rows, n_iter):
    return embedding.transform(rows, n_iter=n_iter, forces=None)


def test_every_point_is_here():
    assert set(INSTANCES) == set(AS_NAME) == set(POINTS)


def test_a_fit_leaves_nothing_in_an_instance(point, blobs):
    instance = INSTANCES[point]()
    before = copy.deepcopy(vars(instance))
    placed(model_with(point, instance).fit(blobs[:60]), blobs[60:70], 5)
    assert vars(instance) == before
    assert instance.used == 0


def test_fits_by_one_instance_do_not_depend_on_one_another(point, blobs):
    first, second = blobs[:60], blobs[100:180]
    model, fresh = (model_with(point, given) for given in (INSTANCES[point](), AS_NAME[point]))
    fitted, expected = model.fit(first), fresh.fit(first)
    np.testing.assert_array_equal(model.fit(second), fresh.fit(second))
    # The first map, now that the instance served another one.
    np.testing.assert_array_equal(fitted, expected)
    new = blobs[60:70]
    np.testing.assert_array_equal(placed(fitted, new, 10), placed(expected, new, 10))
    np.testing.assert_array_equal(fitted.optimize(5), expected.optimize(5))
    np.testing.assert_array_equal(model.fit(first), expected)


def test_a_clone_has_nothing_of_a_fit(point, blobs):
    options = {"negative_gradient_method": "exact"} | {point: INSTANCES[point]()}
    model = tsnekit.sklearn.TSNE(**QUICK, **options)
    fitted = model.fit_transform(blobs[:60])
    cloned = clone(model)
    given = cloned.get_params()[point]
    assert vars(given) == vars(INSTANCES[point]())
    np.testing.assert_array_equal(cloned.fit_transform(blobs[:60]), fitted)


def test_an_instance_that_cannot_be_copied_is_refused_before_any_work(point, blobs, monkeypatch):
    def search(*_):
        raise AssertionError("the work began")

    instance = INSTANCES[point]()
    instance.lock = threading.Lock()
    monkeypatch.setattr(ExactSearch, "neighbors", search)
    message = f"{point} must be the name of a backend or an instance that copy.deepcopy can copy"
    with pytest.raises(TypeError, match=message):
        model_with(point, instance).fit(blobs[:60])


def test_an_optimizer_with_a_state_starts_anew(blobs):
    started = MomentumOptimizer()
    started.start(np.zeros((7, 2), dtype=np.float32))
    fitted = TSNE(**QUICK, optimizer=started).fit(blobs)
    np.testing.assert_array_equal(fitted, TSNE(**QUICK).fit(blobs))
    assert started.state()["update"].shape == (7, 2)
