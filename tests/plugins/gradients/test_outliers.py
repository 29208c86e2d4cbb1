"""Maps with outliers, and wide maps. A grid for them cannot be both fine and small."""

import logging
import tracemalloc

import numpy as np
import pytest

from helpers.grid_methods import METHODS
from helpers.repulsions import evaluate, plan, relative
from tsnekit.plugins.gradients.exact import ExactMethod
from tsnekit.plugins.gradients.fft import FFTMethod
from tsnekit.plugins.gradients.mesh import MeshMethod
from tsnekit.testing.gradients import clusters


def peak_memory(method, Y):
    out = np.empty_like(Y)
    tracemalloc.start()
    plan(method(), Y)(Y, out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("far", [500.0, 1e6, np.finfo(np.float32).max])
@pytest.mark.parametrize(("method", "d"), [(MeshMethod, 2), (MeshMethod, 3), (FFTMethod, 2)])
def test_fault_8_outliers_cost_neither_memory_nor_accuracy(method, d, far, caplog):
    Y = clusters(3000, d)
    usual = peak_memory(method, Y)
    error = relative(evaluate(plan(method(), Y), Y)[0], evaluate(plan(ExactMethod(), Y), Y)[0])
    Y[0], Y[1] = far, -far
    assert peak_memory(method, Y) < 1.5 * usual + 2**20
    out, row_z, z = evaluate(plan(method(), Y), Y)
    expected, expected_row, expected_z = evaluate(plan(ExactMethod(), Y), Y)
    assert relative(out[2:], expected[2:]) <= 1.1 * error
    np.testing.assert_allclose(z, expected_z, rtol=2e-3)
    np.testing.assert_allclose(out[:2], expected[:2], rtol=1e-5)
    np.testing.assert_allclose(row_z[:2], expected_row[:2], rtol=1e-9)
    assert not caplog.records


@pytest.mark.parametrize("method", METHODS)
def test_many_outliers(method):
    Y = clusters(4000, 2)
    rng = np.random.default_rng(0)
    Y[:100] += rng.normal(scale=1e4, size=(100, 2)).astype(np.float32)
    Y[100:150] = [3e5, -2e5]
    repulsion = plan(method(), Y)
    out, row_z, _ = evaluate(repulsion, Y)
    assert len(repulsion._far) >= 120
    expected, expected_row, _ = evaluate(plan(ExactMethod(), Y), Y)
    assert relative(out, expected) <= 0.03
    assert relative(row_z, expected_row) <= 3e-3


@pytest.mark.parametrize("method", METHODS)
def test_fault_27_map_that_is_wide_everywhere_gets_a_tree(method, caplog):
    # The fault: a limit on the size of the grid makes the result less accurate, without a warning.
    Y = np.random.default_rng(0).uniform(0, 1e5, size=(4000, 2)).astype(np.float32)
    before = tracemalloc.start() or tracemalloc.get_traced_memory()[0]
    with caplog.at_level(logging.WARNING, "tsnekit"):
        repulsion = plan(method(), Y)
        out, row_z, _ = evaluate(repulsion, Y)
        evaluate(repulsion, Y)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert peak < 16 * 2**20
    expected, expected_row, _ = evaluate(plan(ExactMethod(), Y), Y)
    assert relative(out, expected) <= 0.03
    assert relative(row_z, expected_row) <= 0.03
    (record,) = caplog.records
    assert "Barnes-Hut takes the place of a grid" in record.message
    assert "The map is 1e+05 x 9.99e+04 wide" in record.message


@pytest.mark.parametrize("method", METHODS)
def test_fault_27_grid_that_is_too_large_gets_coarser(method, caplog):
    Y = clusters(2000, 2)
    wanted = plan(method(), Y)
    evaluate(wanted, Y)
    nodes = wanted._field._cell_grid.shape.padded_size
    with caplog.at_level(logging.WARNING, "tsnekit"):
        repulsion = plan(method(max_nodes=int(0.6 * nodes)), Y)
        out, _, z = evaluate(repulsion, Y)
        evaluate(repulsion, Y)
    assert repulsion._field._cell_grid.shape.padded_size <= nodes
    (record,) = caplog.records
    assert "less accurate" in record.message
    expected, _, expected_z = evaluate(plan(ExactMethod(), Y), Y)
    assert relative(out, expected) <= 0.2
    np.testing.assert_allclose(z, expected_z, rtol=0.02)
