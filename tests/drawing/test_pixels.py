"""Images of points, against a loop over points and pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsnekit._drawing.pixels import PixelGrid, opacity


def grid_and_members(points, radius, resolution=12):
    """Return a grid and, for each of its pixels, the points that should cover it."""
    low, high = points.min(axis=0), points.max(axis=0)
    grid = PixelGrid(points, low, high, resolution=resolution, radius=radius)
    left, right, bottom, top = grid.extent
    assert left <= low[0]
    assert bottom <= low[1]
    assert right >= high[0] - 1e-9
    assert top >= high[1] - 1e-9
    pixel = (right - left) / grid.width
    # The pixel of a point. A point on the upper edge belongs to the last pixel.
    reach = int(radius)
    last = np.array([grid.width, grid.height]) - 2 * reach - 1
    cells = np.minimum(((points - low) / pixel).astype(int), last) + reach
    members = [[[] for _ in range(grid.width)] for _ in range(grid.height)]
    for i, (column, row) in enumerate(cells):
        for y in range(grid.height):
            for x in range(grid.width):
                if (x - column) ** 2 + (y - row) ** 2 <= radius**2:
                    members[y][x].append(i)
    return grid, members


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(2, 40),
    radius=st.sampled_from([0.3, 1, 1.5, 2.3]),
    n_codes=st.integers(1, 4),
)
def test_what_covers_a_pixel(seed, n, radius, n_codes):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, 2)) * [2, 1] + [0, 0.05] * np.arange(n)[:, None]
    codes, weights = rng.integers(0, n_codes, n), rng.random(n)
    grid, members = grid_and_members(points, radius)
    counts, sums, most = grid.counts(), grid.counts(weights), grid.majority(codes, n_codes)
    for y in range(grid.height):
        for x in range(grid.width):
            inside = members[y][x]
            assert counts[y, x] == len(inside)
            assert sums[y, x] == pytest.approx(weights[inside].sum())
            wanted = np.bincount(codes[inside], minlength=1).argmax() if inside else -1
            assert most[y, x] == wanted


def test_all_points_in_one_place():
    point = np.full((5, 2), 3.0)
    grid = PixelGrid(point, point[0], point[0], resolution=10, radius=1)
    assert grid.counts().max() == 5
    assert grid.majority(np.array([1, 1, 0, 1, 0]), 2).max() == 1


def test_opacity():
    counts = np.array([0, 1, 10, 100, 10_000])
    shade = opacity(counts.astype(float), least=0.2)
    assert shade[0] == 0
    assert shade[1] == 0.2
    assert shade[-1] == 1
    assert (np.diff(shade) > 0).all()
    assert not opacity(np.zeros((2, 2))).any()
    assert (opacity(np.ones(3), least=0.3) == 0.3).all()


@pytest.mark.parametrize("per_class", [1, 400])
def test_memory_of_large_dots_does_not_grow_with_the_points(per_class):
    """The covered pixels are never listed all at once, for small classes or for large ones."""
    import tracemalloc

    rng = np.random.default_rng(0)
    n = 40_000
    points, codes = rng.random((n, 2)), np.arange(n) // per_class % 200
    grid = PixelGrid(points, points.min(axis=0), points.max(axis=0), resolution=300, radius=8)
    tracemalloc.start()
    grid.majority(codes, 200)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * 8 * grid.width * grid.height
