"""What gradient methods want to know of the map: facts for the suite, and tests of these claims."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from tsnekit._backends.registry import default_registry
from tsnekit._descent.loop import Centering
from tsnekit.interfaces import (
    Descends,
    FollowsPhases,
    GradientMethod,
    NeighborGraph,
    Phase,
    Repulsion,
    RepulsionProblem,
    WholeGradient,
)
from tsnekit.specs import GradientSpec
from tsnekit.testing import _oracle
from tsnekit.testing._points import Points, clusters
from tsnekit.testing.base import Conformance

__all__ = ["WantsOfMethods", "facts_of"]

EARLY = Phase(
    name="early exaggeration", n_iter=250, learning_rate=50, momentum=0.5, exaggeration=12
)
LATE = Phase(name="optimization", n_iter=500, learning_rate=200, momentum=0.8)


def facts_of(spec: GradientSpec, n: int, *, reference: bool) -> dict[str, Any]:
    """Return what the core adds to the problem of a method that wants it: a graph, and a seed."""
    facts: dict[str, Any] = {}
    if "neighbors" in spec.wants and not reference:
        k = min(6, n - 1)
        indices = (np.arange(n)[:, None] + np.arange(1, k + 1)) % n
        distances = np.tile(np.arange(1, k + 1, dtype=np.float32), (n, 1))
        facts["neighbors"] = NeighborGraph(indices.astype(np.int32), distances)
        for array in facts["neighbors"]:
            array.flags.writeable = False
    if "seed" in spec.wants:
        facts["seed"] = 0
    return facts


class WantsOfMethods(Conformance):
    """Tests of what a gradient method does with the facts that it wants.

    Attributes
    ----------
    force_tolerance, rounding, same_bits
        See `tsnekit.testing.GradientMethodConformance`.
    """

    force_tolerance: ClassVar[float]
    rounding: ClassVar[float]
    same_bits: ClassVar[bool]

    def spec(self) -> GradientSpec:
        """Find the spec by the name."""
        raise NotImplementedError

    def method(self) -> GradientMethod:
        """Build the method."""
        raise NotImplementedError

    def test_any_seed_is_good(self) -> None:
        """Whatever the seed is, the forces are those of the points, and the same ones again."""
        if "seed" not in self.spec().wants:
            pytest.skip("the method wants no seed")
        Y, problem = self._map()
        for seed in (1, 2**31 - 1):
            first, again = (self.method().plan(replace(problem, seed=seed)) for _ in range(2))
            self._check_forces(f"seed {seed}", first, problem, Y)
            self._check_same(f"seed {seed}: from another plan", again, first, Y)

    def test_leaves_the_neighbors_alone(self) -> None:
        """The graph may be read-only, and a map without one is refused."""
        spec = self.spec()
        if "neighbors" not in spec.wants:
            pytest.skip("the method wants no neighbors")
        Y, problem = self._map()
        assert problem.neighbors is not None
        before = [array.copy() for array in problem.neighbors]
        self._check_forces("with neighbors", self.method().plan(problem), problem, Y)
        for array, old in zip(problem.neighbors, before, strict=True):
            np.testing.assert_array_equal(array, old)
        assert spec.unmet(replace(problem, neighbors=None)), "accepts a map without neighbors"

    def test_follows_phases(self) -> None:
        """The forces are right in any phase, and earlier phases leave no trace."""
        Y, problem = self._map()
        plan = self.method().plan(problem)
        if "phase" not in self.spec().wants:
            assert not isinstance(plan, FollowsPhases), (
                'the plan has enter_phase, which nobody calls: its spec does not want "phase"'
            )
            pytest.skip("the method wants no phase")
        assert isinstance(plan, FollowsPhases), 'its spec wants "phase", but it has no enter_phase'
        fading = [replace(LATE, exaggeration=each) for each in (8.0, 4.0, 2.0)]
        for phase in (EARLY, *fading, LATE, EARLY, LATE):
            fresh: Any = self.method().plan(problem)
            for each in (plan, fresh):
                each.enter_phase(phase)
            what = f"exaggeration {phase.exaggeration:g}"
            self._check_forces(what, plan, problem, Y)
            self._check_same(f"{what}: after other phases", plan, fresh, Y)

    def test_descends_as_the_core_does(self) -> None:
        """Many iterations at once lead where its gradient and the optimizer lead."""
        spec, (Y, problem) = self.spec(), self._map()
        plan: Any = self.method().plan(problem)
        if spec.descends is None:
            assert not isinstance(plan, Descends), (
                "the plan has descend, which nobody calls: its spec does not say which optimizer "
                "`descends`"
            )
            pytest.skip("the method takes no iterations by itself")
        assert isinstance(plan, Descends), f"it descends by {spec.descends!r}, but has no descend"
        centering = Centering(Y.shape[1], 1)
        for phase in (
            replace(EARLY, learning_rate=Y.shape[0] / 12),
            replace(LATE, learning_rate=30.0, max_step_norm=0.5, max_grad_norm=0.01),
        ):
            ways: list[tuple[Points, dict[str, NDArray[Any]]]] = []
            for stretches in ((6,), (1,) * 6, (4, 2)):
                optimizer = default_registry().get("optimizer", spec.descends).load()()
                positions = Y.copy()
                optimizer.start(positions)
                state = optimizer.state()
                for n_iter in stretches:
                    self._enter(plan, phase)
                    plan.descend(positions, phase, n_iter, state)
                ways.append((positions, state))
            positions, out = Y.copy(), np.empty_like(Y)
            optimizer.start(positions)
            for _ in range(6):
                self._enter(plan, phase)
                plan.gradient(positions, out, phase.exaggeration)  # type: ignore[attr-defined]
                optimizer.step(positions, out, phase)
                centering(positions)
            state = optimizer.state()
            what = f"exaggeration {phase.exaggeration:g}"
            for found, its_state in ways:
                error = _relative_error(found, positions.astype(np.float64))
                assert error <= 100 * self.rounding, f"{what}: positions are off by {error:.2e}"
                assert set(its_state) == set(state), f"{what}: the state has other names"
                for name, array in state.items():
                    error = _relative_error(its_state[name], array.astype(np.float64))
                    assert error <= 0.01, f"{what}: {name!r} of the state is off by {error:.2e}"

    @staticmethod
    def _enter(plan: Any, phase: Phase) -> None:
        if isinstance(plan, FollowsPhases):
            plan.enter_phase(phase)

    def _map(self) -> tuple[Points, RepulsionProblem]:
        spec = self.spec()
        d = 2 if spec.n_components is None or 2 in spec.n_components else spec.n_components[0]
        Y = clusters(300, d)
        Y.flags.writeable = False
        affinities = _oracle.ring(len(Y), None)
        facts = facts_of(spec, len(Y), reference=False)
        problem = RepulsionProblem(n_samples=len(Y), n_components=d, affinities=affinities, **facts)
        return Y, problem

    def _check_forces(self, what: str, plan: Any, problem: RepulsionProblem, Y: Points) -> None:
        if isinstance(plan, WholeGradient):
            expected, _ = _oracle.gradient_and_kl(problem, Y, 4.0)
        else:
            expected, _, _ = _oracle.repulsion(problem, Y)
        allowed = self.rounding if self.spec().exact else self.force_tolerance
        error = _relative_error(_forces(plan, Y), expected)
        assert error <= allowed, f"{what}: forces are off by {error:.2e}"

    def _check_same(self, what: str, plan: Any, other: Any, Y: Points) -> None:
        error = _relative_error(_forces(plan, Y), _forces(other, Y).astype(np.float64))
        allowed = 0.0 if self.same_bits else self.rounding
        assert error <= allowed, f"{what}, the forces on the same points differ by {error:.2e}"


def _forces(plan: Repulsion | WholeGradient, Y: Points) -> Points:
    out = np.full(Y.shape, np.nan, dtype=np.float32)
    if isinstance(plan, WholeGradient):
        plan.gradient(Y, out, 4.0)
    else:
        plan(Y, out)
    return out


def _relative_error(found: Points, expected: NDArray[np.float64]) -> float:
    difference = np.linalg.norm(found.astype(np.float64) - expected)
    return float(difference / max(np.linalg.norm(expected), np.finfo(np.float64).tiny))
