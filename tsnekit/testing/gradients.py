"""The conformance suite of gradient methods."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from tsnekit.interfaces import (
    GradientMethod,
    Repulsion,
    RepulsionProblem,
    SeparableRepulsion,
    SparseAffinities,
    SupportsDivergence,
    WholeGradient,
)
from tsnekit.specs import KL_DIVERGENCE, GradientSpec
from tsnekit.testing import _oracle
from tsnekit.testing._maps import check_map
from tsnekit.testing._parts import read_only, together
from tsnekit.testing._points import Points, clusters, cuts, degenerate_inputs, divided_inputs
from tsnekit.testing._slopes import check_objective
from tsnekit.testing.base import Conformance

__all__ = ["Case", "GradientMethodConformance"]


@dataclass(frozen=True)
class Case:
    """One combination of the capabilities that a spec claims."""

    n_components: int
    dof: float = 1.0
    reference: bool = False

    def __str__(self) -> str:
        return f"{self.n_components}d-dof{self.dof:g}" + ("-reference" if self.reference else "")


def claimed_cases(spec: GradientSpec) -> list[Case]:
    """Return every combination of dimensions, dof and reference that the spec claims."""
    dimensions = (1, 2, 3, 5) if spec.n_components is None else spec.n_components
    dofs = (0.5, 1.0, 2.0) if spec.any_dof else (1.0,)
    references = (False, True) if spec.reference else (False,)
    return [Case(*claims) for claims in itertools.product(dimensions, dofs, references)]


def _relative_error(found: NDArray[Any], expected: NDArray[Any]) -> float:
    difference = np.linalg.norm(found.astype(np.float64) - expected)
    return float(difference / max(np.linalg.norm(expected), np.finfo(np.float64).tiny))


class GradientMethodConformance(Conformance):
    """Test a registered gradient method for everything that its spec claims.

    Subclass it with a name that pytest collects::

        class TestTreecode(GradientMethodConformance):
            name = "treecode"

    Attributes
    ----------
    name : str
        The registered name.
    options : mapping, default={}
        Options with which the method is built.
    force_tolerance : float, default=0.03
        Largest relative error of all forces together, in the Euclidean norm, of a method that is
        not exact. Tighten it to what the method promises.
    z_tolerance : float, default=0.03
        Largest relative error of Z, and of all Z_i together, of a method that is not exact.
    kl_tolerance : float, default=0.005
        Largest error of the KL divergence of a whole gradient that is not exact.
    rounding : float, default=1e-5
        Replaces the tolerances for an exact method.
    same_bits : bool, default=True
        Whether a whole gradient is the same to the bit whenever it is computed. If not, as with
        sums in no fixed order on a device, it may differ by `rounding`.
    expected_failures : mapping of str to str, default={}
        See `tsnekit.testing.base.Conformance`.
    """

    point = "negative_gradient_method"
    force_tolerance: ClassVar[float] = 0.03
    z_tolerance: ClassVar[float] = 0.03
    kl_tolerance: ClassVar[float] = 0.005
    rounding: ClassVar[float] = 1e-5
    same_bits: ClassVar[bool] = True

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run a test that takes a `case` once for every case that the spec claims."""
        if "case" in metafunc.fixturenames:
            metafunc.parametrize("case", claimed_cases(self.spec()), ids=str)

    # -- What is under test --------------------------------------------------------------------

    def spec(self) -> GradientSpec:
        """Find the spec by the name."""
        spec = self.registered()
        assert isinstance(spec, GradientSpec)
        return spec

    def method(self) -> GradientMethod:
        """Build the method."""
        method = self.spec().load()(**self.options)
        assert isinstance(method, GradientMethod)
        return method

    def problem(
        self, case: Case, Y: Points, *, n_jobs: int = 1, reference: Points | None = None
    ) -> RepulsionProblem:
        """State the problem of a case; make a reference if the case needs one and none is given."""
        if reference is None and case.reference:
            reference = clusters(700, case.n_components, seed=1)
        return RepulsionProblem(
            n_samples=len(Y),
            n_components=case.n_components,
            dof=case.dof,
            n_jobs=n_jobs,
            reference=None if reference is None else read_only(reference),
            affinities=_ring(len(Y), reference) if self.spec().whole_gradient else None,
        )

    def repulsion(self, problem: RepulsionProblem) -> Repulsion:
        """Plan, for a method that computes repulsion only."""
        if self.spec().whole_gradient:
            pytest.skip("the method computes whole gradients")
        plan = self.method().plan(problem)
        assert isinstance(plan, Repulsion)
        return plan

    def evaluate(self, plan: Repulsion, Y: Points) -> tuple[Points, NDArray[np.float64], float]:
        """Return forces, Z_i and Z at `Y`, computed into arrays full of NaN."""
        out = np.full(Y.shape, np.nan, dtype=np.float32)
        row_z = np.full(len(Y), np.nan)
        z = plan(read_only(Y), out, row_z)
        return out, row_z, z

    def use(self) -> None:
        """Plan, and compute forces or a gradient and the divergence."""
        case = claimed_cases(self.spec())[0]
        Y = clusters(300, case.n_components)
        plan = self.method().plan(self.problem(case, Y))
        out = np.empty_like(Y)
        if isinstance(plan, WholeGradient):
            plan.gradient(Y, out, 4.0)
            plan.kl_divergence(Y)
        else:
            plan(Y, out)

    # -- What the spec claims ------------------------------------------------------------------

    def test_serves_what_it_claims(self, case: Case) -> None:
        """`unmet` gives no reason against a case that the spec claims."""
        problem = self.problem(case, clusters(50, case.n_components))
        assert self.spec().unmet(problem) == ()

    def test_refuses_what_it_does_not_claim(self) -> None:
        """`unmet` gives a reason for everything else."""
        spec = self.spec()
        few = 10
        d = 2 if spec.n_components is None else spec.n_components[0]
        unclaimed = []
        if spec.n_components is not None:
            other = max(spec.n_components) + 1
            unclaimed.append(RepulsionProblem(n_samples=few, n_components=other))
        if not spec.any_dof:
            unclaimed.append(RepulsionProblem(n_samples=few, n_components=d, dof=2.0))
        if not spec.reference:
            reference = clusters(few, d)
            unclaimed.append(RepulsionProblem(n_samples=few, n_components=d, reference=reference))
        if spec.max_samples is not None:
            unclaimed.append(RepulsionProblem(n_samples=spec.max_samples + 1, n_components=d))
        for problem in unclaimed:
            assert spec.unmet(problem), f"accepts {problem}"

    # -- Forces --------------------------------------------------------------------------------

    def test_forces_and_normalization(self, case: Case) -> None:
        """Forces, Z_i and Z agree with the sums over all pairs."""
        exact = self.spec().exact
        force_tolerance = self.rounding if exact else self.force_tolerance
        z_tolerance = self.rounding if exact else self.z_tolerance
        Y = clusters(600, case.n_components)
        problem = self.problem(case, Y)
        out, row_z, z = self.evaluate(self.repulsion(problem), Y)
        force, expected_z, total = _oracle.repulsion(problem, Y)
        error = _relative_error(out, force)
        assert error <= force_tolerance, f"forces are off by {error:.2e}"
        error = _relative_error(row_z, expected_z)
        assert error <= z_tolerance, f"Z_i are off by {error:.2e}"
        error = abs(z / total - 1)
        assert error <= z_tolerance, f"Z is off by {error:.2e}"

    def test_returns_the_sum_of_row_z(self, case: Case) -> None:
        """Z is the sum of the Z_i, and the same Z is returned without `row_z`."""
        Y = clusters(300, case.n_components)
        plan = self.repulsion(self.problem(case, Y))
        out, row_z, z = self.evaluate(plan, Y)
        np.testing.assert_allclose(row_z.sum(), z, rtol=1e-6)
        without = np.full_like(out, np.nan)
        assert plan(Y, without) == z
        np.testing.assert_array_equal(without, out)

    def test_leaves_its_input_alone(self, case: Case) -> None:
        """Neither Y nor the reference is changed; both may be read-only."""
        Y = clusters(300, case.n_components)
        problem = self.problem(case, Y)
        before = Y.copy()
        reference = None if problem.reference is None else problem.reference.copy()
        plan = self.repulsion(problem)
        self.evaluate(plan, Y)
        np.testing.assert_array_equal(Y, before)
        if reference is not None:
            np.testing.assert_array_equal(problem.reference, reference)

    def test_same_bits_for_any_threads_calls_and_plans(self, case: Case) -> None:
        """Nothing depends on the number of threads or on what the plan has seen before."""
        # Enough points for a method that only starts threads if that saves time.
        n = 1200 if self.spec().exact else 6000
        Y = clusters(n, case.n_components)
        elsewhere = clusters(n, case.n_components, seed=2) * np.float32(3)
        plan = self.repulsion(self.problem(case, Y))
        fresh = self.repulsion(self.problem(case, Y))
        threaded = self.repulsion(self.problem(case, Y, n_jobs=2))
        expected = self.evaluate(plan, Y)
        for other, points, wanted, what in (
            (plan, elsewhere, self.evaluate(fresh, elsewhere), "other points"),
            (plan, Y, expected, "a second call"),
            (threaded, Y, expected, "two threads"),
        ):
            for found, each in zip(self.evaluate(other, points), wanted, strict=True):
                np.testing.assert_array_equal(found, each, err_msg=f"differs for {what}")

    def test_new_points_do_not_depend_on_one_another(self, case: Case) -> None:
        """One plan serves any number of new points, and only the reference acts on each of them."""
        if not case.reference:
            pytest.skip("the points repel one another")
        Y = clusters(300, case.n_components)
        plan = self.repulsion(self.problem(case, Y))
        together, row_z, _ = self.evaluate(plan, Y)
        for rows in (slice(7, 8), slice(100, 300)):
            few, few_z, z = self.evaluate(plan, Y[rows].copy())
            # Only the order of the sums may differ.
            assert _relative_error(few, together[rows]) <= self.rounding
            assert _relative_error(few_z, row_z[rows]) <= self.rounding
            np.testing.assert_allclose(z, few_z.sum(), rtol=1e-6)

    def test_plans_do_not_mix(self, case: Case) -> None:
        """A plan does not see what another plan was given, even if the shapes agree."""
        if not case.reference:
            pytest.skip("has no reference to mix up")
        if self.spec().whole_gradient:
            pytest.skip("the method computes whole gradients")
        Y = clusters(100, case.n_components)
        method = self.method()
        plans: list[Repulsion] = []
        expected = []
        for seed in (1, 2):
            reference = clusters(700, case.n_components, seed=seed)
            problem = self.problem(case, Y, reference=reference)
            plan = method.plan(problem)
            assert isinstance(plan, Repulsion)
            plans.append(plan)
            expected.append(_oracle.repulsion(problem, Y)[0])
        for plan, force in zip(plans, expected, strict=True):
            # Another test judges the accuracy; the forces of the other reference are far off.
            assert _relative_error(self.evaluate(plan, Y)[0], force) <= 0.2

    def test_degenerate_input_stays_finite(self, case: Case) -> None:
        """Few, equal, very near or very far points give finite forces and a positive Z."""
        for what, Y in degenerate_inputs(case.n_components).items():
            settings: list[tuple[Points, Points | None]] = [(Y, None)]
            if case.reference:
                settings.append((clusters(20, case.n_components), Y))
            for points, reference in settings:
                problem = self.problem(case, points, reference=reference)
                out, row_z, z = self.evaluate(self.repulsion(problem), points)
                assert np.isfinite(out).all(), f"{what}: forces are not finite"
                assert np.isfinite(row_z).all(), f"{what}: Z_i are not finite"
                assert np.isfinite(z), f"{what}: Z is {z}"
                assert z > 0 or len(points) == 1, f"{what}: Z is {z}"

    # -- Methods that several processes share ---------------------------------------------------

    def test_any_split_gives_the_whole(self, case: Case) -> None:
        """Rows that are divided get the forces, the Z_i and Z of all rows together."""
        if not self.spec().separable:
            pytest.skip("the method does not claim to be separable")
        if case.reference:
            pytest.skip("with a reference, any rows can be computed on their own")
        for what, Y in divided_inputs(case.n_components).items():
            problem = self.problem(case, Y)
            force, row_z, z = self.evaluate(self.repulsion(problem), Y)
            extent = float(np.ptp(Y.astype(np.float64), axis=0).max() + np.spacing(np.abs(Y).max()))
            ways = cuts(len(Y))
            kept = [self._separable(problem) for _ in range(max(map(len, ways)) - 1)]
            for bounds in ways:
                where = f"{what}, divided at {bounds}"
                plans = kept[: len(bounds) - 1]
                found, found_z, share = together(plans, Y, bounds, where)
                # What is left of forces that cancel is judged by the largest that they can be.
                allowed = self.rounding * (np.linalg.norm(force) + extent * np.linalg.norm(row_z))
                error = float(np.linalg.norm(found.astype(np.float64) - force))
                assert error <= allowed, f"{where}: forces are off by {error:.2e}"
                error = _relative_error(found_z, row_z)
                assert error <= self.rounding, f"{where}: Z_i are off by {error:.2e}"
                assert abs(share - z) <= self.rounding * z, f"{where}: Z is {share}, not {z}"
                again = together(plans, Y, bounds, where)
                for one, other in zip((found, found_z, share), again, strict=True):
                    np.testing.assert_array_equal(one, other, err_msg=f"{where}: a second call")

    def test_parts_do_not_depend_on_threads_and_calls(self, case: Case) -> None:
        """Charges and forces of a part are the same for any threads and after any other call."""
        if not self.spec().separable or case.reference:
            pytest.skip("nothing is divided")
        n = 6000
        elsewhere = clusters(300, case.n_components, seed=2) * np.float32(3)
        Y = clusters(n, case.n_components)
        results = []
        for n_jobs in (1, 2):
            plan = self._separable(self.problem(case, Y, n_jobs=n_jobs))
            if n_jobs == 2:
                together([plan], elsewhere, [0, 300], "elsewhere")
            rows = slice(100, 5000)
            charges = plan.spread(read_only(Y), rows).copy()
            out, row_z = np.full((4900, case.n_components), np.nan, np.float32), np.empty(4900)
            z = plan.gather(read_only(charges), rows, out, row_z)
            results.append((charges, z, out, row_z))
        for one, other in zip(*results, strict=True):
            np.testing.assert_array_equal(one, other)

    def _separable(self, problem: RepulsionProblem) -> SeparableRepulsion:
        plan = self.repulsion(problem)
        assert isinstance(plan, SeparableRepulsion), "the plan has no spread, or no gather"
        return plan

    # -- Methods that own the whole gradient ---------------------------------------------------

    def test_whole_gradient(self) -> None:
        """A whole gradient, and its KL divergence, agree with sums over all pairs.

        If the objective is another one, the gradient agrees with finite differences of the loss.
        """
        spec = self.spec()
        if not spec.whole_gradient:
            pytest.skip("the method computes repulsion only")
        tolerance = self.rounding if spec.exact else self.force_tolerance
        kl_tolerance = self.rounding if spec.exact else self.kl_tolerance
        for case in claimed_cases(spec):
            Y = read_only(clusters(300, case.n_components))
            problem = self.problem(case, Y)
            assert problem.affinities is not None
            read_only(problem.affinities.data)
            plan = self.method().plan(problem)
            assert isinstance(plan, WholeGradient)
            check_objective(spec.objective, plan, Y, max(tolerance, 1e-3))
            for exaggeration in (1.0, 12.0):
                gradient, kl = _oracle.gradient_and_kl(problem, Y, exaggeration)
                out = np.full(Y.shape, np.nan, dtype=np.float32)
                plan.gradient(Y, out, exaggeration)
                error = _relative_error(out, gradient)
                assert error <= tolerance or spec.objective != KL_DIVERGENCE, (
                    f"{case}: gradient is off by {error:.2e}"
                )
                error = abs(plan.kl_divergence(Y) - kl)
                allowed = kl_tolerance * (max(1.0, abs(kl)) if spec.exact else 1.0)
                assert error <= allowed, f"{case}: KL is off by {error:.2e}, and is {kl:.4f}"
                if not isinstance(plan, SupportsDivergence):
                    continue
                joint = np.full_like(out, np.nan)
                error = abs(plan.gradient_and_divergence(Y, joint, exaggeration) - kl)
                assert error <= allowed, f"{case}: KL of one pass is off by {error:.2e}"
                np.testing.assert_array_equal(joint, out, err_msg=f"{case}: gradient of one pass")

    def test_whole_gradient_repeats(self) -> None:
        """Neither earlier calls, nor other points, nor chance change a whole gradient."""
        spec = self.spec()
        if not spec.whole_gradient:
            pytest.skip("the method computes repulsion only")
        for case in claimed_cases(spec):
            Y = read_only(clusters(200, case.n_components))
            elsewhere = clusters(200, case.n_components, seed=2)
            plan, other = (self.method().plan(self.problem(case, Y)) for _ in range(2))
            assert isinstance(plan, WholeGradient)
            assert isinstance(other, WholeGradient)
            first, later = np.full_like(Y, np.nan), np.full_like(Y, np.nan)
            plan.gradient(Y, first, 4.0)
            kl = plan.kl_divergence(Y)
            for _ in range(30):
                plan.gradient(elsewhere, later, 1.0)
            plan.gradient(Y, later, 4.0)
            self._check_repeated(f"{case}: after other calls", later, first)
            error = abs(plan.kl_divergence(Y) - kl)
            assert error <= self.rounding * max(1.0, abs(kl)), (
                f"{case}: the KL divergence of the same points differs by {error:.2e}"
            )
            other.gradient(Y, later, 4.0)
            self._check_repeated(f"{case}: from another plan", later, first)

    def _check_repeated(self, what: str, found: Points, expected: Points) -> None:
        error = _relative_error(found, expected)
        allowed = 0.0 if self.same_bits else self.rounding
        assert error <= allowed, f"{what}, the gradient of the same points differs by {error:.2e}"

    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_maps_with_held_and_new_points(self, n_jobs: int) -> None:
        """Maps of which some points are held, are freed and get company, do as tsnekit says."""
        spec = self.spec()
        d = 2 if spec.n_components is None or 2 in spec.n_components else spec.n_components[0]
        check_map(self.method(), None, n_components=d, n_jobs=n_jobs)

    def test_whole_gradient_of_odd_input(self) -> None:
        """Duplicates, a fresh start and affinities of zero give finite numbers."""
        spec = self.spec()
        if not spec.whole_gradient:
            pytest.skip("the method computes repulsion only")
        for case in claimed_cases(spec):
            for what, Y in degenerate_inputs(case.n_components).items():
                if len(Y) < 3:
                    continue
                problem = self.problem(case, Y)
                assert problem.affinities is not None
                problem.affinities.data[::5] = 0
                plan = self.method().plan(problem)
                assert isinstance(plan, WholeGradient)
                out = np.full(Y.shape, np.nan, dtype=np.float32)
                plan.gradient(read_only(Y), out, 12.0)
                assert np.isfinite(out).all(), f"{case}, {what}: the gradient is not finite"
                kl = plan.kl_divergence(Y)
                assert np.isfinite(kl), f"{case}, {what}: the KL divergence is {kl}"


def _ring(n: int, reference: Points | None) -> SparseAffinities:
    """Return affinities of each point to two neighbors, in a ring of all points or a reference."""
    m = n if reference is None else len(reference)
    columns = np.stack([np.arange(-1, n - 1) % m, np.arange(1, n + 1) % m], axis=1)
    return SparseAffinities(
        indptr=np.arange(0, 2 * n + 1, 2, dtype=np.int64),
        indices=np.sort(columns, axis=1).astype(np.int32).ravel(),
        # P is a distribution over all pairs, or, with a reference, one in every row.
        data=np.full(2 * n, 0.5 / n if reference is None else 0.5, dtype=np.float32),
        shape=(n, m),
    )
