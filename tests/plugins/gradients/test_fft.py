import itertools
import math

import numpy as np
import pytest

from helpers.repulsions import force_error
from tsnekit.interfaces import RepulsionProblem
from tsnekit.plugins.gradients._grid.basis import lagrange
from tsnekit.plugins.gradients.exact import ExactMethod
from tsnekit.plugins.gradients.fft import FFTMethod
from tsnekit.testing.gradients import clusters


def frame(Y, **options):
    plan = FFTMethod(**options).plan(RepulsionProblem(n_samples=len(Y), n_components=Y.shape[1]))
    plan(Y, np.empty_like(Y))
    return plan._field._cell_grid


@pytest.mark.parametrize("d", [1, 2])
def test_more_points_are_more_accurate(d):
    Y = clusters(1500, d)
    methods = [FFTMethod(n_interpolation_points=points) for points in (2, 3, 4, 5, 6)]
    errors = [force_error(method, Y) for method in methods]
    assert all(a > 1.5 * b for a, b in itertools.pairwise(errors))


def test_narrower_intervals_are_more_accurate():
    Y = clusters(1500, 2)
    errors = [
        force_error(FFTMethod(ints_in_interval=width, min_num_intervals=20), Y)
        for width in (3, 1, 0.5)
    ]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert force_error(FFTMethod(min_num_intervals=400), Y) < 0.5 * errors[1]


@pytest.mark.parametrize("extent", [1e-4, 0.3, 7.0, 40.0, 49.9, 120.0, 400.0])
@pytest.mark.parametrize("min_num_intervals", [1, 50, 73])
@pytest.mark.parametrize("ints_in_interval", [0.7, 1, 3])
def test_number_of_intervals(extent, min_num_intervals, ints_in_interval):
    Y = np.array([[0, 0], [extent, extent / 3]], np.float32)
    found = frame(Y, min_num_intervals=min_num_intervals, ints_in_interval=ints_in_interval)
    assert found.cell <= ints_in_interval
    least = math.ceil(min_num_intervals / 0.6)
    assert extent / found.cell >= least * (1 - 1e-6)
    # Rounding makes intervals at most a sixth narrower.
    narrowest = min(0.6 * ints_in_interval, extent / least)
    assert found.cell >= 0.84 * narrowest
    # The nodes of all intervals fit.
    assert all(
        n // 2 >= cells * 3 for n, cells in zip(found.shape.padded, found.cells, strict=True)
    )


# Mean errors of forces by FIt-SNE's scheme with the same options (openTSNE 1.0.4), on these maps.
PEER = {
    (30, 10): (0.0030, 0.0099),
    (30, 20): (0.0175, 0.0205),
    (30, 40): (0.0182, 0.0098),
    (60, 10): (0.0042, 0.0118),
    (60, 20): (0.0328, 0.0248),
    (60, 40): (0.0318, 0.0141),
    (1000, 10): (0.0063, 0.0128),
    (1000, 20): (0.0361, 0.0331),
}


@pytest.mark.parametrize(("n", "width"), PEER)
@pytest.mark.parametrize("among_themselves", [True, False])
def test_the_default_grid_is_as_accurate_as_that_of_its_peer(n, width, among_themselves):
    errors = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        Y = (rng.normal(size=(n, 2)) * width / 2).astype(np.float32)
        X = (rng.normal(size=(200, 2)) * width / 2.2).astype(np.float32)
        margin = 0.2 * np.ptp(Y)
        points = Y if among_themselves else np.clip(X, Y.min(0) - margin, Y.max(0) + margin)
        problem = RepulsionProblem(
            n_samples=len(points), n_components=2, reference=None if among_themselves else Y
        )
        forces = []
        for method in (ExactMethod(), FFTMethod()):
            out, z = np.zeros_like(points), np.empty(len(points))
            total = method.plan(problem)(points, out, z)
            forces.append(out / (total if among_themselves else z[:, None]))
        errors.append(np.linalg.norm(forces[1] - forces[0]) / np.linalg.norm(forces[0]))
    assert np.mean(errors) <= PEER[n, width][0 if among_themselves else 1]


@pytest.mark.parametrize("points", [1, 2, 3, 4, 5, 6])
def test_polynomials(points):
    basis = lagrange(points)
    # Nodes are centred in the interval, so that nodes of all intervals together are equispaced.
    nodes = (np.arange(points) + 0.5) / points - 0.5
    weights = nodes[:, None] ** np.arange(points) @ basis.weight.astype(np.float64)
    np.testing.assert_allclose(weights, np.eye(points), atol=1e-5)
    s = np.linspace(-0.5, 0.5, 21)
    weights = s[:, None] ** np.arange(points) @ basis.weight.astype(np.float64)
    for power in range(points):
        np.testing.assert_allclose(weights @ nodes**power, s**power, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_interpolation_points": 0}, ValueError, "n_interpolation_points must be at least 1"),
        ({"n_interpolation_points": 7}, ValueError, "n_interpolation_points must be at most 6"),
        ({"n_interpolation_points": 3.0}, TypeError, "n_interpolation_points must be an integer"),
        ({"min_num_intervals": 0}, ValueError, "min_num_intervals must be at least 1, got 0"),
        ({"min_num_intervals": "a"}, TypeError, "min_num_intervals must be an integer, got 'a'"),
        ({"ints_in_interval": 0}, ValueError, "ints_in_interval must be greater than 0, got 0"),
        ({"ints_in_interval": math.inf}, ValueError, "ints_in_interval must be finite, got inf"),
        ({"ints_in_interval": None}, TypeError, "ints_in_interval must be a real number"),
    ],
)
def test_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        FFTMethod(**options)
