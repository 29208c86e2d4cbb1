"""What mesh and fft have in common: both work on grids."""

import hashlib
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.grid_methods import CASES, METHODS, assert_close
from helpers.repulsions import evaluate, plan, relative
from tsnekit.interfaces import RepulsionProblem
from tsnekit.plugins.gradients._grid.convolve import CONVOLVERS
from tsnekit.plugins.gradients._grid.repulsion import LEAST_MAX_NODES
from tsnekit.plugins.gradients.exact import ExactMethod
from tsnekit.plugins.gradients.fft import FFTMethod
from tsnekit.plugins.gradients.mesh import MeshMethod
from tsnekit.testing.gradients import clusters

TESTS = Path(__file__).parents[2]
DOFS = [0.5, 1.0, 2.0]
# Largest errors of the force between two points. The force itself is at most 0.32. The error of fft
# is largest for points a third of a unit apart, on both sides of a border between intervals.
PAIR_ERRORS = {MeshMethod: 0.035, FFTMethod: 0.11}


# -- Forces and Z ------------------------------------------------------------------------------


@pytest.mark.parametrize("dof", DOFS)
@pytest.mark.parametrize(("method", "d"), CASES)
def test_late_in_a_run(method, d, dof):
    # openTSNE's fft has errors of 0.03 on finished maps of digits and MNIST.
    assert_close(method(), clusters(1500, d), dof=dof)


@pytest.mark.parametrize("dof", DOFS)
@pytest.mark.parametrize(("method", "d"), CASES)
@pytest.mark.parametrize("scale", [1e-4, 1e-9, 1e-20])
def test_fault_31_fresh_initialization(method, d, dof, scale):
    Y = np.random.default_rng(0).normal(scale=scale, size=(1500, d)).astype(np.float32)
    assert_close(method(), Y, dof=dof, force=3e-4, row=1e-8, total=1e-8)


@pytest.mark.parametrize("dof", DOFS)
@pytest.mark.parametrize(("method", "d"), CASES)
def test_dense_clusters_far_apart(method, d, dof):
    # Most forces on a point come from points in the same cell.
    rng = np.random.default_rng(0)
    Y = rng.normal(scale=0.07, size=(1000, d)) + 15.0 * (np.arange(1000) % 2)[:, None]
    assert_close(method(), Y.astype(np.float32), dof=dof, force=0.1, row=0.01, total=0.01)


@pytest.mark.parametrize(("method", "d"), CASES)
def test_map_far_from_the_origin(method, d):
    Y = clusters(1500, d) + np.float32(4096.0)
    assert_close(method(), Y)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (1, 1e-6), (200, 1)])
def test_flat_maps(method, shape):
    Y = np.random.default_rng(0).uniform(size=(1000, 2)) * shape
    assert_close(method(), Y.astype(np.float32), force=0.04)


@pytest.mark.parametrize("n", [2, 3, 10, 100])
@pytest.mark.parametrize(("method", "d"), CASES)
def test_few_points(method, d, n):
    Y = np.random.default_rng(n).normal(scale=2, size=(n, d)).astype(np.float32)
    assert_close(method(), Y, force=0.01, row=0.01, total=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_no_points_and_one(method):
    for n in (0, 1):
        Y = np.ones((n, 2), np.float32)
        out, row_z, z = evaluate(plan(method(), Y), Y)
        assert np.isfinite(out).all()
        np.testing.assert_allclose(row_z, 0.0, atol=1e-12)
        np.testing.assert_allclose(z, 0.0, atol=1e-12)


@pytest.mark.parametrize(("method", "d"), CASES)
def test_fault_4_row_0_is_the_maximum(method, d):
    # Grid bounds from `if min / elif max` do not see a maximum in row 0.
    Y = clusters(1000, d)
    Y[0] = Y.max(axis=0) + 5
    assert_close(method(), Y)
    out, row_z, _ = evaluate(plan(method(), Y), Y)
    expected, expected_row, _ = evaluate(plan(ExactMethod(), Y), Y)
    np.testing.assert_allclose(out[0], expected[0], rtol=0.02)
    np.testing.assert_allclose(row_z[0], expected_row[0], rtol=0.02)


@pytest.mark.parametrize(("method", "d"), CASES)
@pytest.mark.parametrize("value", [0.0, 1.0, -7.3, 1e6, 1e30])
def test_fault_5_constant_data(method, d, value):
    # The fault: a grid without extent.
    Y = np.full((3000, d), value, np.float32)
    out, row_z, z = evaluate(plan(method(), Y), Y)
    np.testing.assert_allclose(out, 0.0, atol=1e-9)
    np.testing.assert_allclose(row_z, 2999, rtol=1e-9)
    np.testing.assert_allclose(z, 3000 * 2999, rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_fault_6_duplicates_among_others(method):
    # A single pair is less accurate than a sum over many pairs, and here one pair counts 600 times.
    Y = clusters(1500, 2)
    Y[300:900] = Y[0]
    assert_close(method(), Y, force=0.06, row=0.04, total=0.03)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_infinite_positions_are_refused(method, bad):
    Y = clusters(100, 2)
    Y[3] = bad
    with pytest.raises(ValueError, match="must be finite"):
        evaluate(plan(method(), Y), Y)


@pytest.mark.parametrize("dof", DOFS)
@pytest.mark.parametrize(("method", "d"), CASES)
def test_single_pairs(method, d, dof):
    direction = np.array([[1.0], [0.8, 0.6], [0.6, 0.64, 0.48]][d - 1])
    # The map is so wide that cells have their full width.
    edge = 10.5 if d == 3 else 20.5
    errors = []
    for start in np.linspace(0, 0.9, 4 if d == 3 else 10):
        for distance in np.linspace(0.05, 2, 14):
            Y = np.full((4, d), [[-edge], [start], [start], [edge]], np.float32)
            Y[2] += distance * direction
            out, expected = (
                evaluate(plan(each(), Y, dof=dof), Y)[0] for each in (method, ExactMethod)
            )
            errors.append(np.linalg.norm(out - expected, axis=1).max())
    assert max(errors) <= PAIR_ERRORS[method]


@settings(max_examples=40, deadline=None)
@given(
    method=st.sampled_from(METHODS),
    d=st.integers(1, 2),
    n=st.integers(2, 200),
    dof=st.sampled_from(DOFS),
    scale=st.floats(-12, 2.3),
    stretch=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_random_clouds(method, d, n, dof, scale, stretch, seed):
    rng = np.random.default_rng(seed)
    Y = rng.standard_t(3, size=(n, d)) * 10**scale * np.array([1.0, stretch])[:d]
    Y = Y.astype(np.float32)
    out, row_z, _ = evaluate(plan(method(), Y, dof=dof), Y)
    expected, expected_row, _ = evaluate(plan(ExactMethod(), Y, dof=dof), Y)
    # In a small cloud, one near pair may make most of the force, and its error stays.
    # Far pairs have the rounding error of a unit charge in single precision.
    tolerance = 0.1 * np.linalg.norm(expected) + PAIR_ERRORS[method] + 1e-6 * n
    assert np.linalg.norm(out - expected) <= tolerance
    np.testing.assert_allclose(row_z, expected_row, rtol=0.05, atol=0.12)


# -- A fixed reference -------------------------------------------------------------------------


@pytest.mark.parametrize("dof", DOFS)
@pytest.mark.parametrize(("method", "d"), CASES)
def test_reference(method, d, dof):
    assert_close(method(), clusters(300, d, seed=1), dof=dof, reference=clusters(1500, d))


@pytest.mark.parametrize(("method", "d"), CASES)
def test_new_points_away_from_the_reference(method, d):
    reference, Y = clusters(1500, d), clusters(300, d, seed=1)
    Y[:20] *= 3
    Y[20], Y[21], Y[22] = 1e6, -1e30, np.finfo(np.float32).max
    repulsion = plan(method(), Y, reference=reference)
    out, row_z, _ = evaluate(repulsion, Y)
    expected, expected_row, _ = evaluate(plan(ExactMethod(), Y, reference=reference), Y)
    assert relative(out, expected) <= 0.03
    np.testing.assert_allclose(row_z, expected_row, rtol=0.05)
    far = [20, 21, 22]
    np.testing.assert_allclose(out[far], expected[far], rtol=1e-5)
    np.testing.assert_allclose(row_z[far], expected_row[far], rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("far", [1e6, 1e30])
def test_reference_with_outliers(method, far):
    reference, Y = clusters(3000, 2), clusters(300, 2, seed=1)
    reference[5] = far
    Y[7] = far
    assert_close(method(), Y, reference=reference)


@pytest.mark.parametrize("method", METHODS)
def test_reference_that_is_too_wide(method):
    rng = np.random.default_rng(0)
    reference = rng.uniform(0, 1e5, size=(2000, 2)).astype(np.float32)
    Y = rng.uniform(0, 1e5, size=(200, 2)).astype(np.float32)
    assert_close(method(), Y, reference=reference, row=0.03, total=0.03)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_fault_8_field_of_the_reference_belongs_to_the_plan(method, scale):
    # The fault: a cached grid is used for a reference other than its own.
    reference, Y = clusters(2000, 2) * np.float32(scale), clusters(200, 2, seed=1)
    repulsion = plan(method(), Y, reference=reference)
    before = evaluate(repulsion, Y)
    reference += 5
    for found, expected in zip(evaluate(repulsion, Y), before, strict=True):
        np.testing.assert_array_equal(found, expected)
    moved, *_ = evaluate(plan(method(), Y, reference=reference), Y)
    expected, *_ = evaluate(plan(ExactMethod(), Y, reference=reference), Y)
    assert relative(moved, expected) <= 0.08
    if scale == 1:
        assert relative(moved, before[0]) > 0.2


# -- Repeatability and cost --------------------------------------------------------------------


@pytest.mark.parametrize(("method", "d"), CASES)
@pytest.mark.parametrize("scale", [1e-4, 1.0, 300.0])
def test_same_bits_for_any_number_of_threads(method, d, scale):
    Y = clusters(20000, d) * np.float32(scale)
    expected = evaluate(plan(method(), Y), Y)
    for n_jobs in (2, 3):
        for found, wanted in zip(
            evaluate(plan(method(), Y, n_jobs=n_jobs), Y), expected, strict=True
        ):
            np.testing.assert_array_equal(found, wanted)


SCRIPT = """
import hashlib, sys, numpy as np
from tsnekit.interfaces import RepulsionProblem
from tsnekit.plugins.gradients.fft import FFTMethod
from tsnekit.plugins.gradients.mesh import MeshMethod
from tsnekit.testing.gradients import clusters
from tsnekit.testing.gradients import clusters
for method in (MeshMethod, FFTMethod):
    Y = clusters(5000, 2)
    out = np.empty_like(Y)
    problem = RepulsionProblem(n_samples=5000, n_components=2, n_jobs=2)
    z = method().plan(problem)(Y, out)
    print(hashlib.sha256(out.tobytes() + np.float64(z).tobytes()).hexdigest())
"""


def digests(**environment):
    result = subprocess.run(
        [sys.executable, "-I", "-c", SCRIPT],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.split()


def test_same_bits_in_every_run():
    here = []
    for method in METHODS:
        Y = clusters(5000, 2)
        out, _, z = evaluate(plan(method(), Y), Y)
        here.append(hashlib.sha256(out.tobytes() + np.float64(z).tobytes()).hexdigest())
    assert digests() == here


@pytest.mark.parametrize("isa", ["baseline", "avx2"])
def test_every_instruction_set(isa):
    script = f"""
import sys; sys.path.insert(0, {str(TESTS)!r})
from helpers.grid_methods import CASES, assert_close
from tsnekit.testing.gradients import clusters
for method, d in CASES:
    assert_close(method(), clusters(1500, d))
"""
    subprocess.run(
        [sys.executable, "-I", "-c", script], env={**os.environ, "TSNEKIT_ISA": isa}, check=True
    )


@pytest.mark.parametrize(("method", "d"), [(MeshMethod, 1), (MeshMethod, 2), (FFTMethod, 2)])
def test_nothing_is_allocated_from_call_to_call(method, d):
    # Large grids, as in 3-D, are an exception: they search for outliers.
    Y = clusters(20000, d)
    out = np.empty_like(Y)
    repulsion = plan(method(), Y)
    repulsion(Y, out)
    tracemalloc.start()
    repulsion(Y, out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**15


@pytest.mark.parametrize("method", METHODS)
def test_spectra_are_kept_within_bounds(method):
    repulsion = None
    for extent in np.geomspace(1e-3, 300, 60):
        Y = clusters(50, 2) * np.float32(extent / 30)
        repulsion = repulsion or plan(method(), Y)
        evaluate(repulsion, Y)
    assert len(repulsion._field._kernels) <= 16


@pytest.mark.parametrize("method", METHODS)
def test_positions_are_not_changed(method):
    Y = clusters(500, 2)
    Y[0] = 1e6
    before = Y.copy()
    Y.flags.writeable = False
    evaluate(plan(method(), Y), Y)
    np.testing.assert_array_equal(Y, before)


# -- Options -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "d"), CASES)
def test_providers_of_fourier_transforms_agree(method, d):
    Y = clusters(1000, d)
    results = [evaluate(plan(method(fourier=name), Y), Y) for name in CONVOLVERS]
    for out, row_z, z in results[1:]:
        assert relative(out, results[0][0]) <= 1e-5
        assert relative(row_z, results[0][1]) <= 1e-6
        np.testing.assert_allclose(z, results[0][2], rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_provider_that_is_not_installed(method, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="needs pyfftw: pip install pyfftw"):
        method(fourier="pyfftw")
    method()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"fourier": "mkl"}, ValueError, r"fourier must be one of .*native.*, got 'mkl'"),
        ({"max_nodes": 100}, ValueError, f"max_nodes must be at least {LEAST_MAX_NODES}, got 100"),
        ({"max_nodes": 1e6}, TypeError, "max_nodes must be an integer, got 1000000.0"),
    ],
)
def test_bad_options(method, options, error, message):
    with pytest.raises(error, match=message):
        method(**options)


@pytest.mark.parametrize(("method", "d"), [(MeshMethod, 4), (FFTMethod, 3), (MeshMethod, 0)])
def test_unsupported_dimensions_are_refused(method, d):
    with pytest.raises(ValueError, match=f"n_components={d}"):
        method().plan(RepulsionProblem(n_samples=10, n_components=d))
