"""The conformance suite of optimizers."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from tsnekit._descent.fixed import FixedPointsOptimizer, select_rows, tell_rows
from tsnekit.interfaces import FollowsRows, MapRows, Optimizer, Phase
from tsnekit.specs import OptimizerSpec
from tsnekit.testing._maps import check_map
from tsnekit.testing.base import Conformance

__all__ = ["OptimizerConformance"]

Points = NDArray[np.float32]

PHASE = Phase(name="descent", n_iter=20, learning_rate=0.1, momentum=0.8, max_step_norm=5.0)
CENTER = np.float32(3)


def start_of(n: int, d: int = 2, seed: int = 0) -> Points:
    """Return points in a cloud around the origin."""
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def bowl(Y: Points) -> Points:
    """Return the gradient of half the squared distance of each point from `CENTER`.

    It needs no gradient method of t-SNE.
    """
    return Y - CENTER


def all_rows(Y: Points) -> MapRows:
    """Return the rows of a map of which no point is held."""
    n = len(Y)
    return MapRows(n_samples=n, moving=np.arange(n), fixed=np.zeros(n, dtype=np.float32))


def chase(optimizer: Any, Y: Points, n_iter: int, phase: Phase) -> None:
    """Take steps towards a center that goes round, so that the points never come to rest."""
    tell_rows(optimizer, all_rows(Y))
    for i in range(n_iter):
        center = 3 * np.cos(0.4 * i + np.arange(Y.shape[1]))
        optimizer.step(Y, Y - center.astype(np.float32), phase)


def same_state(found: dict[str, NDArray[Any]], expected: dict[str, NDArray[Any]]) -> None:
    """Check that two states are the same to the bit."""
    assert set(found) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name, strict=True)


class OptimizerConformance(Conformance):
    """Test a registered optimizer.

    Subclass it with a name that pytest collects::

        class TestAdam(OptimizerConformance):
            name = "adam"

    Attributes
    ----------
    name : str
        The registered name.
    options : mapping, default={}
        Options with which the optimizer is built.
    uses_learning_rate : bool, default=True
        Whether the steps depend on the learning rate of the phase.
    expected_failures : mapping of str to str, default={}
        See `tsnekit.testing.base.Conformance`.
    """

    point = "optimizer"
    n_samples = 300
    uses_learning_rate: ClassVar[bool] = True

    def build(self) -> Optimizer:
        """Build the optimizer."""
        optimizer = self.registered().load()(**self.options)
        assert isinstance(optimizer, Optimizer)
        return optimizer

    def started(self, Y: Points) -> Optimizer:
        """Return an optimizer that has started on these points."""
        optimizer = self.build()
        optimizer.start(Y)
        tell_rows(optimizer, all_rows(Y))
        return optimizer

    def run(
        self, optimizer: Any, Y: Points, n_iter: int = 20, phases: Iterable[Phase] = (PHASE,)
    ) -> Points:
        """Take steps in the bowl, in place, one after the other in each phase."""
        if not isinstance(optimizer, FixedPointsOptimizer):
            tell_rows(optimizer, all_rows(Y))
        for phase in phases:
            for _ in range(n_iter):
                gradient = bowl(Y)
                optimizer.step(Y, gradient, phase)
                gradient.fill(np.nan)  # the core uses the array for the next gradient
        return Y

    def use(self) -> None:
        """Take some steps, and save and restore the state."""
        Y = start_of(self.n_samples)
        optimizer = self.started(Y)
        self.run(optimizer, Y, 3)
        optimizer.restore(optimizer.state())
        self.run(optimizer, Y, 3)

    # -- The interface -------------------------------------------------------------------------

    def test_is_what_it_claims(self) -> None:
        """It has the methods of the interface, and its spec refuses no problem."""
        self.build()
        assert self.registered().unmet(None) == ()

    def test_start_leaves_the_points_alone(self) -> None:
        """Points may be read-only when the optimizer starts."""
        Y = start_of(self.n_samples)
        before = Y.copy()
        Y.flags.writeable = False
        self.started(Y)
        np.testing.assert_array_equal(Y, before)

    def test_start_forgets_what_was(self) -> None:
        """An optimizer that starts again behaves like a new one."""
        used = self.started(start_of(self.n_samples, seed=1))
        self.run(used, start_of(self.n_samples, seed=1))
        Y = start_of(self.n_samples)
        used.start(Y)
        fresh = self.started(Y)
        same_state(used.state(), fresh.state())
        np.testing.assert_array_equal(self.run(used, Y.copy()), self.run(fresh, Y.copy()))

    # -- Steps ---------------------------------------------------------------------------------

    @pytest.mark.parametrize("shape", [(1, 2), (2, 1), (300, 1), (300, 2), (300, 3), (20, 50)])
    def test_steps_in_place(self, shape: tuple[int, int]) -> None:
        """It moves the points that it is given, which need not be those that it started on."""
        first = start_of(*shape)
        optimizer = self.started(first)
        Y = first.copy()
        assert optimizer.step(Y, bowl(Y), PHASE) is None  # type: ignore[func-returns-value]
        assert np.isfinite(Y).all()
        assert (first != Y).all(), "not every point has moved"
        np.testing.assert_array_equal(first, start_of(*shape))

    def test_descends(self) -> None:
        """It descends from any point, and needs only a gradient."""
        Y = start_of(self.n_samples)
        before = float(np.mean((Y - CENTER) ** 2))
        optimizer = self.started(Y)
        first = Y.copy()
        optimizer.step(first, bowl(Y), PHASE)
        assert ((first - Y) * bowl(Y) < 0).all(), "the first step leads uphill"
        self.run(optimizer, first, 400)
        after = float(np.mean((first - CENTER) ** 2))
        assert after < 0.1 * before, f"mean squared distance {after:.3g}, from {before:.3g}"

    def test_no_gradient_no_step(self) -> None:
        """Points on which no force acts stay where they are."""
        Y = start_of(self.n_samples)
        before = Y.copy()
        self.started(Y).step(Y, np.zeros_like(Y), PHASE)
        np.testing.assert_array_equal(Y, before)

    @pytest.mark.parametrize("scale", [1e-30, 1e-10, 1e10, 1e15])
    def test_any_scale_of_the_gradient(self, scale: float) -> None:
        """Very small and very large gradients do no harm where steps are bounded."""
        Y = start_of(self.n_samples)
        optimizer = self.started(Y)
        for _ in range(3):
            optimizer.step(Y, bowl(Y) * np.float32(scale), PHASE)
        assert np.isfinite(Y).all()
        assert all(np.isfinite(array).all() for array in optimizer.state().values())

    def test_learning_rate_counts(self) -> None:
        """A larger learning rate makes longer steps."""
        if not self.uses_learning_rate:
            pytest.skip("has a step size of its own")
        Y = start_of(self.n_samples)
        lengths = []
        for rate in (0.01, 0.1):
            after = Y.copy()
            phase = replace(PHASE, learning_rate=rate, max_step_norm=None)
            self.started(Y).step(after, bowl(Y), phase)
            lengths.append(np.linalg.norm(after - Y))
        assert lengths[0] < lengths[1]

    def test_exaggeration_is_in_the_gradient(self) -> None:
        """The gradient comes with its exaggeration, which must not count twice."""
        Y = start_of(self.n_samples)
        plain = self.run(self.started(Y), Y.copy(), 3)
        phase = replace(PHASE, exaggeration=12.0)
        np.testing.assert_array_equal(self.run(self.started(Y), Y.copy(), 3, [phase]), plain)

    @pytest.mark.parametrize("bound", [0.01, 1.0])
    def test_bound_on_steps(self, bound: float) -> None:
        """No point moves farther in one step than `max_step_norm`."""
        Y = start_of(self.n_samples)
        optimizer = self.started(Y)
        phase = replace(PHASE, max_step_norm=bound, learning_rate=100.0)
        for _ in range(5):
            before = Y.copy()
            optimizer.step(Y, bowl(Y), phase)
            assert np.linalg.norm(Y - before, axis=1).max() <= bound * (1 + 1e-4)

    def test_bound_on_gradients(self) -> None:
        """A gradient longer than `max_grad_norm` counts as one of that length."""
        Y = start_of(self.n_samples)
        gradient = bowl(Y)
        norm = np.linalg.norm(gradient, axis=1, keepdims=True)
        clipped = gradient * np.minimum(1, 2 / norm).astype(np.float32)
        assert (norm > 2).any()
        bounded, plain = Y.copy(), Y.copy()
        self.started(Y).step(bounded, gradient, replace(PHASE, max_grad_norm=2.0))
        self.started(Y).step(plain, clipped, PHASE)
        np.testing.assert_allclose(bounded, plain, rtol=1e-5, atol=1e-6)

    # -- Repetition ----------------------------------------------------------------------------

    @pytest.mark.parametrize("n_jobs", [2, 3])
    def test_same_bits_for_any_n_jobs(self, n_jobs: int) -> None:
        """Threads change nothing."""
        Y = start_of(20_000)
        one = self.run(self.started(Y), Y.copy(), 5)
        threaded = self.run(self.started(Y), Y.copy(), 5, [replace(PHASE, n_jobs=n_jobs)])
        np.testing.assert_array_equal(threaded, one)

    def test_one_phase_or_many(self) -> None:
        """A hundred phases of one iteration are one phase of a hundred."""
        Y = start_of(self.n_samples)
        whole = self.run(self.started(Y), Y.copy(), 100, [replace(PHASE, n_iter=100)])
        single = [replace(PHASE, n_iter=1, name=f"part {i}") for i in range(100)]
        np.testing.assert_array_equal(self.run(self.started(Y), Y.copy(), 1, single), whole)

    def test_phases(self) -> None:
        """The parameters may change from one phase to the next, as after early exaggeration."""
        Y = start_of(self.n_samples)
        phases = [
            replace(PHASE, exaggeration=12.0, momentum=0.5, learning_rate=0.01),
            replace(PHASE, max_grad_norm=1.0, max_step_norm=None),
        ]
        end = self.run(self.started(Y), Y.copy(), 10, phases)
        assert np.isfinite(end).all()
        assert np.mean((end - CENTER) ** 2) < np.mean((Y - CENTER) ** 2)

    # -- State ---------------------------------------------------------------------------------

    def test_no_state_before_start(self) -> None:
        """The state is empty before the optimizer starts."""
        assert self.build().state() == {}

    def test_state_is_plain_arrays(self) -> None:
        """The state consists of arrays of numbers, whose count and dtypes do not change."""
        Y = start_of(self.n_samples)
        optimizer = self.started(Y)
        first = optimizer.state()
        self.run(optimizer, Y)
        for state in (first, optimizer.state()):
            for name, array in state.items():
                assert isinstance(name, str)
                assert isinstance(array, np.ndarray), f"{name} is {type(array).__name__}"
                assert array.dtype.kind in "biuf", f"{name} holds {array.dtype}"
                assert np.isfinite(array).all(), f"{name} is not finite"
        kinds = [{n: (a.shape, a.dtype) for n, a in s.items()} for s in (first, optimizer.state())]
        assert kinds[0] == kinds[1]

    def test_state_goes_with_the_points(self) -> None:
        """Each array has a row for each point, or a shape that does not depend on the points."""
        many, few = (self.started(start_of(n)).state() for n in (self.n_samples, 41))
        assert set(many) == set(few)
        for name, array in many.items():
            if array.ndim and len(array) == self.n_samples:
                assert few[name].shape == (41, *array.shape[1:]), name
            else:
                assert few[name].shape == array.shape, name

    def test_restored_state_goes_on_to_the_bit(self) -> None:
        """A new optimizer with a saved state continues in the same way, also from a file."""
        Y = start_of(self.n_samples)
        optimizer = self.started(Y)
        self.run(optimizer, Y)
        file = io.BytesIO()
        np.savez(file, **optimizer.state())  # type: ignore[arg-type]
        file.seek(0)
        with np.load(file, allow_pickle=False) as saved:
            state = dict(saved)
        resumed = self.build()
        resumed.restore(state)
        same_state(resumed.state(), optimizer.state())
        expected = self.run(optimizer, Y.copy())
        np.testing.assert_array_equal(self.run(resumed, Y.copy()), expected)
        same_state(resumed.state(), optimizer.state())

    @pytest.mark.parametrize("saved_after", [20, 320])
    def test_nothing_is_outside_the_state(self, saved_after: int) -> None:
        """A restored optimizer goes on to the bit for hundreds of steps, and in other phases."""
        Y = start_of(40)
        optimizer = self.started(Y)
        chase(optimizer, Y, saved_after, replace(PHASE, n_iter=saved_after))
        resumed = self.build()
        resumed.restore(copy.deepcopy(optimizer.state()))
        again = Y.copy()
        for phase, n_iter in (
            (replace(PHASE, name="later", exaggeration=4.0, momentum=0.5), 20),
            (replace(PHASE, n_iter=320), 320),
            (replace(PHASE, learning_rate=0.02, max_step_norm=None), 20),
        ):
            chase(optimizer, Y, n_iter, phase)
            chase(resumed, again, n_iter, phase)
            assert np.array_equal(again, Y), (
                f"restored after {saved_after} steps, it goes elsewhere in the next phase, of "
                f"{n_iter} steps: by {np.abs(again - Y).max():.3g}; something is outside its state"
            )
            same_state(resumed.state(), optimizer.state())

    def test_states_are_copies(self) -> None:
        """No step changes a state that was saved or restored, nor the other way round."""
        Y = start_of(self.n_samples)
        optimizer = self.started(Y)
        self.run(optimizer, Y)
        saved = optimizer.state()
        kept = copy.deepcopy(saved)
        given = copy.deepcopy(saved)
        for array in given.values():
            array.flags.writeable = False
        resumed = self.build()
        resumed.restore(given)
        expected = self.run(optimizer, Y.copy())
        same_state(saved, kept)
        for array in given.values():
            array.flags.writeable = True
            array.fill(0)
        np.testing.assert_array_equal(self.run(resumed, Y.copy()), expected)
        after = resumed.state()
        for array in resumed.state().values():
            array.fill(0)
        same_state(resumed.state(), after)

    @pytest.mark.parametrize("how", ["pickle", "deepcopy"])
    def test_copies_of_the_optimizer(self, how: str) -> None:
        """A copy continues where the original was, and neither affects the other."""
        Y = start_of(self.n_samples)
        optimizer = self.started(Y)
        self.run(optimizer, Y)
        if how == "pickle":
            other = pickle.loads(pickle.dumps(optimizer))
        else:
            other = copy.deepcopy(optimizer)
        expected = self.run(optimizer, Y.copy())
        np.testing.assert_array_equal(self.run(other, Y.copy()), expected)

    # -- Some of the points --------------------------------------------------------------------

    def test_state_of_some_points(self) -> None:
        """It continues with some of the points, from their part of the state."""
        Y = start_of(self.n_samples)
        optimizer = self.started(Y)
        self.run(optimizer, Y)
        rows = np.arange(0, self.n_samples, 3)
        part = self.build()
        part.restore(select_rows(optimizer.state(), self.n_samples, rows))
        moved = self.run(part, Y[rows])
        assert np.isfinite(moved).all()
        assert np.mean((moved - CENTER) ** 2) < np.mean((start_of(self.n_samples) - CENTER) ** 2)
        for name, array in optimizer.state().items():
            if array.ndim and len(array) == self.n_samples:
                assert len(part.state()[name]) == len(rows)

    def test_fixed_points(self) -> None:
        """Fixed points stay, and so does their part of the state; the others move."""
        Y = start_of(self.n_samples)
        optimizer = self.started(Y)
        self.run(optimizer, Y)
        before, state = Y.copy(), optimizer.state()
        fixed = np.arange(self.n_samples) % 3 == 0
        self.run(FixedPointsOptimizer(optimizer, fixed.astype(np.float32)), Y, 5)
        np.testing.assert_array_equal(Y[fixed], before[fixed])
        assert (Y[~fixed] != before[~fixed]).all()
        for name, array in optimizer.state().items():
            if array.ndim and len(array) == self.n_samples:
                np.testing.assert_array_equal(array[fixed], state[name][fixed], err_msg=name)

    def test_follows_rows(self) -> None:
        """Rows are told to an optimizer that wants to know them, and are not part of its state."""
        spec, Y = self.registered(), start_of(self.n_samples)
        assert isinstance(spec, OptimizerSpec)
        optimizer = self.build()
        if "rows" not in spec.wants:
            assert not isinstance(optimizer, FollowsRows), (
                'it has enter_rows, which nobody calls: its spec does not want "rows"'
            )
            pytest.skip("wants to know no rows")
        assert isinstance(optimizer, FollowsRows), 'its spec wants "rows", but it has no enter_rows'
        optimizer.start(Y)
        self.run(optimizer, Y)
        before = optimizer.state()
        moving = np.arange(0, self.n_samples, 3)
        fixed = np.ones(self.n_samples, dtype=np.float32)
        fixed[moving] = 0.5
        optimizer.restore(select_rows(before, self.n_samples, moving))
        for array in (moving, fixed):
            array.flags.writeable = False
        optimizer.enter_rows(MapRows(n_samples=self.n_samples, moving=moving, fixed=fixed))
        same_state(optimizer.state(), select_rows(before, self.n_samples, moving))
        part = Y[moving]
        for _ in range(20):
            optimizer.step(part, bowl(part), PHASE)
        assert np.isfinite(part).all()
        optimizer.restore(before)
        optimizer.enter_rows(all_rows(Y))
        other = self.started(Y)
        other.restore(before)
        assert np.array_equal(self.run(optimizer, Y.copy()), self.run(other, Y.copy())), (
            "it has kept something of the rows that it moved before"
        )

    def test_starts_again_with_more_points(self) -> None:
        """A map that grows starts a used optimizer again, which then is like a new one."""
        few, many = start_of(41), start_of(self.n_samples)
        used = self.started(few)
        self.run(used, few)
        used = copy.deepcopy(used)
        used.start(many)
        fresh = self.started(many)
        same_state(used.state(), fresh.state())
        expected = self.run(fresh, many.copy())
        assert np.array_equal(self.run(used, many.copy()), expected), (
            "after a start with other points, it still has something of the earlier points"
        )

    def test_maps_with_held_and_new_points(self) -> None:
        """Maps of which some points are held, are freed and get company, do as tsnekit says."""
        check_map(None, self.build(), n_components=2)
