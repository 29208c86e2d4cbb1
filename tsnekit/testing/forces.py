"""The conformance suite of force terms."""

from __future__ import annotations

import copy
import inspect
import math
import pickle
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from tsnekit._descent.recipes import SCHEDULE
from tsnekit._embedding.full import TSNEEmbedding
from tsnekit.affinity import Uniform
from tsnekit.affinity._matrix import check_matrix
from tsnekit.forces import Force, ForceProblem, ForceTerm, SupportsCheck
from tsnekit.interfaces import NeighborGraph, SparseAffinities
from tsnekit.specs import ForceSpec
from tsnekit.testing._parts import read_only
from tsnekit.testing._points import Points, clusters, degenerate_inputs
from tsnekit.testing._slopes import check_slopes
from tsnekit.testing.base import Conformance

__all__ = ["ForceTermConformance"]

N_OLD, N_NEW = 90, 30


def dimensions_of(spec: ForceSpec) -> tuple[int, ...]:
    """Return dimensions that the spec claims."""
    return (1, 2, 3, 5) if spec.n_components is None else spec.n_components


def near(Y: Points, k: int) -> NeighborGraph:
    """Return neighbors that are like those of a map at `Y`, but not the same."""
    rows = np.random.default_rng(len(Y)).normal(size=Y.shape) + Y
    with np.errstate(over="ignore"):
        squared = ((rows[:, None] - rows) ** 2).sum(axis=2)
    np.fill_diagonal(squared, np.inf)
    indices = np.argsort(squared, axis=1, kind="stable")[:, :k]
    distances = np.sqrt(np.take_along_axis(squared, indices, axis=1))
    return NeighborGraph(read_only(indices.astype(np.int32)), read_only(distances.astype("f4")))


def joint(graph: NeighborGraph) -> SparseAffinities:
    """Return symmetric affinities of neighbors, which sum to 1."""
    n, k = graph.indices.shape
    P = np.zeros((n, n))
    P[np.repeat(np.arange(n), k), graph.indices.ravel()] = 1 + np.arange(n * k) % 3
    P += P.T
    return locked(check_matrix(P / max(P.sum(), 1.0)))


def locked(P: SparseAffinities) -> SparseAffinities:
    """Return affinities that cannot be written to."""
    for array in (P.indptr, P.indices, P.data):
        array.setflags(write=False)
    return P


class ForceTermConformance(Conformance):
    """Test a registered force term for everything that its spec claims.

    Subclass it with a name that pytest collects::

        class TestDensity(ForceTermConformance):
            name = "density"

    Attributes
    ----------
    name : str
        The registered name.
    options : mapping, default={}
        Options with which the term is built. Options that depend on the map are returned by
        `options_for`, which a subclass may override.
    gradient_tolerance : float, default=1e-3
        Largest error of the gradient along a direction, compared with finite differences of the
        loss, as a share of the longest gradient.
    same_bits : bool, default=True
        Whether gradient and loss are the same to the bit whenever they are computed, for any number
        of threads. If not, they may differ by `rounding`.
    rounding : float, default=1e-5
        Largest relative difference where they may differ.
    expected_failures : mapping of str to str, default={}
        See `tsnekit.testing.base.Conformance`.
    """

    point = "forces"
    gradient_tolerance: ClassVar[float] = 1e-3
    same_bits: ClassVar[bool] = True
    rounding: ClassVar[float] = 1e-5

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run a test that takes a dimension `d` once for every dimension that the spec claims."""
        if "d" in metafunc.fixturenames:
            metafunc.parametrize("d", dimensions_of(self.spec()), ids=lambda d: f"{d}d")

    # -- What is under test --------------------------------------------------------------------

    def spec(self) -> ForceSpec:
        """Find the spec by the name."""
        spec = self.registered()
        assert isinstance(spec, ForceSpec)
        return spec

    def options_for(self, n_samples: int, n_components: int) -> dict[str, Any]:
        """Return the options for a map of this shape; here, `options`."""
        return dict(self.options)

    def term(self, n_samples: int, n_components: int) -> ForceTerm:
        """Build the term for a map of this shape."""
        term = self.spec().load()(**self.options_for(n_samples, n_components))
        assert isinstance(term, ForceTerm)
        return term

    def problem(
        self, Y: Points, *, reference: Points | None = None, n_jobs: int = 1
    ) -> ForceProblem:
        """Return a map at `Y`, in which neighbors in the data are near each other."""
        n, d = Y.shape
        if reference is not None:
            near_rows = np.arange(n)[:, None] * 7 + np.arange(5)
            P = np.zeros((n, len(reference)))
            P[np.arange(n)[:, None], near_rows % len(reference)] = 0.2
            affinities = locked(check_matrix(P))
            return ForceProblem(
                n_samples=n,
                n_components=d,
                n_jobs=n_jobs,
                affinities=affinities,
                reference=read_only(reference),
            )
        graph = near(Y, min(15, n - 1))
        return ForceProblem(
            n_samples=n, n_components=d, n_jobs=n_jobs, affinities=joint(graph), neighbors=graph
        )

    def force(self, problem: ForceProblem) -> Force:
        """Prepare the force for a map."""
        force = self.term(problem.n_samples, problem.n_components).prepare(problem)
        assert isinstance(force, Force)
        return force

    @staticmethod
    def gradient_of(force: Force, Y: Points) -> Points:
        """Return the gradient at `Y`, computed into an array full of NaN."""
        out = np.full(Y.shape, np.nan, dtype=np.float32)
        assert force.gradient(read_only(Y), out) is None  # type: ignore[func-returns-value]
        return out

    def use(self) -> None:
        """Prepare a force, and compute its gradient and loss."""
        Y = clusters(100, dimensions_of(self.spec())[0])
        force = self.force(self.problem(Y))
        self.gradient_of(force, Y)
        force.loss(read_only(Y))

    # -- What the spec claims ------------------------------------------------------------------

    def test_serves_what_it_claims(self, d: int) -> None:
        """`unmet` gives no reason against a map that the spec claims, and `check` neither."""
        problem = self.problem(clusters(50, d))
        assert self.spec().unmet(problem) == ()
        term = self.term(50, d)
        if isinstance(term, SupportsCheck):
            assert term.check(50, d) is None  # type: ignore[func-returns-value]

    def test_refuses_what_it_does_not_claim(self) -> None:
        """`unmet` gives a reason for everything else."""
        spec = self.spec()
        d = dimensions_of(spec)[0]
        Y = clusters(20, d)
        if spec.n_components is not None:
            other = max(spec.n_components) + 1
            assert spec.unmet(ForceProblem(n_samples=20, n_components=other))
        assert bool(spec.unmet(self.problem(Y, reference=clusters(40, d)))) != spec.new_points
        alone = ForceProblem(n_samples=20, n_components=d)
        assert bool(spec.unmet(alone)) == spec.needs_neighbors

    def test_leaves_the_schedule_to_the_core(self) -> None:
        """No option has the name of what the core applies to every term."""
        options = inspect.signature(self.spec().load()).parameters
        taken = sorted(set(SCHEDULE) & set(options))
        assert not taken, f"tsnekit applies {', '.join(taken)}; the term would never get them"

    # -- Gradient and loss ---------------------------------------------------------------------

    def test_gradient_is_that_of_the_loss(self, d: int) -> None:
        """The gradient agrees with finite differences of the loss, for all points and for one."""
        Y = clusters(150, d)
        force = self.force(self.problem(Y))
        for scale in (1.0, 0.2):
            self._compare(force, Y * np.float32(scale))

    def _compare(self, force: Force, Y: Points, shared_by: int = 1) -> None:
        gradient = self.gradient_of(force, Y).astype(np.float64) / shared_by
        check_slopes(force.loss, gradient, Y, self.gradient_tolerance)

    def test_gradient_and_loss_repeat(self, d: int) -> None:
        """Gradient and loss of the same points do not depend on earlier calls."""
        Y, other = clusters(120, d), clusters(120, d, seed=1)
        force = self.force(self.problem(Y))
        gradient, loss = self.gradient_of(force, Y), force.loss(read_only(Y))
        for points in (other, other * np.float32(3), Y):
            again, loss_again = self.gradient_of(force, points), force.loss(read_only(points))
        self._same(again, gradient, "after other calls, the gradient of the same points")
        self._same(loss_again, loss, "after other calls, the loss of the same points")
        fresh = self.force(self.problem(Y))
        self._same(self.gradient_of(fresh, Y), gradient, "prepared again, the gradient")

    def test_same_bits_for_any_n_jobs(self, d: int) -> None:
        """Threads change nothing."""
        Y = clusters(120, d)
        one, more = (self.force(self.problem(Y, n_jobs=n)) for n in (1, 3))
        self._same(self.gradient_of(more, Y), self.gradient_of(one, Y), "with 3 threads, it")
        self._same(more.loss(Y), one.loss(Y), "with 3 threads, the loss")

    def _same(self, found: Any, expected: Any, what: str) -> None:
        difference = float(np.abs(np.asarray(found, dtype=np.float64) - expected).max())
        scale = 0.0 if self.same_bits else self.rounding * float(np.abs(expected).max())
        assert difference <= scale, f"{what} differs by {difference:.2g}"

    def test_loss_is_a_number(self, d: int) -> None:
        """The loss is a finite number, which falls along the gradient or is the least already."""
        Y = clusters(150, d) / np.float32(5)
        force = self.force(self.problem(Y))
        loss, gradient = force.loss(read_only(Y)), self.gradient_of(force, Y)
        assert isinstance(loss, float | np.floating), f"the loss is {type(loss).__name__}"
        assert math.isfinite(loss)
        length = np.abs(gradient).max()
        if length > 0:
            after = force.loss(Y - np.float32(0.01) / length * gradient)
            assert after < loss, f"along the gradient, the loss goes from {loss:.6g} to {after:.6g}"

    def test_odd_positions(self, d: int) -> None:
        """Gradient and loss are finite for points in one place, duplicates, and very far points."""
        for what, Y in degenerate_inputs(d).items():
            force = self.force(self.problem(Y))
            assert np.isfinite(self.gradient_of(force, Y)).all(), f"{what}: gradient not finite"
            assert math.isfinite(force.loss(read_only(Y))), f"{what}: loss not finite"

    # -- New points ----------------------------------------------------------------------------

    def test_new_points(self, d: int) -> None:
        """New points feel a force of their own loss, which does not depend on one another."""
        if not self.spec().new_points:
            pytest.skip("does not act on new points")
        reference = clusters(200, d, seed=1) / np.float32(5)
        Y = clusters(60, d) / np.float32(5)
        force = self.force(self.problem(Y, reference=reference))
        moved = Y.copy()
        moved[::2] += 1
        first, second = (self.gradient_of(force, points) for points in (Y, moved))
        self._same(second[1::2], first[1::2], "as other new points move, the gradient of a point")
        few = self.force(self.problem(Y[:20].copy(), reference=reference))
        self._same(self.gradient_of(few, Y[:20].copy()), first[:20], "with fewer new points, it")
        # Each row is the gradient of one point's loss, and the loss is their mean.
        self._compare(force, Y, len(Y))

    # -- Maps ----------------------------------------------------------------------------------

    def test_maps_with_held_and_new_points(self) -> None:
        """Maps with the term can hold points and grow, and a copy goes on in the same way."""
        d = 2 if 2 in dimensions_of(self.spec()) else dimensions_of(self.spec())[0]
        rng = np.random.default_rng(0)
        X = rng.normal(size=(4, 8))[np.arange(N_OLD + N_NEW) % 4] * 4
        X += rng.normal(size=X.shape)
        start = rng.normal(size=(N_OLD, d)).astype(np.float32)
        affinities = Uniform(X[:N_OLD], k_neighbors=10, method="exact")
        always = {"weight": 1.0, "start": 0.0, "stop": 1.0, "phases": None}
        embedding = TSNEEmbedding(
            start,
            affinities,
            negative_gradient_method="exact",
            learning_rate=1.0,
            momentum=0.5,
            forces=(self.term(N_OLD, d), always),
        ).optimize(5)
        held = np.arange(N_OLD) % 3 == 0
        partly = embedding.optimize(5, fixed=held)
        assert np.array_equal(partly[held], embedding[held]), "points that were held have moved"
        assert not np.array_equal(partly[~held], embedding[~held]), "no point moved"
        one, other = partly.optimize(6), partly.optimize(2).optimize(4)
        self._same(np.asarray(other), np.asarray(one), "in two phases, the map")
        grown = partly.extend(
            X[N_OLD:], fixed=True, n_iter=5, forces=(self.term(len(X), d), always)
        )
        assert np.array_equal(grown[:N_OLD], partly), "old points that were held have moved"
        assert np.isfinite(grown).all(), "a map that has grown is not finite"

    @pytest.mark.parametrize("how", ["pickle", "deepcopy"])
    def test_copies_of_the_term(self, how: str) -> None:
        """A copy prepares the same force, also after the original was used."""
        d = dimensions_of(self.spec())[0]
        Y = clusters(60, d)
        term = self.term(len(Y), d)
        expected = self.gradient_of(term.prepare(self.problem(Y)), Y)
        other = pickle.loads(pickle.dumps(term)) if how == "pickle" else copy.deepcopy(term)
        found: NDArray[np.float32] = self.gradient_of(other.prepare(self.problem(Y)), Y)
        self._same(found, expected, "the gradient of a copy")

    def test_two_forces_of_one_term(self) -> None:
        """A force stays that of its map when the term is prepared for another one."""
        d = dimensions_of(self.spec())[0]
        Y, other = clusters(60, d), clusters(60, d, seed=1)
        term = self.term(len(Y), d)
        force = term.prepare(self.problem(Y))
        before = self.gradient_of(force, Y)
        self.gradient_of(term.prepare(self.problem(other)), other)
        self._same(self.gradient_of(force, Y), before, "after another map, the gradient")
