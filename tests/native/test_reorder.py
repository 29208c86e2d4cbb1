import numpy as np
import pytest
from tsnekit._native.reorder import curve_order, gather_rows


@pytest.mark.parametrize("d", [1, 2, 3, 5, 40])
def test_curve_visits_every_point_once_and_stays_near(d):
    Y = np.random.default_rng(0).random(size=(4000, d)).astype(np.float32)
    order = np.empty(4000, dtype=np.int32)
    curve_order(Y, order, 2)
    assert sorted(order) == list(range(4000))
    if d <= 3:
        steps = np.linalg.norm(np.diff(Y[order], axis=0), axis=1).mean()
        assert steps < 0.4 * np.linalg.norm(np.diff(Y, axis=0), axis=1).mean()


def test_one_dimension_is_sorted_and_ties_keep_their_order():
    Y = np.random.default_rng(1).integers(0, 50, size=(1000, 1)).astype(np.float32)
    order = np.empty(1000, dtype=np.int32)
    curve_order(Y, order, 1)
    np.testing.assert_array_equal(order, np.argsort(Y[:, 0], kind="stable"))


@pytest.mark.parametrize("value", [0.0, 3.5, -1e30])
def test_constant_points_keep_their_order(value):
    order = np.empty(100, dtype=np.int32)
    curve_order(np.full((100, 2), value, dtype=np.float32), order, 1)
    np.testing.assert_array_equal(order, np.arange(100))


def test_gathered_rows():
    rng = np.random.default_rng(2)
    Y, order = rng.random((9000, 3), dtype=np.float32), rng.permutation(9000).astype(np.int32)
    out = np.empty_like(Y)
    gather_rows(Y, order, out, 2)
    np.testing.assert_array_equal(out, Y[order])
