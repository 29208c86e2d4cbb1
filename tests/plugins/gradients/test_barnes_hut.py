import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tsnekit._native.tree import BarnesHut

from helpers.repulsions import evaluate, force_error, plan, run
from tsnekit.interfaces import RepulsionProblem
from tsnekit.plugins.gradients.barnes_hut import BarnesHutMethod
from tsnekit.plugins.gradients.exact import ExactMethod
from tsnekit.specs import POINTS
from tsnekit.testing.gradients import clusters


def assert_exact(Y, *, theta=0.0, rtol=3e-6, **problem):
    force, row_z, z = run(BarnesHutMethod(theta=theta), Y, **problem)
    expected, expected_z, total = run(ExactMethod(), Y, **problem)
    scale = np.abs(expected).max(initial=np.finfo(np.float32).tiny)
    np.testing.assert_allclose(force, expected, rtol=0, atol=rtol * scale)
    np.testing.assert_allclose(row_z, expected_z, rtol=rtol)
    np.testing.assert_allclose(z, total, rtol=rtol)


# -- theta -------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("dof", [0.5, 0.8, 1.0, 2.0, 3.0])
def test_theta_0_is_exact(d, dof):
    assert_exact(clusters(900, d), dof=dof)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("scale", [1e-4, 1e-8, 1e-20])
def test_fault_31_theta_0_is_exact_at_the_scale_of_a_fresh_initialization(d, scale):
    # A tree that merges points closer than 1e-6 loses these forces.
    Y = np.random.default_rng(d).normal(size=(500, d)).astype(np.float32) * np.float32(scale)
    assert_exact(Y)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_theta_0_is_exact_for_a_reference(d):
    assert_exact(clusters(150, d), reference=clusters(700, d, seed=1), dof=1.5)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("reference", [False, True])
def test_error_falls_with_theta(d, reference):
    Y = clusters(2000, d)
    fixed = clusters(2500, d, seed=1) if reference else None
    errors = [
        force_error(BarnesHutMethod(theta=theta), Y, reference=fixed)
        for theta in (1.2, 0.8, 0.5, 0.25, 0.1)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[2] < 0.02
    assert errors[-1] < 1e-3


@pytest.mark.parametrize("theta", [1.0, 3.0, 1e6, 1e300])
def test_no_theta_makes_a_point_act_on_itself(theta):
    # An isolated point: a cell that contains the point must not stand for the other points.
    Y = np.concatenate([clusters(300, 2), [[200.0, 200.0]]]).astype(np.float32)
    _, row_z, _ = run(BarnesHutMethod(theta=theta), Y)
    _, expected, _ = run(ExactMethod(), Y)
    np.testing.assert_allclose(row_z[-1], expected[-1], rtol=0.2)


def test_a_far_cell_counts_every_point():
    near = np.random.default_rng(0).normal(size=(1000, 2))
    Y = np.concatenate([near, [[500.0, 0.0]]]).astype(np.float32)
    force, row_z, _ = run(BarnesHutMethod(), Y)
    expected, expected_z, _ = run(ExactMethod(), Y)
    np.testing.assert_allclose(row_z[-1], expected_z[-1], rtol=1e-4)
    np.testing.assert_allclose(force[-1, 0], expected[-1, 0], rtol=1e-4)


@pytest.mark.parametrize("theta", [-0.1, math.nan, math.inf])
def test_bad_theta_is_refused(theta):
    with pytest.raises(ValueError, match=r"theta must be .*got"):
        BarnesHutMethod(theta=theta)


@pytest.mark.parametrize("theta", ["0.5", None, True, 1j, [0.5]])
def test_theta_of_a_wrong_type_is_refused(theta):
    with pytest.raises(TypeError, match="theta must be a real number, got"):
        BarnesHutMethod(theta=theta)


# -- Degenerate input --------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 47, 48, 49, 64, 65])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_few_points(n, d):
    Y = np.random.default_rng(n).normal(size=(n, d)).astype(np.float32)
    assert_exact(Y)


def test_no_points():
    out, _, z = run(BarnesHutMethod(), np.empty((0, 2), dtype=np.float32))
    assert out.shape == (0, 2)
    assert z == 0


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_reference_without_points_exerts_no_force(d):
    """Fuzzing found a walk through the tree of such a reference, which has no root."""
    force, row_z, z = run(
        BarnesHutMethod(), np.ones((5, d), np.float32), reference=np.empty((0, d), np.float32)
    )
    assert not force.any()
    assert not row_z.any()
    assert z == 0


@pytest.mark.parametrize("theta", [0.0, 0.5, 10.0])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_fault_5_equal_points_exert_no_force(d, theta):
    # The fault: segmentation faults, NaN and endless recursion for constant data.
    Y = np.full((5000, d), -7.3, dtype=np.float32)
    force, row_z, z = run(BarnesHutMethod(theta=theta), Y)
    np.testing.assert_array_equal(force, 0)
    np.testing.assert_array_equal(row_z, len(Y) - 1)
    assert z == len(Y) * (len(Y) - 1)


@pytest.mark.parametrize("theta", [0.0, 0.5])
def test_fault_6_duplicates_among_others(theta):
    # Only the point itself is left out of its Z. Its duplicates count.
    Y = clusters(1000, 2)
    Y[200:500] = Y[0]
    Y[600:620] = Y[1]
    force, row_z, z = run(BarnesHutMethod(theta=theta), Y)
    expected, expected_z, total = run(ExactMethod(), Y)
    rtol = 1e-5 if theta == 0 else 0.03
    assert np.linalg.norm(force - expected) <= rtol * np.linalg.norm(expected)
    np.testing.assert_allclose(row_z, expected_z, rtol=rtol)
    np.testing.assert_allclose(z, total, rtol=rtol)
    for same in (slice(200, 500), slice(600, 620)):
        np.testing.assert_allclose(row_z[same], row_z[same][0], rtol=1e-5)


def test_fault_6_duplicates_cost_nothing():
    # A sum over all pairs would have 1e12 terms.
    Y = np.zeros((1_000_000, 2), dtype=np.float32)
    Y[: len(Y) // 2] = 1.0
    force, _, z = run(BarnesHutMethod(theta=0.0), Y)
    half = len(Y) / 2
    np.testing.assert_allclose(z, 2 * half * (half - 1) + 2 * half * half / 3, rtol=1e-6)
    np.testing.assert_allclose(force[0], half / 9, rtol=1e-6)
    np.testing.assert_allclose(force[-1], -half / 9, rtol=1e-6)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("far", [1e6, 1e12, 1e30, np.finfo(np.float32).max])
@pytest.mark.parametrize("theta", [0.0, 0.5])
def test_an_outlier_costs_no_accuracy(d, far, theta):
    Y = clusters(1500, d)
    Y[0] = far
    Y[1] = -far
    force, row_z, z = run(BarnesHutMethod(theta=theta), Y)
    assert np.isfinite(force).all()
    assert np.isfinite(row_z).all()
    assert (row_z > 0).all()
    expected, expected_z, _ = run(ExactMethod(), Y[2:])
    rtol = 1e-5 if theta == 0 else 0.02
    assert np.linalg.norm(force[2:] - expected) <= rtol * np.linalg.norm(expected)
    np.testing.assert_allclose(row_z[2:].sum(), expected_z.sum(), rtol=rtol)
    np.testing.assert_allclose(z, row_z.sum())


@pytest.mark.parametrize("d", [1, 2, 3])
def test_points_at_every_scale(d):
    # Each pair is a hundred times closer than the pair before. One grid cannot separate all pairs.
    scales = np.float32(100.0) ** -np.arange(20, dtype=np.float32)
    Y = np.concatenate([k * scales[:, None] * np.ones(d) for k in range(1, 31)])
    assert_exact(Y.astype(np.float32))


@pytest.mark.parametrize("theta", [0.0, 0.5])
def test_nan_does_not_hang(theta):
    Y = clusters(500, 2)
    Y[::3] = np.nan
    run(BarnesHutMethod(theta=theta), Y)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 3).flatmap(
        lambda d: hnp.arrays(
            np.float32,
            st.tuples(st.integers(1, 150), st.just(d)),
            elements=st.one_of(
                st.sampled_from(
                    [0.0, -0.0, 1.0, 1 + 2.0**-23, -1e6, float(np.float32(1e-30)), 2.0**-140]
                ),
                st.floats(-50, 50, width=32),
            ),
        )
    ),
    st.sampled_from([0.5, 1.0, 2.0]),
)
def test_theta_0_is_exact_for_any_points(Y, dof):
    assert_exact(Y, dof=dof, rtol=2e-5)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 3),
    st.integers(50, 400),
    st.floats(-6, 3),
    st.floats(0.1, 0.7),
)
def test_random_clouds(seed, d, n, log_scale, theta):
    Y = np.random.default_rng(seed).standard_t(3, size=(n, d)) * 10**log_scale
    Y = Y.astype(np.float32)
    _, row_z, z = run(BarnesHutMethod(theta=theta), Y)
    _, expected_z, total = run(ExactMethod(), Y)
    # No term has a larger relative error, because cells are small relative to their distance.
    np.testing.assert_allclose(row_z, expected_z, rtol=0.5)
    np.testing.assert_allclose(z, total, rtol=0.15)


# -- Threads and instruction sets --------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
def test_same_bits_for_any_threads_where_the_build_is_threaded(d):
    Y = np.random.default_rng(d).normal(size=(60_000, d)).astype(np.float32) * np.float32(50)
    Y[20_000:50_000] *= np.float32(1e-6)
    one, two = (run(BarnesHutMethod(theta=1.0), Y, n_jobs=n_jobs) for n_jobs in (1, 2))
    for found, expected in zip(two, one, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_order_of_rows_does_not_matter():
    Y = clusters(800, 2)
    order = np.random.default_rng(3).permutation(len(Y))
    force, row_z, _ = run(BarnesHutMethod(), Y)
    shuffled, shuffled_z, _ = run(BarnesHutMethod(), np.ascontiguousarray(Y[order]))
    scale = np.abs(force).max()
    np.testing.assert_allclose(shuffled, force[order], rtol=0, atol=3e-6 * scale)
    np.testing.assert_allclose(shuffled_z, row_z[order], rtol=3e-6)


def test_plan_serves_embeddings_of_other_sizes():
    problem = RepulsionProblem(n_samples=100, n_components=2)
    plan = BarnesHutMethod(theta=0.0).plan(problem)
    for n in (100, 2000, 10):
        Y = clusters(n, 2)
        out = np.empty_like(Y)
        expected, _, total = run(ExactMethod(), Y)
        np.testing.assert_allclose(plan(Y, out), total, rtol=3e-6)
        np.testing.assert_allclose(out, expected, rtol=0, atol=3e-6 * np.abs(expected).max())


SCRIPT = """
import numpy as np
from tsnekit.interfaces import RepulsionProblem
from tsnekit.plugins.gradients.barnes_hut import BarnesHutMethod
from tsnekit.plugins.gradients.exact import ExactMethod
from tsnekit.testing.gradients import clusters

for d, dof, theta, limit in [(1, 1, 0, 1e-5), (2, 1, 0, 1e-5), (3, 1, 0, 1e-5),
                             (2, 0.7, 0, 1e-5), (2, 2, 0, 1e-5), (2, 1, 0.5, 0.02)]:
    Y = clusters(700, d)
    problem = RepulsionProblem(n_samples=len(Y), n_components=d, dof=dof)
    found, expected = np.empty_like(Y), np.empty_like(Y)
    z = BarnesHutMethod(theta=theta).plan(problem)(Y, found)
    total = ExactMethod().plan(problem)(Y, expected)
    assert np.linalg.norm(found - expected) <= limit * np.linalg.norm(expected), (d, dof)
    assert abs(z / total - 1) <= limit, (d, dof)
"""


@pytest.mark.parametrize("isa", ["baseline", "avx2"])
def test_lower_instruction_sets(isa, monkeypatch):
    monkeypatch.setenv("TSNEKIT_ISA", isa)
    subprocess.run([sys.executable, "-I", "-c", SCRIPT], check=True)


# -- What it refuses ---------------------------------------------------------------------------


def test_fault_22_more_dimensions_are_refused():
    # The fault: a tree whose nodes have 2^50 children.
    from tsnekit.plugins.gradients import tsnekit_gradient_methods

    specs = {spec.name: spec for spec in tsnekit_gradient_methods()}
    assert isinstance(specs["barnes_hut"], POINTS["negative_gradient_method"])
    reasons = specs["barnes_hut"].unmet(RepulsionProblem(n_samples=10, n_components=50))
    assert reasons == ("n_components=50 is not supported, only 1 or 2 or 3",)


@pytest.mark.parametrize("rows", [slice(0, 900), slice(300, 301), slice(450, 900), slice(5, 5)])
def test_some_rows_have_the_bits_of_the_whole(rows):
    Y = clusters(900, 2)
    Y[400:600] = Y[400]  # more equal points than share one list of sources
    repulsion = plan(BarnesHutMethod(), Y)
    whole, whole_z, _ = evaluate(repulsion, Y)
    out, row_z = np.empty_like(whole[rows]), np.empty_like(whole_z[rows])
    z = repulsion.gather(repulsion.spread(Y, rows), rows, out, row_z)
    np.testing.assert_array_equal(out, whole[rows])
    np.testing.assert_array_equal(row_z, whole_z[rows])
    assert z == pytest.approx(row_z.sum(), rel=1e-12)


def test_rows_that_are_not_there_are_refused():
    Y = clusters(10, 2)
    for first in (-1, 6):
        with pytest.raises(ValueError, match=f"first must be from 0 to 5, got {first}"):
            BarnesHut(2, 1.0, 0.5, 1).fill_rows(Y, first, np.empty((5, 2), np.float32))
