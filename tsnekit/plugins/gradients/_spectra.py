"""Spectra of the kernels that the charges on a grid are convolved with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

import tsnekit._native.fourier as native
from tsnekit.plugins.gradients._basis import Basis
from tsnekit.plugins.gradients._convolve import GridShape

__all__ = ["KernelSpectra", "kernel_spectra"]


@dataclass(frozen=True)
class KernelSpectra:
    """What a field's values mean, and the spectra that give it.

    With K the kernel, ``K(r) = scale * potential(r) + constant`` over the grid. The constant is K
    at the grid's diagonal: it is taken off since K is 1 to the last digit all over a map that is
    still tiny, and nothing would be left to differentiate.

    Parameters
    ----------
    spectra : list of ndarray of shape `GridShape.frequencies`
        Transforms of the potential and, if asked for, of the force along each axis.
    odd_axes : list of int
        Axis along which each is odd, or -1.
    scale, constant : float
    own : ndarray of float32, (width ** d,)
        The potential of a charge where it is itself: coefficients by powers of the squared offsets
        from its cell's centre along each axis.
    """

    spectra: list[NDArray[np.float64]]
    odd_axes: list[int]
    scale: float
    constant: float
    own: NDArray[np.float32]


def kernel_spectra(
    shape: GridShape, spacing: float, dof: float, basis: Basis, *, forces: bool, n_jobs: int
) -> KernelSpectra:
    """Compute the spectra for one grid, `spacing` being the distance between nodes.

    The spectra are divided by the basis' own, once for spreading and once for gathering, so that
    the interpolated kernel is exact between any two nodes.
    """
    frequencies = np.asarray(shape.frequencies, np.int64)
    cutoff = spacing * float(np.linalg.norm(np.asarray(shape.padded) / 2))
    constant = float(np.exp(-dof * np.log1p(cutoff * cutoff / dof)))
    smoothing = [basis.transform(n) ** 2 for n in shape.padded]

    def tabulated(fill: Callable[..., None], argument: float | int) -> NDArray[np.float64]:
        table = np.empty(shape.frequencies)
        fill(frequencies, spacing, dof, argument, table.ravel(), n_jobs)
        return table

    potential = tabulated(native.potential_table, cutoff)
    scale = float(potential.flat[0])
    potential /= scale
    spectra = [_even_transform(potential, range(potential.ndim))]
    odd_axes = [-1]
    if forces:
        for axis in range(potential.ndim):
            table = _odd_transform(tabulated(native.force_table, axis), axis)
            spectra.append(_even_transform(table, [c for c in range(potential.ndim) if c != axis]))
            odd_axes.append(axis)
    for spectrum in spectra:
        for axis, factor in enumerate(smoothing):
            spectrum /= factor.reshape([-1 if c == axis else 1 for c in range(spectrum.ndim)])
    own = _near_origin(spectra[0], shape.padded, basis.width)
    for axis in range(own.ndim):
        own = np.moveaxis(np.tensordot(basis.correlations, own, axes=(0, axis)), 0, axis)
    return KernelSpectra(
        spectra=spectra,
        odd_axes=odd_axes,
        scale=scale,
        constant=constant,
        own=own.astype(np.float32).ravel(),
    )


def _even_transform(table: NDArray[np.float64], axes: range | list[int]) -> NDArray[np.float64]:
    """Transform along axes where the table is half of an even, periodic function."""
    result: NDArray[np.float64] = fft.dctn(table, type=1, axes=list(axes)) if axes else table
    return result


def _odd_transform(table: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Transform along an axis where the table is half of an odd one; i is left out."""
    result = np.zeros_like(table)
    inner = tuple(slice(1, -1) if c == axis else slice(None) for c in range(table.ndim))
    result[inner] = -fft.dst(table[inner], type=1, axis=axis)
    return result


def _near_origin(
    spectrum: NDArray[np.float64], padded: tuple[int, ...], width: int
) -> NDArray[np.float64]:
    """Transform back, at offsets 0 to ``width - 1`` only."""
    result = spectrum
    for axis, n in enumerate(padded):
        frequency = np.arange(n // 2 + 1)
        weight = np.where((frequency == 0) | (2 * frequency == n), 1.0, 2.0) / n
        wave = weight * np.cos(2.0 * np.pi / n * np.outer(np.arange(width), frequency))
        result = np.moveaxis(np.tensordot(wave, result, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(result)
