"""Forces and costs for any degrees of freedom, up to a Gaussian kernel in float64."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tsnekit._native.attraction import attraction_cost, gradient_from_repulsion
from tsnekit._native.grid import add_pairs
from tsnekit._native.tree import BarnesHut

from tsnekit.interfaces import RepulsionProblem
from tsnekit.plugins.gradients.fft import FFTMethod
from tsnekit.plugins.gradients.mesh import MeshMethod

DOFS = [1e-30, 0.5, 1.0, 2.0, 50.0, 1e3, 1e6, 1e8, 1e30]
N = 400


def points(d):
    return np.random.default_rng(d).normal(size=(N, d)).astype(np.float32)


def oracle(Y, dof):
    """Return forces and Z_i, computed pair by pair."""
    Y = Y.astype(np.float64)
    offset = Y[:, None] - Y
    squared = (offset**2).sum(axis=2)
    kernel = np.exp(-dof * np.log1p(squared / dof))
    np.fill_diagonal(kernel, 0)
    forces = np.einsum("ij,ijc->ic", kernel / (1 + squared / dof), offset)
    return forces, kernel.sum(axis=1)


def assert_close(found, wanted, tolerance):
    assert np.abs(found - wanted).max() <= tolerance * np.abs(wanted).max()


def check_barnes_hut(d, dof):
    Y = points(d)
    forces, z = np.empty_like(Y), np.empty(N)
    total = BarnesHut(d, dof, 0.0, 1)(Y, forces, z)
    wanted, wanted_z = oracle(Y, dof)
    assert_close(forces, wanted, 2e-6)
    assert_close(z, wanted_z, 2e-6)
    assert abs(total / wanted_z.sum() - 1) < 1e-6


def check_cost(d, dof):
    Y, targets = points(d), points(d)[::-1].copy()
    indices = ((np.arange(N)[:, None] + np.arange(1, 6)) % N).astype(np.int32)
    data = np.full(5 * N, 1 / (5 * N), dtype=np.float32)
    cost = np.empty(N)
    indptr = np.arange(N + 1, dtype=np.int64) * 5
    attraction_cost(indptr, indices.ravel(), data, Y, targets, dof, cost, 1)
    offset = Y.astype(np.float64)[:, None] - targets[indices]
    p = data.astype(np.float64).reshape(N, 5)
    wanted = np.log(p) + dof * np.log1p((offset**2).sum(axis=2) / dof)
    assert_close(cost, (p * wanted).sum(axis=1), 1e-6)


@pytest.mark.parametrize("dof", DOFS)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_barnes_hut(d, dof):
    check_barnes_hut(d, dof)


@pytest.mark.parametrize("dof", DOFS)
@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_attraction_cost(d, dof):
    check_cost(d, dof)


@pytest.mark.parametrize("dof", DOFS)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_pairs(d, dof):
    Y = points(d)
    out, z = np.zeros_like(Y), np.zeros(N)
    add_pairs(np.arange(N), Y, np.ascontiguousarray(Y.T), 0, dof, out, z, 1)
    wanted, wanted_z = oracle(Y, dof)
    assert_close(out, wanted, 1e-6)
    assert_close(z, wanted_z, 1e-12)


@pytest.mark.parametrize("dof", DOFS)
@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_attraction(d, dof):
    Y = points(d)
    indices = ((np.arange(N) + 1) % N).astype(np.int32)
    rows = np.arange(N + 1, dtype=np.int64), indices, np.ones(N, np.float32)
    out = np.zeros_like(Y)
    gradient_from_repulsion(*rows, Y, Y, dof, 1.0, np.ones(1), out, 1)
    offset = Y.astype(np.float64) - Y[indices]
    wanted = offset / (1 + (offset**2).sum(axis=1, keepdims=True) / dof)
    assert_close(out, wanted, 1e-6)


@pytest.mark.parametrize("dof", DOFS)
@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("method", [MeshMethod(), FFTMethod()], ids=["mesh", "fft"])
def test_grids(method, d, dof):
    if d == 3 and isinstance(method, FFTMethod):
        pytest.skip("fft has 1 or 2 dimensions")
    Y = points(d) * np.float32(4)
    out = np.empty_like(Y)
    z = method.plan(RepulsionProblem(n_samples=N, n_components=d, dof=dof))(Y, out)
    wanted, wanted_z = oracle(Y, dof)
    assert np.linalg.norm(out - wanted) < 0.03 * np.linalg.norm(wanted)
    assert abs(z / wanted_z.sum() - 1) < 0.02


@pytest.mark.parametrize("isa", ["baseline", "avx2"])
def test_every_instruction_set(isa):
    script = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_large_dof as tests
for dof in tests.DOFS:
    for d in (1, 2, 3):
        tests.check_barnes_hut(d, dof)
        tests.check_cost(d, dof)
"""
    subprocess.run(
        [sys.executable, "-I", "-c", script], env={**os.environ, "TSNEKIT_ISA": isa}, check=True
    )
