"""The conformance suite of optimizers finds the faults that it promises to find."""

import dataclasses

import numpy as np
import pytest

from tsnekit.plugins.optimizers.momentum import MomentumOptimizer
from tsnekit.specs import OptimizerSpec
from tsnekit.testing import OptimizerConformance


class Faulty(MomentumOptimizer):
    """The built-in optimizer with one fault."""

    def __init__(self, fault):
        super().__init__()
        self.fault = fault
        self.steps = 0

    def start(self, Y):
        if self.fault == "keeps the points it starts on":
            self.kept = Y
        if self.fault == "moves points at the start":
            Y.flags.writeable = True
            Y += 1
        if self.fault == "goes on where it was" and self._state:
            return
        super().start(Y)
        if self.fault == "state of another length":
            self._state["extra"] = np.zeros((len(Y) + 1, 2))
        if self.fault == "infinite state":
            self._state["extra"] = np.full(3, np.inf)

    def step(self, Y, gradient, phase):
        self.steps += 1
        fault, points = self.fault, Y
        if fault == "keeps the points it starts on":
            points = self.kept
        if fault == "moves a copy":
            points = Y.copy()
        if fault == "goes uphill":
            gradient = -gradient
        if fault == "leaves the last point":
            points = Y[:-1]
            self._state = {name: array[: len(points)] for name, array in self._state.items()}
            gradient = gradient[: len(points)]
        if fault == "no bound on steps":
            phase = dataclasses.replace(phase, max_step_norm=None)
        if fault == "no bound on gradients":
            phase = dataclasses.replace(phase, max_grad_norm=None)
        if fault == "depends on threads":
            gradient = gradient * np.float32(1 + 1e-3 * phase.n_jobs)
        if fault == "depends on the length of a phase":
            gradient = gradient * np.float32(1 + 1 / phase.n_iter)
        if fault == "asks for the name of the phase" and phase.name != "descent":
            gradient = gradient / 2
        if fault == "counts steps outside its state":
            gradient = gradient / np.float32(self.steps)
        if fault == "ignores the learning rate":
            phase = dataclasses.replace(phase, learning_rate=0.1)
        if fault == "exaggerates once more":
            gradient = gradient * np.float32(phase.exaggeration)
        if fault == "normalizes by zero":
            with np.errstate(invalid="ignore"):
                gradient = gradient / np.linalg.norm(gradient, axis=1, keepdims=True)
        if fault == "drifts":
            gradient = gradient + np.float32(1e-3)
        super().step(points, gradient, phase)
        if fault == "returns the points":
            return Y
        return None

    def state(self):
        if self.fault == "state without the gains":
            return {name: a.copy() for name, a in self._state.items() if name == "update"}
        if self.fault == "state shared":
            return dict(self._state)
        if self.fault == "state before the start" and not self._state:
            return {"gains": np.ones(1)}
        if self.fault == "state of objects":
            return super().state() | {"extra": np.array([None])}
        if self.fault == "state that grows":
            return super().state() | {"extra": np.zeros(self.steps)}
        return super().state()

    def restore(self, state):
        if self.fault == "restores what is given":
            self._state = dict(state)
        elif self.fault == "state without the gains":
            super().restore({**state, "gains": np.ones_like(state["update"])})
        elif self.fault == "restores nothing":
            self.start(state["update"])
        else:
            super().restore(state)


class Suite(OptimizerConformance):
    def __init__(self, fault):
        self.fault = fault

    def registered(self):
        return OptimizerSpec(name="faulty", factory="unused:unused")

    def build(self):
        return Faulty(self.fault)


FINDS = [
    ("keeps the points it starts on", "test_steps_in_place", [(300, 2)]),
    ("moves points at the start", "test_start_leaves_the_points_alone", []),
    ("goes on where it was", "test_start_forgets_what_was", []),
    ("moves a copy", "test_steps_in_place", [(300, 2)]),
    ("leaves the last point", "test_steps_in_place", [(300, 2)]),
    ("returns the points", "test_steps_in_place", [(300, 2)]),
    ("goes uphill", "test_descends", []),
    ("drifts", "test_no_gradient_no_step", []),
    ("normalizes by zero", "test_no_gradient_no_step", []),
    ("ignores the learning rate", "test_learning_rate_counts", []),
    ("exaggerates once more", "test_exaggeration_is_in_the_gradient", []),
    ("no bound on steps", "test_bound_on_steps", [1.0]),
    ("no bound on gradients", "test_bound_on_gradients", []),
    ("depends on threads", "test_same_bits_for_any_n_jobs", [2]),
    ("depends on the length of a phase", "test_one_phase_or_many", []),
    ("asks for the name of the phase", "test_one_phase_or_many", []),
    ("state before the start", "test_no_state_before_start", []),
    ("state of objects", "test_state_is_plain_arrays", []),
    ("state that grows", "test_state_is_plain_arrays", []),
    ("infinite state", "test_state_is_plain_arrays", []),
    ("state of another length", "test_state_goes_with_the_points", []),
    ("state without the gains", "test_restored_state_goes_on_to_the_bit", []),
    ("restores nothing", "test_restored_state_goes_on_to_the_bit", []),
    ("counts steps outside its state", "test_restored_state_goes_on_to_the_bit", []),
    ("state shared", "test_states_are_copies", []),
    ("restores what is given", "test_states_are_copies", []),
    ("restores nothing", "test_fixed_points", []),
]


@pytest.mark.parametrize(("fault", "test", "arguments"), FINDS)
def test_a_fault_is_found(fault, test, arguments):
    getattr(Suite(None), test)(*arguments)
    with pytest.raises((AssertionError, ValueError)):
        getattr(Suite(fault), test)(*arguments)
