"""Wrong plugins that look right: the suites find each of them, and say what is wrong."""

import dataclasses
import inspect
import os
import pkgutil
from unittest import mock

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from helpers.forces import Pull
from tsnekit._descent.gradient import KLGradient
from tsnekit.interfaces import NeighborGraph
from tsnekit.plugins.gradients.exact import ExactMethod
from tsnekit.plugins.neighbors.exact import ExactSearch
from tsnekit.plugins.optimizers.momentum import MomentumOptimizer
from tsnekit.specs import ForceSpec, GradientSpec, NeighborSpec, OptimizerSpec
from tsnekit.testing import (
    ForceTermConformance,
    GradientMethodConformance,
    NeighborSearchConformance,
    OptimizerConformance,
)


def found(test, message, *arguments):
    with pytest.raises((AssertionError, pytest.fail.Exception), match=message) as caught:
        test(*arguments)
    print(str(caught.value).partition("\n")[0])


# -- Gradient methods ------------------------------------------------------------------------------


RIDGES = ("ridge", "half a ridge")
"""Gradients of another objective, the second one of which is not that of its loss."""


class Whole:
    """A whole gradient by the core's own attraction, with one fault."""

    planned: list = []  # noqa: RUF012

    def __init__(self, fault):
        self.fault = fault

    def plan(self, problem):
        plan = Whole(self.fault)
        plan.calls = 0
        plan.inner = KLGradient(
            problem.affinities, ExactMethod().plan(problem), dof=problem.dof, n_jobs=1
        )
        if self.fault == "keeps the affinities of another map":
            Whole.planned.append(problem.affinities)
            first = Whole.planned[0]
            if first.shape[0] <= len(problem.affinities.indptr) - 1:
                plan.inner = KLGradient(
                    grown(first, problem.affinities),
                    ExactMethod().plan(problem),
                    dof=problem.dof,
                    n_jobs=1,
                )
        return plan

    def gradient(self, Y, out, exaggeration):
        self.calls += 1
        self.inner.gradient(Y, out, exaggeration)
        if self.fault == "drifts with its calls":
            out *= np.float32(1 + 1e-6 * self.calls)
        if self.fault in RIDGES:
            out += np.float32({"ridge": 0.5, "half a ridge": 0.25}[self.fault] / len(Y)) * Y
        if self.fault == "adds noise":
            out += np.float32(1e-6) * np.random.normal(size=out.shape)  # noqa: NPY002

    def loss(self, Y):
        return self.kl_divergence(Y) + float((Y.astype(float) ** 2).sum()) / len(Y)

    def kl_divergence(self, Y):
        return self.inner.kl_divergence(Y) + (0.01 if self.fault == "KL off by .01" else 0)


def grown(few, many):
    """Return affinities of few points as if they were those of many."""
    indptr = np.full_like(many.indptr, few.indptr[-1])
    indptr[: len(few.indptr)] = few.indptr
    return dataclasses.replace(few, indptr=indptr, shape=many.shape)


class Gradients(GradientMethodConformance):
    def __init__(self, fault):
        self.fault = fault
        Whole.planned = []

    def spec(self):
        objective = {"objective": "ridge"} if self.fault in RIDGES else {}
        return GradientSpec(name="wrong", factory="unused:unused", whole_gradient=True, **objective)

    def method(self):
        return Whole(self.fault)


@pytest.mark.parametrize(
    ("fault", "test", "message"),
    [
        (
            "drifts with its calls",
            "test_whole_gradient_repeats",
            "2d-dof1: after other calls, the gradient of the same points differs by 3.*e-05",
        ),
        (
            "adds noise",
            "test_whole_gradient_repeats",
            "after other calls, the gradient of the same points differs by",
        ),
        ("KL off by .01", "test_whole_gradient", r"2d-dof1: KL is off by 1\.00e-02"),
        (
            "keeps the affinities of another map",
            "test_maps_with_held_and_new_points",
            "the KL divergence of a map that has grown is off by",
        ),
    ],
)
def test_whole_gradients(fault, test, message):
    arguments = [1] if test.startswith("test_maps") else []
    getattr(Gradients(None), test)(*arguments)
    found(getattr(Gradients(fault), test), message, *arguments)


def test_a_gradient_that_is_not_that_of_its_objective():
    Gradients("ridge").test_whole_gradient()
    Gradients("ridge").test_whole_gradient_repeats()
    message = "along direction 0, the gradient is .*, and the loss changes by"
    found(Gradients("half a ridge").test_whole_gradient, message)
    suite = Gradients("ridge")
    suite.method = lambda: mock.Mock(plan=lambda problem: Bare(problem))
    found(suite.test_whole_gradient, "the plan has no loss, but 'ridge' has one")


class Bare(KLGradient):
    def __init__(self, problem):
        super().__init__(problem.affinities, ExactMethod().plan(problem), dof=1.0, n_jobs=1)


def test_noise_of_np_random_is_seen_in_its_state(capfd):
    Gradients(None).test_leaves_the_process_alone(capfd)
    test = Gradients("adds noise").test_leaves_the_process_alone
    found(test, r"it changed the state of np\.random", capfd)


# -- Optimizers ------------------------------------------------------------------------------------


class Stepper(MomentumOptimizer):
    """The built-in optimizer with one fault."""

    def __init__(self, fault):
        super().__init__()
        self.fault = fault
        self.steps = 0
        self.phase = None
        self.n = None
        self.mean = None

    def start(self, Y):
        if self.fault != "keeps what it had of other points" or self.mean is None:
            self.mean = np.float32(0)
        self.n = len(Y)
        super().start(Y)

    def step(self, Y, gradient, phase):
        self.steps += 1
        before, self.phase = self.phase, phase
        if self.fault == "slows down after 300 steps" and self.steps > 300:
            gradient = gradient * np.float32(0.5)
        if self.fault == "restarts where the phase changes" and before not in (None, phase):
            self._state["update"][...] = 0
        if self.fault == "does nothing while points are held" and len(Y) != self.n:
            return
        if self.fault == "keeps what it had of other points":
            self.mean = np.float32(0.9) * self.mean + np.float32(0.1) * np.abs(gradient).mean()
            gradient = gradient / (1 + self.mean)
        super().step(Y, gradient, phase)


class Optimizers(OptimizerConformance):
    def __init__(self, fault):
        self.fault = fault

    def registered(self):
        return OptimizerSpec(name="wrong", factory="unused:unused")

    def build(self):
        return Stepper(self.fault)


@pytest.mark.parametrize(
    ("fault", "test", "arguments", "message"),
    [
        (
            "slows down after 300 steps",
            "test_nothing_is_outside_the_state",
            [20],
            "restored after 20 steps, it goes elsewhere in the next phase, of 320 steps",
        ),
        (
            "restarts where the phase changes",
            "test_nothing_is_outside_the_state",
            [320],
            "restored after 320 steps, it goes elsewhere .* something is outside its state",
        ),
        (
            "does nothing while points are held",
            "test_maps_with_held_and_new_points",
            [],
            "no point moved beside held ones",
        ),
        (
            "keeps what it had of other points",
            "test_starts_again_with_more_points",
            [],
            "after a start with other points, it still has something of the earlier points",
        ),
    ],
)
def test_optimizers(fault, test, arguments, message):
    getattr(Optimizers(None), test)(*arguments)
    found(getattr(Optimizers(fault), test), message, *arguments)


# -- Force terms -----------------------------------------------------------------------------------


class Forces(ForceTermConformance):
    def __init__(self, fault, **claims):
        self.fault = fault
        self.claims = claims

    def registered(self):
        claims = {"n_components": None, "new_points": True} | self.claims
        return ForceSpec(name="wrong", factory="helpers.forces:Pull", **claims)

    def term(self, n_samples, n_components):
        return Pull(strength=3.0, fault=self.fault)


@pytest.mark.parametrize(
    ("fault", "test", "message"),
    [
        ("moves the points", "test_gradient_and_loss_repeat", None),
        ("leaves a row", "test_odd_positions", "one point: gradient not finite"),
        ("not finite", "test_odd_positions", "one point: gradient not finite"),
        ("divides by the length", "test_odd_positions", "all duplicates: gradient not finite"),
        ("loss is not a number", "test_odd_positions", "one point: loss not finite"),
        ("loss is an array", "test_loss_is_a_number", "the loss is ndarray"),
        ("returns something", "test_loss_is_a_number", None),
        ("uphill", "test_loss_is_a_number", "along the gradient, the loss goes from"),
        ("uphill", "test_gradient_is_that_of_the_loss", "along direction 0, the gradient"),
        ("twice as long", "test_gradient_is_that_of_the_loss", "and the loss changes by"),
        ("off by 1 %", "test_gradient_is_that_of_the_loss", "along direction 0"),
        ("one axis", "test_gradient_is_that_of_the_loss", "along direction"),
        (
            "drifts with its calls",
            "test_gradient_and_loss_repeat",
            "after other calls, the gradient of the same points differs by",
        ),
        ("depends on threads", "test_same_bits_for_any_n_jobs", "with 3 threads, it differs"),
        ("means of new points", "test_new_points", "with fewer new points, it differs"),
        ("new points feel one another", "test_new_points", "as other new points move, the grad"),
        ("prepares itself", "test_two_forces_of_one_term", "after another map, the gradient"),
        ("drifts with its calls", "test_maps_with_held_and_new_points", "in two phases, the map"),
    ],
)
def test_force_terms(fault, test, message):
    arguments = [2] if "d" in inspect.signature(getattr(Forces, test)).parameters else []
    getattr(Forces(None), test)(*arguments)
    wrong = getattr(Forces(fault), test)
    if message is None:
        with pytest.raises((AssertionError, ValueError, TypeError)):
            wrong(*arguments)
    else:
        found(wrong, message, *arguments)


def test_a_force_term_keeps_to_its_claims():
    Forces(None).test_refuses_what_it_does_not_claim()
    Forces(None, needs_neighbors=True).test_refuses_what_it_does_not_claim()
    Forces(None).test_serves_what_it_claims(3)
    Forces(None).test_leaves_the_schedule_to_the_core()

    def weighted(*, weight=1.0):
        return Pull(strength=weight)

    suite = Forces(None)
    suite.spec = lambda: mock.Mock(load=lambda: weighted)
    found(suite.test_leaves_the_schedule_to_the_core, "tsnekit applies weight; the term would")


# -- Neighbor searches -----------------------------------------------------------------------------


class Search:
    """An exact search with one fault."""

    def __init__(self, fault):
        self.fault = fault

    def fit(self, X, problem):
        if self.fault == "reseeds np.random":
            np.random.seed(problem.seed)  # noqa: NPY002
        if self.fault == "prints":
            print("building the index")
        if self.fault == "prints in native code":
            os.write(2, b"building the index\n")
        if self.fault == "sets the environment":
            os.environ["OMP_NUM_THREADS"] = str(problem.n_jobs)
        if self.fault == "limits threads":
            threadpool_limits(1)
        self.X = X
        self.inner = ExactSearch().fit(X, dataclasses.replace(problem, metric="euclidean"))
        return self

    def neighbors(self, k):
        graph = self.inner.neighbors(k)
        if self.fault == "goes wrong above 3,000 rows" and len(self.X) > 3000:
            indices, distances = graph.indices.copy(), graph.distances.copy()
            more = self.inner.neighbors(k + 3)
            indices[2000:] = more.indices[2000:, 3:]
            distances[2000:] = more.distances[2000:, 3:]
            return NeighborGraph(indices, distances)
        return graph

    def query(self, X, k):
        return self.inner.query(X, k)


class Searches(NeighborSearchConformance):
    def __init__(self, fault, **claims):
        self.fault = fault
        self.claims = claims

    def spec(self):
        claims = {"exact": True, "query": True} | self.claims
        return NeighborSpec(name="wrong", factory="unused:unused", **claims)

    def build(self):
        return Search(self.fault)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("reseeds np.random", r"it changed the state of np\.random"),
        ("prints", "it printed 'building the index"),
        ("prints in native code", "it printed 'building the index"),
        ("sets the environment", "it changed the environment: OMP_NUM_THREADS: '2' is new"),
        ("limits threads", "it changed the limits on threads: .*: 2 became 1"),
    ],
)
@pytest.mark.parametrize("used_before", [False, True])
def test_searches_that_disturb_the_process(fault, message, used_before, capfd):
    Searches(None).test_leaves_the_process_alone(capfd)
    with threadpool_limits(None), mock.patch.dict(os.environ):
        if used_before:
            Searches(fault).use()
        found(Searches(fault).test_leaves_the_process_alone, message, capfd)


def test_a_search_that_goes_wrong_above_3000_rows():
    Searches(None).test_many_rows()
    suite = Searches("goes wrong above 3,000 rows")
    suite.test_neighbors("euclidean")
    found(
        suite.test_many_rows, r"of 4000 rows, it finds 0\.\d+ of the neighbors, and claims 1\.000"
    )


@pytest.mark.parametrize("cost", ["twice", "fivefold", "half", "fifth"])
def test_costs(cost, monkeypatch):
    def suite(name):
        made = Searches(None, cost=f"helpers.costs:{name}")

        def seconds_of(spec, X, problem, options):
            """Return what the search takes on a machine that is slower by 30 %."""
            path = "helpers.costs:right" if spec.name == "wrong" else str(spec.cost)
            return 1.3 * pkgutil.resolve_name(path)(problem, 30)

        made.seconds_of = seconds_of
        return made

    suite("right").test_cost_is_what_is_measured()
    factor = {"twice": "2.00", "fivefold": "5.00", "half": "0.50", "fifth": "0.20"}[cost]
    test = suite(cost).test_cost_is_what_is_measured
    found(test, f"its cost is {factor} times what the search takes")


# -- Claims that nobody can test -------------------------------------------------------------------


def hellinger(a, b):
    return float(np.sqrt(((np.sqrt(a) - np.sqrt(b)) ** 2).sum() / 2))


class OwnMetric(Search):
    def __init__(self, factor):
        super().__init__(None)
        self.factor = factor

    def fit(self, X, problem):
        self.own = problem.metric == "hellinger"
        return super().fit(np.sqrt(X) if self.own else X, problem)

    def neighbors(self, k):
        graph = super().neighbors(k)
        factor = np.float32(np.sqrt(0.5) * self.factor if self.own else 1)
        return NeighborGraph(graph.indices, graph.distances * factor)


class OwnMetrics(Searches):
    def __init__(self, factor=1.0):
        super().__init__(None, metrics=frozenset({"euclidean", "hellinger"}), query=False)
        self.factor = factor

    def build(self):
        return OwnMetric(self.factor)

    def rows(self, n, metric, seed=0):
        rows = super().rows(n, metric, seed=seed)
        return np.abs(rows) if metric == "hellinger" else rows


def test_a_metric_without_a_definition_is_skipped_loudly():
    suite = OwnMetrics()
    assert suite.chosen_metrics() == ["euclidean"]
    assert suite.unknown_metrics() == ["hellinger"]
    skipped = pytest.raises(pytest.skip.Exception, match="'hellinger', which neither SciPy nor")
    with pytest.warns(UserWarning, match="a claim is not tested: metric 'hellinger'"), skipped:
        suite.test_claims_without_a_definition("hellinger")


def test_a_metric_is_tested_by_its_function(monkeypatch):
    monkeypatch.setattr(OwnMetrics, "references", {"hellinger": hellinger})
    suite = OwnMetrics()
    assert suite.unknown_metrics() == []
    assert suite.chosen_metrics() == ["euclidean", "hellinger"]
    suite.n_samples = 300
    suite.test_neighbors("hellinger")
    wrong = OwnMetrics(1.1)
    wrong.n_samples = 300
    found(wrong.test_neighbors, "distances are wrong by", "hellinger")
