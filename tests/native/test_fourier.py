"""Convolution on a grid by every provider of Fourier transforms, against direct sums."""

import numpy as np
import pytest
from scipy.signal import fftconvolve
from tsnekit._native.fourier import force_table, potential_table

from tsnekit.plugins.gradients._grid.basis import b_spline, lagrange
from tsnekit.plugins.gradients._grid.convolve import (
    CONVOLVERS,
    GridShape,
    aligned,
    good_sizes,
)
from tsnekit.plugins.gradients._grid.spectra import kernel_spectra

# Every radix, few and many passes, and numbers of columns with and without a remainder.
PADDED = [
    (4,),
    (10,),
    (54,),
    (360,),
    (1250,),
    (4, 4),
    (6, 10),
    (54, 32),
    (36, 250),
    (200, 30),
    (128, 128),
    (4, 4, 4),
    (10, 6, 12),
    (12, 40, 18),
    (30, 16, 50),
]
SPACING = 0.6


def grid_shape(padded):
    return GridShape(padded, -(-(padded[-1] // 2) // 16) * 16)


def make(provider, padded, *, dof=1.0, forces=False, n_jobs=1, basis=None):
    shape = grid_shape(padded)
    kernel = kernel_spectra(shape, SPACING, dof, basis or lagrange(1), forces=forces, n_jobs=n_jobs)
    buffers = {}

    def scratch(size):
        return buffers.setdefault(size, aligned(size))

    convolver = CONVOLVERS[provider](shape, kernel.spectra, kernel.odd_axes, n_jobs, scratch)
    return shape, kernel, convolver


def run(shape, n_fields, convolver, seed=0):
    charge = aligned(shape.size)
    shape.view(charge)[...] = np.random.default_rng(seed).uniform(size=shape.nodes)
    flat = aligned(n_fields * shape.size).reshape(n_fields, shape.size)
    convolver(charge, flat)
    return shape.view(charge).astype(np.float64), shape.view(flat)


def offsets(shape):
    """Node offsets from one end of the grid to the other, (d, 2 n - 1, ...)."""
    return SPACING * np.stack(
        np.meshgrid(*(np.arange(1 - n, n) for n in shape.nodes), indexing="ij")
    )


@pytest.mark.parametrize("dof", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("padded", PADDED, ids=str)
@pytest.mark.parametrize("provider", CONVOLVERS)
def test_convolution(provider, padded, dof):
    shape, kernel, convolver = make(provider, padded, dof=dof, forces=True)
    charge, fields = run(shape, 1 + len(padded), convolver)
    offset = offsets(shape)
    w = 1.0 / (1.0 + (offset**2).sum(axis=0) / dof)
    middle = tuple(slice(n - 1, 2 * n - 1) for n in shape.nodes)
    expected = fftconvolve(charge, w**dof)[middle]
    found = kernel.scale * fields[0] + kernel.constant * charge.sum()
    np.testing.assert_allclose(found, expected, rtol=3e-6)
    for axis in range(len(padded)):
        expected = fftconvolve(charge, w ** (dof + 1) * offset[axis])[middle]
        bound = 3e-6 * max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(fields[1 + axis], expected, atol=bound)


@pytest.mark.parametrize("padded", [(360,), (54, 32), (200, 300), (30, 16, 50)], ids=str)
@pytest.mark.parametrize("provider", CONVOLVERS)
def test_same_bits_for_any_number_of_threads_and_in_every_call(provider, padded):
    expected = None
    for n_jobs in (1, 2, 3, 1):
        shape, _, convolver = make(provider, padded, forces=True, n_jobs=n_jobs)
        run(shape, 1 + len(padded), convolver, seed=1)
        _, fields = run(shape, 1 + len(padded), convolver)
        if expected is None:
            expected = fields
        np.testing.assert_array_equal(fields, expected)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("dof", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("spacing", [1e-30, 1e-9, 1e-3, 0.5, 3.0])
def test_tables(d, dof, spacing):
    shape = np.array([9, 7, 11][:d])
    offset = spacing * np.indices(shape)
    r2 = (offset**2).sum(axis=0)
    cutoff = spacing * 15
    table = np.empty(shape)
    potential_table(shape, spacing, dof, cutoff, table.ravel(), 2)
    # K(r) - K(cutoff) would cancel for small spacings, so that its second-order term is used there.
    kernel = cutoff**2 - r2
    if spacing >= 1e-3:
        kernel = (1 + r2 / dof) ** -dof - (1 + cutoff**2 / dof) ** -dof
    np.testing.assert_allclose(table, kernel, rtol=1e-6)
    for axis in range(d):
        force_table(shape, spacing, dof, axis, table.ravel(), 2)
        np.testing.assert_allclose(table, (1 + r2 / dof) ** -(dof + 1) * offset[axis], rtol=1e-12)


@pytest.mark.parametrize("basis", [b_spline(3), b_spline(4), b_spline(6)])
def test_spectra_undo_the_smoothing_of_the_basis(basis):
    # Between nodes, interpolation gives the kernel itself. The test spreads a charge from a node,
    # convolves it, and gathers at nodes.
    shape, kernel, convolver = make("native", (96, 120), basis=basis)
    around = np.concatenate([basis.samples[:0:-1], basis.samples])
    reach = len(basis.samples) - 1
    charge, field = aligned(shape.size), aligned(shape.size).reshape(1, -1)
    center = (20, 25)
    near = tuple(slice(c - reach, c + reach + 1) for c in center)
    shape.view(charge)[near] = np.outer(around, around)
    convolver(charge, field)
    smooth = fftconvolve(shape.view(field[0]).astype(float), np.outer(around, around), mode="same")
    inner = tuple(slice(4, n // 2 - 4) for n in shape.nodes)
    distance = np.stack(np.indices(shape.nodes)) - np.reshape(center, (2, 1, 1))
    expected = 1.0 / (1.0 + SPACING**2 * (distance**2).sum(axis=0))
    found = kernel.scale * smooth + kernel.constant
    np.testing.assert_allclose(found[inner], expected[inner], atol=3e-6)


def test_good_sizes():
    sizes = good_sizes()
    assert (sizes % 2 == 0).all()
    for prime in (2, 3, 5):
        while (sizes % prime == 0).any():
            sizes = np.where(sizes % prime == 0, sizes // prime, sizes)
    assert (sizes == 1).all()


def test_tables_beyond_64_bits_are_refused():
    """Fuzzing found that their size overflowed."""
    with pytest.raises(OverflowError):
        potential_table(np.array([2**31, 2**31, 4]), 1.0, 1.0, 9.0, np.empty(8), 1)
