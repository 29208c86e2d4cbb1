"""The conformance suite of gradient methods finds the faults that it promises to find."""

import copy
import dataclasses

import numpy as np
import pytest

from tsnekit._descent.gradient import KLGradient
from tsnekit.plugins.gradients.exact import ExactMethod
from tsnekit.plugins.gradients.mesh import MeshMethod
from tsnekit.specs import GradientSpec
from tsnekit.testing import GradientMethodConformance
from tsnekit.testing.gradients import Case

CASE = Case(2)
NEW_POINTS = Case(2, reference=True)


class Faulty:
    """An exact method with one fault."""

    def __init__(self, fault):
        self.fault = fault

    def plan(self, problem):
        if self.fault != "one plan for all":
            self = copy.copy(self)
        self.problem = problem
        self.calls = 0
        self.seen = None
        self.inner = ExactMethod().plan(problem)
        return self

    def __call__(self, Y, out, row_z=None):
        self.calls += 1
        if self.fault == "stays where it was first":
            Y = self.seen = Y if self.seen is None else self.seen
        if self.fault == "serves so many points only":
            assert len(Y) == self.problem.n_samples
        own_z = np.empty(len(Y)) if row_z is None else row_z
        before = out.copy()
        z = self.inner(Y, out, own_z)
        if self.fault == "moves Y":
            Y.flags.writeable = True
            Y[0] += 1
        elif self.fault == "leaves a row of out":
            out[0] = before[0]
        elif self.fault == "adds to out":
            out += before
        elif self.fault == "depends on threads":
            out *= np.float32(1 + 1e-6 * self.problem.n_jobs)
        elif self.fault == "remembers calls":
            out *= np.float32(1 + 1e-6 * self.calls)
        elif self.fault == "feels the other new points":
            out += np.float32(1e-3) * out.mean(axis=0)
        elif self.fault == "counts the point itself":
            own_z += 1
            z += len(Y)
        elif self.fault == "returns another Z":
            z *= 1.001
        elif self.fault == "forgets the square":
            out *= np.linalg.norm(Y, axis=1, keepdims=True)
        elif self.fault == "NaN for duplicates" and len(np.unique(Y, axis=0)) < len(Y):
            out[0] = np.nan
        return z


class Suite(GradientMethodConformance):
    def __init__(self, fault):
        self.fault = fault

    def spec(self):
        return GradientSpec(name="faulty", factory="unused:unused", exact=True, reference=True)

    def method(self):
        return Faulty(self.fault)


FINDS = {
    "moves Y": "test_leaves_its_input_alone",
    "leaves a row of out": "test_forces_and_normalization",
    "adds to out": "test_forces_and_normalization",
    "depends on threads": "test_same_bits_for_any_threads_calls_and_plans",
    "remembers calls": "test_same_bits_for_any_threads_calls_and_plans",
    "stays where it was first": "test_same_bits_for_any_threads_calls_and_plans",
    "counts the point itself": "test_forces_and_normalization",
    "returns another Z": "test_returns_the_sum_of_row_z",
    "forgets the square": "test_forces_and_normalization",
    "NaN for duplicates": "test_degenerate_input_stays_finite",
}


@pytest.mark.parametrize("fault", FINDS)
def test_a_fault_is_found(fault):
    with pytest.raises(AssertionError):
        getattr(Suite(fault), FINDS[fault])(CASE)


@pytest.mark.parametrize("test", sorted(set(FINDS.values())))
def test_a_faultless_method_passes(test):
    getattr(Suite(None), test)(CASE)


@pytest.mark.parametrize(
    ("fault", "test"),
    [
        ("serves so many points only", "test_new_points_do_not_depend_on_one_another"),
        ("feels the other new points", "test_new_points_do_not_depend_on_one_another"),
        ("one plan for all", "test_plans_do_not_mix"),
    ],
)
def test_a_fault_with_new_points_is_found(fault, test):
    getattr(Suite(None), test)(NEW_POINTS)
    with pytest.raises(AssertionError):
        getattr(Suite(fault), test)(NEW_POINTS)


class FaultyParts:
    """A separable method with one fault."""

    def __init__(self, fault):
        self.fault = fault

    def plan(self, problem):
        return FaultyPart(self.fault, MeshMethod().plan(problem), problem.n_jobs)


class FaultyPart:
    def __init__(self, fault, inner, n_jobs):
        self.fault, self.inner, self.n_jobs, self.calls = fault, inner, n_jobs, 0

    def __call__(self, Y, out, row_z=None):
        return self.inner(Y, out, row_z)

    def spread(self, Y, rows):
        self.calls += 1
        if self.fault == "bounds of its own rows" and rows.stop > rows.start:
            Y, rows = Y[rows], slice(0, rows.stop - rows.start)
        self.spread_rows = rows
        self.charges = self.inner.spread(Y, rows)
        if self.fault == "remembers calls":
            self.charges *= np.float32(1 + 1e-6 * self.calls)
        if self.fault == "depends on threads":
            self.charges *= np.float32(1 + 1e-6 * self.n_jobs)
        if self.fault == "double precision":
            return self.charges.astype(np.float64)
        return self.charges

    def gather(self, charges, rows, out, row_z=None):
        row_z = np.empty(len(out)) if row_z is None else row_z
        if self.fault == "bounds of its own rows":
            rows = self.spread_rows
        own = self.fault == "its own charges"
        z = self.inner.gather(self.charges if own else charges, rows, out, row_z)
        if self.fault == "counts the point itself":
            row_z += 1
            z += len(out)
        return z if self.fault != "no share of Z" else 2 * z


class PartsSuite(Suite):
    def spec(self):
        return GradientSpec(name="faulty", factory="unused:unused", separable=True)

    def method(self):
        return FaultyParts(self.fault)


SPLIT = "test_any_split_gives_the_whole"
FINDS_OF_PARTS = {
    "bounds of its own rows": SPLIT,
    "its own charges": SPLIT,
    "double precision": SPLIT,
    "counts the point itself": SPLIT,
    "no share of Z": SPLIT,
    "remembers calls": "test_parts_do_not_depend_on_threads_and_calls",
    "depends on threads": "test_parts_do_not_depend_on_threads_and_calls",
}


@pytest.mark.parametrize("fault", FINDS_OF_PARTS)
def test_a_fault_of_parts_is_found(fault):
    with pytest.raises(AssertionError):
        getattr(PartsSuite(fault), FINDS_OF_PARTS[fault])(CASE)


@pytest.mark.parametrize("test", sorted(set(FINDS_OF_PARTS.values())))
def test_faultless_parts_pass(test):
    getattr(PartsSuite(None), test)(CASE)


def test_a_method_that_is_not_separable_but_claims_it_is_found():
    class Claims(Suite):
        def spec(self):
            return dataclasses.replace(super().spec(), separable=True)

    with pytest.raises(AssertionError, match="has no spread, or no gather"):
        Claims(None).test_any_split_gives_the_whole(CASE)


def test_a_spec_that_accepts_everything_is_found(monkeypatch):
    monkeypatch.setattr(GradientSpec, "_refusals", lambda self, problem: [])
    with pytest.raises(AssertionError, match="accepts"):
        Suite(None).test_refuses_what_it_does_not_claim()


class Whole:
    """A whole gradient by the core's own attraction, right or wrong by a factor."""

    def __init__(self, factor):
        self.factor = factor

    def plan(self, problem):
        self.inner = KLGradient(
            problem.affinities,
            ExactMethod().plan(problem),
            dof=problem.dof,
            n_jobs=1,
            reference=problem.reference,
        )
        return self

    def gradient(self, Y, out, exaggeration):
        self.inner.gradient(Y, out, exaggeration)
        out *= np.float32(self.factor)

    def kl_divergence(self, Y):
        return self.inner.kl_divergence(Y)


class WholeSuite(Suite):
    def spec(self):
        return GradientSpec(
            name="whole",
            factory="unused:unused",
            exact=True,
            any_dof=True,
            reference=True,
            whole_gradient=True,
        )

    def method(self):
        return Whole(self.fault)


def test_a_whole_gradient_is_checked():
    WholeSuite(1.0).test_whole_gradient()
    with pytest.raises(AssertionError, match="gradient is off"):
        WholeSuite(4.0).test_whole_gradient()
    WholeSuite(1.0).test_whole_gradient_of_odd_input()
    with pytest.raises(AssertionError, match="the gradient is not finite"):
        WholeSuite(np.nan).test_whole_gradient_of_odd_input()


class OnePass(Whole):
    """The same with the divergence in the same pass, right or wrong by a term."""

    def __init__(self, error):
        super().__init__(1.0)
        self.error = error

    def gradient_and_divergence(self, Y, out, exaggeration):
        return self.inner.gradient_and_divergence(Y, out, exaggeration) + self.error


class OnePassSuite(WholeSuite):
    def method(self):
        return OnePass(self.fault)


def test_a_divergence_of_the_same_pass_is_checked():
    OnePassSuite(0.0).test_whole_gradient()
    with pytest.raises(AssertionError, match="KL of one pass is off"):
        OnePassSuite(0.01).test_whole_gradient()
