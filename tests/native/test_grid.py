"""Spreading and gathering on a grid, against dense sums in NumPy."""

import itertools

import numpy as np
import pytest
from tsnekit._native.grid import N_TAPS, PointGrid, add_pairs, point_bounds

from tsnekit.interfaces import RepulsionProblem
from tsnekit.plugins.gradients._grid.basis import b_spline, lagrange
from tsnekit.plugins.gradients.exact import ExactMethod

BASES = {
    **{f"spline{order}": b_spline(order) for order in (3, 4, 5, 6)},
    **{f"lagrange{points}": lagrange(points) for points in (1, 2, 3, 4, 5, 6)},
}
CELL = 0.5
# Enough points for several blocks, and cells for several strips.
N = 9000


class Setup:
    """A grid of cells over [-2, ...] with points in it."""

    def __init__(self, basis, d, n=N, seed=0):
        rng = np.random.default_rng(seed)
        self.basis, self.d = basis, d
        self.cells = np.array({1: [90], 2: [41, 23], 3: [21, 9, 12]}[d])
        self.corner = np.full(d, -2.0, np.float32)
        self.nodes = (self.cells - 1) * basis.step + basis.width
        self.shape = (*self.nodes[:-1], self.nodes[-1] + -basis.width % 4)
        strides = [int(np.prod(self.shape[axis + 1 :])) for axis in range(d)]
        self.grid = PointGrid(
            basis.weight,
            basis.step,
            basis.shift,
            self.corner,
            CELL,
            self.cells.astype(np.int64),
            np.asarray(strides, np.int64),
        )
        # The points lie on a lattice, so that single precision gives their exact place in a cell.
        inside = rng.integers((self.cells - basis.shift) * 1024, size=(n, d)) / 1024
        self.Y = (self.corner + CELL * inside).astype(np.float32)

    def weights(self):
        """First node (n, d) and weights (n, d, width) of each point's stencil."""
        v = (self.Y.astype(np.float64) - self.corner) / CELL + self.basis.shift
        cell = np.minimum(np.floor(v).astype(int), self.cells - 1)
        s = v - cell - 0.5
        powers = s[..., None] ** np.arange(self.basis.width)
        return cell * self.basis.step, powers @ self.basis.weight.astype(np.float64)

    def dense(self, field=None):
        """Charges of all points, or the field gathered at them."""
        first, w = self.weights()
        result = np.zeros(self.shape) if field is None else np.zeros(len(self.Y))
        for offset in itertools.product(range(self.basis.width), repeat=self.d):
            weight = np.prod([w[:, axis, k] for axis, k in enumerate(offset)], axis=0)
            node = tuple((first + offset).T)
            if field is None:
                np.add.at(result, node, weight)
            else:
                result += weight * field[node]
        return result

    def spread(self, n_threads=1):
        charge = np.full(self.shape, np.nan, np.float32).ravel()
        self.grid.spread(self.Y, np.empty_like(self.Y), charge, n_threads)
        return charge.reshape(self.shape)

    def gather(self, fields, *, scale=1.0, constant=0.0, own=None, n_threads=1):
        out = np.full(self.Y.shape, np.nan, np.float32)
        row_z = np.full(len(self.Y), np.nan)
        flat = fields.reshape(len(fields), -1)
        total = self.grid.gather(self.Y, flat, scale, constant, own, out, row_z, n_threads)
        return out, row_z, total


@pytest.fixture(params=[1, 2, 3])
def d(request):
    return request.param


@pytest.fixture(params=BASES)
def setup(request, d):
    return Setup(BASES[request.param], d)


def test_spread(setup):
    charge = setup.spread()
    np.testing.assert_allclose(charge, setup.dense(), rtol=5e-6, atol=2e-5)
    np.testing.assert_allclose(charge.sum(dtype=np.float64), N, rtol=1e-6)


def test_gather(setup):
    rng = np.random.default_rng(1)
    fields = rng.normal(size=(1 + setup.d, *setup.shape)).astype(np.float32)
    out, row_z, total = setup.gather(fields, scale=3.0, constant=0.25)
    np.testing.assert_allclose(row_z, 3.0 * setup.dense(fields[0]) + 0.25, rtol=1e-6, atol=5e-4)
    np.testing.assert_allclose(total, row_z.sum(), rtol=1e-12)
    for axis in range(setup.d):
        expected = setup.dense(fields[1 + axis])
        np.testing.assert_allclose(out[:, axis], expected, rtol=1e-6, atol=5e-5)


def test_own_potential_is_subtracted(setup):
    width, d = setup.basis.width, setup.d
    if width**d > 40:
        pytest.skip("the double sum over the stencil takes long")
    # A kernel that is even along each axis, for the offsets between nodes of a stencil.
    kernel = 1.0 / (1.0 + sum(g.astype(float) ** 2 for g in np.indices((width,) * d)) / 4)
    own = kernel
    for axis in range(d):
        own = np.moveaxis(np.tensordot(setup.basis.correlations, own, axes=(0, axis)), 0, axis)
    fields = np.zeros((1 + d, *setup.shape), np.float32)
    out, row_z, _ = setup.gather(fields, own=own.astype(np.float32).ravel())
    some = slice(50)
    w = setup.weights()[1][some]
    expected = np.zeros(50)
    for a in itertools.product(range(width), repeat=d):
        for b in itertools.product(range(width), repeat=d):
            picked = np.prod([w[:, axis, i] for axis, i in enumerate(a)], axis=0)
            spread = np.prod([w[:, axis, j] for axis, j in enumerate(b)], axis=0)
            expected += kernel[tuple(np.abs(np.subtract(a, b)))] * picked * spread
    # Polynomials of high degree, except splines, need more digits than single precision has.
    smooth = len(setup.basis.samples) > 1
    np.testing.assert_allclose(row_z[some], -expected, atol=2e-6 if smooth or width < 5 else 1e-3)
    np.testing.assert_array_equal(out, 0.0)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_differences(d, n_threads):
    setup = Setup(BASES["spline4"], d)
    rng = np.random.default_rng(7)
    taps = rng.normal(size=N_TAPS).astype(np.float32)
    fields = np.full((1 + d, *setup.shape), 7.0, np.float32)
    fields[0] = rng.normal(size=setup.shape)
    flat = fields.reshape(1 + d, -1)
    setup.grid.differentiate(np.asarray(setup.shape, np.int64), taps, flat, n_threads)
    inner = tuple(slice(N_TAPS, n - N_TAPS) for n in setup.shape)
    for axis in range(d):
        expected = sum(
            tap * (np.roll(fields[0], -t, axis) - np.roll(fields[0], t, axis))
            for t, tap in enumerate(taps.astype(float), start=1)
        )
        np.testing.assert_allclose(fields[1 + axis][inner], expected[inner], atol=1e-5)
        untouched = fields[1 + axis].copy()
        untouched[inner] = 7.0
        np.testing.assert_array_equal(untouched, 7.0)


def grid_with(cells, strides):
    return PointGrid(
        BASES["spline4"].weight, 1, 0.0, np.zeros(len(cells), np.float32), 1.0,
        np.array(cells, np.int64), np.array(strides, np.int64),
    )  # fmt: skip


def test_strides_that_the_kernels_do_not_know_are_refused():
    """Fuzzing found a case that read before the start of the field."""
    with pytest.raises(ValueError, match="the last stride must be 1, got 7"):
        grid_with([20], [7])
    fields = np.zeros((4, 20_000), np.float32)
    nodes = np.array([24, 24, 24])
    with pytest.raises(ValueError, match="without a gap"):
        grid_with([20, 20, 20], [700, 24, 1]).differentiate(
            nodes, np.ones(N_TAPS, np.float32), fields, 1
        )


def test_sizes_beyond_64_bits_are_refused():
    with pytest.raises(OverflowError):
        grid_with([2**40, 2], [2**40, 1])
    nodes, fields = np.array([2**40, 2]), np.zeros((3, 100), np.float32)
    with pytest.raises(OverflowError):
        grid_with([1, 1], [2**40, 1]).differentiate(nodes, np.ones(N_TAPS, np.float32), fields, 1)


@pytest.mark.parametrize("name", ["spline4", "lagrange3", "spline5"])
def test_same_bits_for_any_number_of_threads(name, d):
    setup = Setup(BASES[name], d)
    fields = np.random.default_rng(4).normal(size=(1 + setup.d, *setup.shape)).astype(np.float32)
    charge, gathered = setup.spread(), setup.gather(fields)
    for n_threads in (2, 3):
        np.testing.assert_array_equal(setup.spread(n_threads), charge)
        for found, expected in zip(
            setup.gather(fields, n_threads=n_threads), gathered, strict=True
        ):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, -1e30, -3.0, 1e4])
def test_points_outside_are_safe(d, bad):
    # The values are meaningless, but nothing outside the arrays is touched.
    setup = Setup(BASES["spline4"], d)
    setup.Y[::7] = bad
    setup.spread()
    setup.gather(np.zeros((1 + d, *setup.shape), np.float32))


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 1023, 1024, 1025])
def test_any_number_of_points(n):
    setup = Setup(BASES["spline4"], 2, n=n)
    np.testing.assert_allclose(setup.spread(), setup.dense(), atol=2e-6)
    field = np.random.default_rng(5).normal(size=(1 + setup.d, *setup.shape)).astype(np.float32)
    _, row_z, _ = setup.gather(field)
    np.testing.assert_allclose(row_z, setup.dense(field[0]), atol=1e-5)


@pytest.mark.parametrize("n", [1, 2, 3, 8191, 8192, 8193, 30000])
@pytest.mark.parametrize("where", [0, -1, "middle"])
def test_fault_4_bounds_see_every_row(n, where, d):
    # Bounds from `if min / elif max` miss a maximum in row 0.
    Y = np.random.default_rng(n).normal(size=(n, d)).astype(np.float32)
    row = n // 2 if where == "middle" else where
    Y[row] = 100.0
    lower, upper = np.empty((2, d), np.float32)
    for n_threads in (1, 2):
        point_bounds(Y, lower, upper, n_threads)
        np.testing.assert_array_equal(lower, Y.min(axis=0))
        np.testing.assert_array_equal(upper, Y.max(axis=0))


@pytest.mark.parametrize("dof", [0.5, 1.0, 2.0, 3.7])
@pytest.mark.parametrize("skip_own", [True, False])
def test_add_pairs(d, dof, skip_own):
    rng = np.random.default_rng(6)
    Y = rng.normal(size=(300, d)).astype(np.float32) * 3
    sources = Y if skip_own else rng.normal(size=(120, d)).astype(np.float32)
    rows = np.flatnonzero(np.arange(300) % 3 == 0)
    out, row_z = np.full(Y.shape, 2.0, np.float32), np.full(300, 5.0)
    add_pairs(rows, Y, np.ascontiguousarray(sources.T), 0 if skip_own else -1, dof, out, row_z, 2)
    problem = RepulsionProblem(
        n_samples=300, n_components=d, dof=dof, reference=None if skip_own else sources
    )
    force, z = np.empty_like(Y), np.empty(300)
    ExactMethod().plan(problem)(Y, force, z)
    np.testing.assert_allclose(out[rows], force[rows] + 2.0, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(row_z[rows], z[rows] + 5.0, rtol=1e-12)
    others = np.setdiff1d(np.arange(300), rows)
    assert (out[others] == 2.0).all()
    assert (row_z[others] == 5.0).all()


def test_add_pairs_to_a_part_of_the_sources(d):
    sources = np.random.default_rng(7).normal(size=(90, d)).astype(np.float32)
    transposed = np.ascontiguousarray(sources.T)
    whole, whole_z = np.zeros_like(sources), np.zeros(90)
    add_pairs(np.arange(90), sources, transposed, 0, 1.0, whole, whole_z, 1)
    part, part_z = np.zeros((30, d), np.float32), np.zeros(30)
    add_pairs(np.arange(30), sources[40:70], transposed, 40, 1.0, part, part_z, 1)
    np.testing.assert_array_equal(part, whole[40:70])
    np.testing.assert_array_equal(part_z, whole_z[40:70])
    for own in (-2, 61):
        with pytest.raises(ValueError, match=f"own must be -1 or from 0 to 60, got {own}"):
            add_pairs(np.arange(30), sources[:30], transposed, own, 1.0, part, part_z, 1)


def test_pairs_of_any_distance_are_finite():
    far = np.finfo(np.float32).max
    Y = np.array([[far, -far], [-far, far], [0, 0], [0, 0]], np.float32)
    out, row_z = np.zeros_like(Y), np.zeros(4)
    add_pairs(np.arange(4), Y, np.ascontiguousarray(Y.T), 0, 1.0, out, row_z, 1)
    assert np.isfinite(out).all()
    np.testing.assert_allclose(row_z[2:], 1.0)
    assert (row_z[:2] > 0).all()
