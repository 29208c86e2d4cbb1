import itertools
import math

import numpy as np
import pytest

from helpers.repulsions import force_error
from tsnekit.interfaces import RepulsionProblem
from tsnekit.plugins.gradients._basis import lagrange
from tsnekit.plugins.gradients.fft import FFTMethod
from tsnekit.testing.gradients import clusters


def frame(Y, **options):
    plan = FFTMethod(**options).plan(RepulsionProblem(n_samples=len(Y), n_components=Y.shape[1]))
    plan(Y, np.empty_like(Y))
    return plan._field._frame


@pytest.mark.parametrize("d", [1, 2])
def test_more_points_are_more_accurate(d):
    Y = clusters(1500, d)
    methods = [FFTMethod(n_interpolation_points=points) for points in (2, 3, 4, 5, 6)]
    errors = [force_error(method, Y) for method in methods]
    assert all(a > 1.5 * b for a, b in itertools.pairwise(errors))


def test_narrower_intervals_are_more_accurate():
    Y = clusters(1500, 2)
    errors = [force_error(FFTMethod(ints_in_interval=width), Y) for width in (3, 1, 0.5)]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert force_error(FFTMethod(min_num_intervals=400), Y) < 0.5 * errors[1]


@pytest.mark.parametrize("extent", [1e-4, 0.3, 7.0, 40.0, 49.9, 120.0, 400.0])
@pytest.mark.parametrize("min_num_intervals", [1, 50, 73])
@pytest.mark.parametrize("ints_in_interval", [0.7, 1, 3])
def test_number_of_intervals(extent, min_num_intervals, ints_in_interval):
    Y = np.array([[0, 0], [extent, extent / 3]], np.float32)
    found = frame(Y, min_num_intervals=min_num_intervals, ints_in_interval=ints_in_interval)
    assert found.cell <= ints_in_interval
    assert extent / found.cell >= min_num_intervals * (1 - 1e-6)
    # No more than a sixth narrower than asked for, or 0.8 times the greatest width.
    narrowest = min(0.8 * ints_in_interval, extent / min_num_intervals)
    assert found.cell >= 0.84 * narrowest
    # The nodes of all intervals fit.
    assert all(
        n // 2 >= cells * 3 for n, cells in zip(found.shape.padded, found.cells, strict=True)
    )


@pytest.mark.parametrize("points", [1, 2, 3, 4, 5, 6])
def test_polynomials(points):
    basis = lagrange(points)
    # Nodes are centred in the interval, so that those of neighbors follow at the same distance.
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
