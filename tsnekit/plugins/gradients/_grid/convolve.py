"""Convolution of a charge grid with kernels; only this module uses FFT libraries.

A kernel is given by its spectrum over the non-negative frequencies of each axis. Kernels that are
even along every axis have real spectra. A kernel that is odd along one axis has an imaginary
spectrum, whose imaginary unit is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import tsnekit._native.fourier as native

__all__ = ["CONVOLVERS", "Convolver", "GridShape", "aligned", "good_sizes"]


@dataclass(frozen=True)
class GridShape:
    """Shape of a grid, of its node arrays and of the transforms over it.

    Parameters
    ----------
    padded : tuple of int
        Lengths of the transforms, even products of 2, 3 and 5. The grid has half as many nodes; the
        other half keeps the kernel from wrapping around.
    row : int
        Elements from one row of nodes along the last axis to the next. Padding lets rows begin on
        cache lines.
    """

    padded: tuple[int, ...]
    row: int

    @property
    def nodes(self) -> tuple[int, ...]:
        """Nodes along each axis."""
        return tuple(n // 2 for n in self.padded)

    @property
    def strides(self) -> tuple[int, ...]:
        """Strides of a node array, in elements."""
        lengths = (*self.nodes[:-1], self.row)
        return tuple(math.prod(lengths[axis + 1 :]) for axis in range(len(lengths)))

    @property
    def size(self) -> int:
        """Elements of a node array."""
        return math.prod(self.nodes[:-1]) * self.row

    @property
    def padded_size(self) -> int:
        """Nodes of the transforms."""
        return math.prod(self.padded)

    @property
    def frequencies(self) -> tuple[int, ...]:
        """Non-negative frequencies along each axis."""
        return tuple(n // 2 + 1 for n in self.padded)

    def view(self, flat: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the nodes of a flat array, or of a stack of them, without the padding."""
        return flat.reshape(*flat.shape[:-1], *self.nodes[:-1], self.row)[..., : self.nodes[-1]]


class Convolver(Protocol):
    """Convolves charges with the kernels of one grid shape.

    Its constructor takes the shape, the kernels' spectra (n_fields, frequencies), for each the axis
    along which it is odd or -1, the number of threads, and a function that lends a scratch array.
    """

    def __call__(self, charge: NDArray[np.float32], fields: NDArray[np.float32]) -> None:
        """Fill `fields` (n_fields, size) with `charge` (size,) convolved with each kernel."""
        ...


Scratch = Callable[[int], NDArray[np.float32]]


def aligned(size: int) -> NDArray[np.float32]:
    """Return `size` zeros that begin on a cache line."""
    raw = np.zeros(size + 16, np.float32)
    start = -raw.ctypes.data // 4 % 16
    return raw[start : start + size]


@lru_cache(maxsize=1)
def good_sizes() -> NDArray[np.int64]:
    """Return lengths of transforms: even products of 2, 3 and 5 from 4 on, 5% apart or more."""
    limit = 2**31
    powers = [[b**e for e in range(32) if b**e <= limit] for b in (2, 3, 5)]
    products = sorted(
        2 * a * b * c
        for a in powers[0]
        for b in powers[1]
        for c in powers[2]
        if 1 < a * b * c < limit
    )
    sizes = [products[0]]
    for size in products:
        if size >= 1.05 * sizes[-1]:
            sizes.append(size)
    return np.asarray(sizes, np.int64)


def _radices(n: int) -> NDArray[np.int32]:
    """Return factors 2 to 6 of an even length, as few as possible, and an even one first."""
    powers = []
    for prime in (2, 3, 5):
        power = 0
        while n % prime == 0:
            n //= prime
            power += 1
        powers.append(power)
    twos, threes, fives = powers
    sixes = min(twos, threes)
    twos, threes = twos - sixes, threes - sixes
    factors = [6] * sixes + [4] * (twos // 2) + [2] * (twos % 2) + [5] * fives + [3] * threes
    return np.asarray(factors, np.int32)


def _twiddles(n: int) -> NDArray[np.float32]:
    angle = 2.0 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


class NativeConvolver:
    """The transforms of tsnekit's own native layer, fused with the multiplication."""

    def __init__(
        self,
        shape: GridShape,
        spectra: Sequence[NDArray[np.float64]],
        odd_axes: Sequence[int],
        n_jobs: int,
        scratch: Scratch,
    ) -> None:
        self._convolution = native.GridConvolution(
            [_radices(n) for n in shape.padded],
            [_twiddles(n) for n in shape.padded],
            np.asarray(shape.strides, np.int64),
            np.asarray(odd_axes, np.int32),
        )
        scale = 1.0 / shape.padded_size
        parts = [self._lanes_last(spectrum * scale).ravel() for spectrum in spectra]
        self._spectrum = aligned(sum(len(part) for part in parts))
        np.concatenate(parts, out=self._spectrum)
        self._n_jobs = n_jobs
        self._scratch = scratch

    @staticmethod
    def _lanes_last(spectrum: NDArray[np.float64]) -> NDArray[np.float32]:
        if spectrum.ndim == 1:
            return spectrum.astype(np.float32)
        blocks = -(-len(spectrum) // native.LANES)
        result = np.zeros((blocks, *spectrum.shape[1:], native.LANES), np.float32)
        for block in range(blocks):
            part = spectrum[block * native.LANES : (block + 1) * native.LANES]
            result[block, ..., : len(part)] = np.moveaxis(part, 0, -1)
        return result

    def __call__(self, charge: NDArray[np.float32], fields: NDArray[np.float32]) -> None:
        """Fill `fields` with `charge` convolved with each kernel."""
        workspace = self._scratch(self._convolution.workspace_size)
        self._convolution(charge, self._spectrum, fields, workspace, self._n_jobs)


class _LibraryConvolver:
    """A real forward transform and one inverse per kernel, by an FFT library."""

    def __init__(
        self,
        shape: GridShape,
        spectra: Sequence[NDArray[np.float64]],
        odd_axes: Sequence[int],
        n_jobs: int,
        scratch: Scratch,
    ) -> None:
        self._shape = shape
        self._n_jobs = n_jobs
        self._spectra = [
            self._half(spectrum, odd_axis)
            for spectrum, odd_axis in zip(spectra, odd_axes, strict=True)
        ]

    def _half(self, spectrum: NDArray[np.float64], odd_axis: int) -> NDArray[Any]:
        """Mirror a spectrum to the negative frequencies of all axes but the last."""
        for axis, n in enumerate(self._shape.padded[:-1]):
            frequency = np.arange(n)
            spectrum = np.take(spectrum, np.minimum(frequency, n - frequency), axis=axis)
            if axis == odd_axis:
                sign = np.where(2 * frequency > n, -1.0, 1.0)
                spectrum = spectrum * np.expand_dims(sign, list(range(1, spectrum.ndim - axis)))
        return spectrum.astype(np.float32) if odd_axis < 0 else (1j * spectrum).astype(np.complex64)

    @property
    def _nodes(self) -> tuple[slice, ...]:
        return tuple(slice(n) for n in self._shape.nodes)


class SciPyConvolver(_LibraryConvolver):
    """SciPy's pocketfft."""

    def __call__(self, charge: NDArray[np.float32], fields: NDArray[np.float32]) -> None:
        """Fill `fields` with `charge` convolved with each kernel."""
        from scipy import fft

        padded = self._shape.padded
        transform = fft.rfftn(self._shape.view(charge), s=padded, workers=self._n_jobs)
        for spectrum, field in zip(self._spectra, fields, strict=True):
            product = transform * spectrum
            result = fft.irfftn(product, s=padded, workers=self._n_jobs, overwrite_x=True)
            self._shape.view(field)[...] = result[self._nodes]


class FFTWConvolver(_LibraryConvolver):
    """FFTW through pyFFTW, with plans that are kept.

    Plans are estimated, since measured plans differ from run to run. They are made for one thread,
    since with more threads the last digits of the results differ.
    """

    def __init__(
        self,
        shape: GridShape,
        spectra: Sequence[NDArray[np.float64]],
        odd_axes: Sequence[int],
        n_jobs: int,
        scratch: Scratch,
    ) -> None:
        import pyfftw

        super().__init__(shape, spectra, odd_axes, n_jobs, scratch)
        half = (*shape.padded[:-1], shape.padded[-1] // 2 + 1)
        self._real = pyfftw.zeros_aligned(shape.padded, np.float32)
        self._transform = pyfftw.zeros_aligned(half, np.complex64)
        self._product = pyfftw.zeros_aligned(half, np.complex64)
        axes = tuple(range(len(half)))
        flags = ("FFTW_ESTIMATE", "FFTW_DESTROY_INPUT")
        self._forward = pyfftw.FFTW(self._real, self._transform, axes=axes, flags=flags)
        self._backward = pyfftw.FFTW(
            self._product, self._real, axes=axes, direction="FFTW_BACKWARD", flags=flags
        )

    def __call__(self, charge: NDArray[np.float32], fields: NDArray[np.float32]) -> None:
        """Fill `fields` with `charge` convolved with each kernel."""
        self._real.fill(0.0)
        self._real[self._nodes] = self._shape.view(charge)
        self._forward.execute()
        scale = np.float32(1.0 / self._real.size)
        for spectrum, field in zip(self._spectra, fields, strict=True):
            np.multiply(self._transform, spectrum, out=self._product)
            self._backward.execute()
            np.multiply(self._real[self._nodes], scale, out=self._shape.view(field))


CONVOLVERS: dict[str, Callable[..., Convolver]] = {
    "native": NativeConvolver,
    "scipy": SciPyConvolver,
    "pyfftw": FFTWConvolver,
}
"""Convolver of each provider of Fourier transforms."""
