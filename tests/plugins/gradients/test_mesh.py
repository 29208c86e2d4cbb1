import itertools
import math

import numpy as np
import pytest

from helpers.repulsions import force_error, run
from tsnekit.interfaces import RepulsionProblem
from tsnekit.plugins.gradients._grid.basis import b_spline
from tsnekit.plugins.gradients._grid.spectra import difference_taps
from tsnekit.plugins.gradients.exact import ExactMethod
from tsnekit.plugins.gradients.mesh import ORDERS, MeshMethod
from tsnekit.testing.gradients import clusters


@pytest.mark.parametrize("order", ORDERS)
def test_finer_spacing_is_more_accurate(order):
    Y = clusters(1500, 2)
    methods = [MeshMethod(order=order, spacing=spacing) for spacing in (0.8, 0.4, 0.2)]
    errors = [force_error(method, Y) for method in methods]
    assert errors[0] > 4 * errors[1] > 16 * errors[2]


def test_higher_order_is_more_accurate():
    Y = clusters(1500, 2)
    errors = [force_error(MeshMethod(order=order, spacing=0.25), Y) for order in ORDERS]
    assert all(a > 1.3 * b for a, b in itertools.pairwise(errors))


@pytest.mark.parametrize("dof", [0.1, 0.3])
def test_steep_kernels_get_a_finer_grid(dof):
    assert force_error(MeshMethod(), clusters(1000, 2), dof=dof) <= 0.03


@pytest.mark.parametrize("d", [1, 2, 3])
def test_two_points_act_on_each_other_with_equal_forces(d):
    # This holds for any places between the nodes and any distance. At distance 0 the force is 0.
    rng = np.random.default_rng(0)
    corners = np.stack([np.zeros(d), np.full(d, 45.0)])
    for distance in (0.0, 1e-3, 0.1, 1.0, 10.0):
        for _ in range(10):
            pair = rng.uniform(5, 30, size=d) + distance * np.array([[0.0], [1.0]])
            Y = np.concatenate([pair, corners]).astype(np.float32)
            found, _, _ = run(MeshMethod(), Y)
            expected, _, _ = run(ExactMethod(), Y)
            np.testing.assert_allclose(found.sum(axis=0), 0.0, atol=1e-6)
            np.testing.assert_allclose(found, expected, atol=0.02)
            if distance == 0.0:
                np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("dof", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("spacing", [1e-20, 1e-3, 0.1, 0.5, 0.8])
def test_differences(spacing, dof, d):
    taps = difference_taps(spacing, dof, d)
    steps = np.arange(1, len(taps) + 1)
    # Exact for a straight line: the force is minus half its slope.
    np.testing.assert_allclose(2 * spacing * steps @ taps, -0.5, rtol=1e-6)
    # Close to the force of a charge on a node.
    r = spacing * np.arange(-40, 41)
    kernel = (1 + r**2 / dof) ** -dof if spacing > 1e-10 else -(r**2)
    found = sum(
        tap * (np.roll(kernel, -t) - np.roll(kernel, t)) for t, tap in enumerate(taps, start=1)
    )
    expected = (1 + r**2 / dof) ** -(dof + 1) * r
    inner = slice(len(taps), -len(taps))
    assert np.abs(found - expected)[inner].max() <= 0.03 * np.abs(expected).max()


def test_cell_of_a_map():
    # Cells are the spacing divided by a power of two, with at least 80 along the longest side.
    for extent, cell in ((1000, 0.5), (40, 0.5), (39, 0.25), (20, 0.25), (1, 2**-7)):
        Y = np.array([[0, 0], [extent, 1]], np.float32)
        plan = MeshMethod().plan(RepulsionProblem(n_samples=2, n_components=2))
        plan(Y, np.empty_like(Y))
        assert plan._field._cell_grid.cell == cell


@pytest.mark.parametrize("order", ORDERS)
def test_splines(order):
    basis = b_spline(order)
    s = np.linspace(-0.5, 0.5, 101)
    weights = s[:, None] ** np.arange(order) @ basis.weight.astype(np.float64)
    assert (weights > -1e-7).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-6)
    # Continuous from cell to cell: node k at the end has the weight of node k - 1 at the start.
    np.testing.assert_allclose(weights[-1, 1:], weights[0, :-1], atol=1e-6)
    # Reproduces straight lines.
    nodes = np.arange(order) - (order - 1) / 2
    np.testing.assert_allclose(weights @ nodes, s, atol=1e-6)
    # The values at the nodes, from the centre outwards.
    known = {3: [6, 1], 4: [4, 1], 5: [230, 76, 1], 6: [66, 26, 1]}[order]
    scale = {3: 8, 4: 6, 5: 384, 6: 120}[order]
    np.testing.assert_allclose(basis.samples, np.array(known) / scale, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"spacing": 0}, ValueError, "spacing must be greater than 0, got 0"),
        ({"spacing": math.nan}, ValueError, "spacing must be finite, got nan"),
        ({"spacing": "0.5"}, TypeError, "spacing must be a real number, got '0.5'"),
        ({"order": 2}, ValueError, "order must be at least 3, got 2"),
        ({"order": 7}, ValueError, r"order must be one of \(3, 4, 5, 6\), got 7"),
        ({"order": 4.0}, TypeError, "order must be an integer, got 4.0"),
    ],
)
def test_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        MeshMethod(**options)
