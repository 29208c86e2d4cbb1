"""Spectra of the kernels that the charges on a grid are convolved with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

import tsnekit._native.fourier as native
from tsnekit._native.grid import N_TAPS
from tsnekit.plugins.gradients._grid.basis import Basis
from tsnekit.plugins.gradients._grid.convolve import GridShape

__all__ = ["KernelSpectra", "difference_taps", "kernel_spectra"]

Spectrum = NDArray[np.float64]

# Nodes around a charge, along each axis, that differences are fitted to, by dimension.
FIT_REACH = {1: 64, 2: 24, 3: 12}


@dataclass(frozen=True)
class KernelSpectra:
    """The spectra of a field, and the meaning of its values.

    With K the kernel, ``K(r) = scale * potential(r) + constant`` over the grid. The constant is the
    value of K at the grid's diagonal. It is subtracted because K is 1 to the last digit everywhere
    on a map that is still tiny, which would leave no differences.

    Parameters
    ----------
    spectra : list of ndarray of shape `GridShape.frequencies`
        Transforms of the potential and, if asked for, of the force along each axis.
    odd_axes : list of int
        Axis along which each is odd, or -1.
    scale, constant : float
    own : ndarray of float32, (width ** d,)
        The potential of a charge at its own position: coefficients by powers of the squared offsets
        from its cell's centre along each axis.
    """

    spectra: list[Spectrum]
    odd_axes: list[int]
    scale: float
    constant: float
    own: NDArray[np.float32]


def kernel_spectra(
    shape: GridShape, spacing: float, dof: float, basis: Basis, *, forces: bool, n_jobs: int
) -> KernelSpectra:
    """Compute the spectra for one grid; `spacing` is the distance between nodes.

    The spectra are divided by that of the basis, once for spreading and once for gathering, so that
    the interpolated kernel is exact between any two nodes.
    """
    cutoff = spacing * float(np.linalg.norm(np.asarray(shape.padded) / 2))
    constant = float(np.exp(-dof * np.log1p(cutoff * cutoff / dof)))
    potential = _table(native.potential_table, shape, spacing, dof, cutoff, n_jobs)
    scale = float(potential.flat[0])
    potential /= scale
    axes = range(potential.ndim)
    spectra = [_even_transform(potential, axes)]
    odd_axes = [-1]
    if forces:
        spectra += [_force_spectrum(shape, spacing, dof, axis, n_jobs) for axis in axes]
        odd_axes += axes
    for axis, n in enumerate(shape.padded):
        smoothing = _along(axis, basis.transform(n) ** 2, len(axes))
        for spectrum in spectra:
            spectrum /= smoothing
    own = _near_origin(spectra[0], shape.padded, basis.width)
    for axis in axes:
        own = np.moveaxis(np.tensordot(basis.correlations, own, axes=(0, axis)), 0, axis)
    return KernelSpectra(
        spectra=spectra,
        odd_axes=odd_axes,
        scale=scale,
        constant=constant,
        own=own.astype(np.float32).ravel(),
    )


def difference_taps(spacing: float, dof: float, d: int) -> NDArray[np.float64]:
    """Return the differences that turn the potential at nodes into the force there.

    The force at a node is about sum_t taps[t - 1] * (potential t nodes on - t nodes back). Such
    differences are odd. No charge therefore acts on itself, and two charges act on each other with
    equal forces, also between nodes. The taps are exact for a straight line. Of all such taps,
    these have the least mean square error, compared with the force of a charge on a node at all
    nodes around it.
    """
    reach, n_taps = FIT_REACH[d], N_TAPS
    shape = np.array([reach + n_taps + 1] + [reach + 1] * (d - 1))
    potential, force = np.empty(shape), np.empty(shape)
    native.potential_table(shape, spacing, dof, spacing * shape[0], potential.ravel(), 1)
    native.force_table(shape, spacing, dof, 0, force.ravel(), 1)
    node, steps = np.arange(reach + 1), np.arange(1, n_taps + 1)
    differences = np.stack(
        [(potential[node + t] - potential[abs(node - t)]).ravel() for t in steps], axis=1
    )
    # Exact for a straight line: sum_t t taps[t - 1] = -1 / (4 spacing). This determines the first
    # tap. Everything is in units of this value, since spacings differ by many orders of magnitude.
    line = -0.25 / spacing
    rest = differences[:, 1:] - steps[1:] * differences[:, :1]
    wanted = force[node].ravel() / line - differences[:, 0]
    unit = np.linalg.norm(differences[:, 0])
    others = np.linalg.lstsq(rest / unit, wanted / unit, rcond=None)[0]
    taps: NDArray[np.float64] = line * np.array([1.0 - steps[1:] @ others, *others])
    return taps


def _along(axis: int, values: Spectrum, ndim: int) -> Spectrum:
    """Return `values` as an array that broadcasts along one axis."""
    return values.reshape([-1 if c == axis else 1 for c in range(ndim)])


def _table(
    fill: Callable[..., None],
    shape: GridShape,
    spacing: float,
    dof: float,
    argument: float,
    n_jobs: int,
) -> Spectrum:
    """Tabulate a kernel at node offsets from zero to half the padded grid."""
    table = np.empty(shape.frequencies)
    fill(np.asarray(table.shape, np.int64), spacing, dof, argument, table.ravel(), n_jobs)
    return table


def _force_spectrum(
    shape: GridShape, spacing: float, dof: float, axis: int, n_jobs: int
) -> Spectrum:
    """Transform the force along an axis, odd along it and even along the others; i is left out."""
    table = _table(native.force_table, shape, spacing, dof, axis, n_jobs)
    result = np.zeros_like(table)
    inner = tuple(slice(1, -1) if c == axis else slice(None) for c in range(table.ndim))
    result[inner] = -fft.dst(table[inner], type=1, axis=axis)
    return _even_transform(result, [c for c in range(table.ndim) if c != axis])


def _even_transform(table: Spectrum, axes: Sequence[int]) -> Spectrum:
    """Transform along axes where the table is half of an even, periodic function."""
    result: Spectrum = fft.dctn(table, type=1, axes=list(axes)) if axes else table
    return result


def _near_origin(spectrum: Spectrum, padded: tuple[int, ...], width: int) -> Spectrum:
    """Transform back, at offsets 0 to ``width - 1`` only."""
    result = spectrum
    for axis, n in enumerate(padded):
        frequency = np.arange(n // 2 + 1)
        weight = np.where((frequency == 0) | (2 * frequency == n), 1.0, 2.0) / n
        wave = weight * np.cos(2.0 * np.pi / n * np.outer(np.arange(width), frequency))
        result = np.moveaxis(np.tensordot(wave, result, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(result)
