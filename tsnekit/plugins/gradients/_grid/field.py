"""The field of unit charges on a grid, in separable steps: spread, convolve, gather."""

from __future__ import annotations

import functools
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import tsnekit._native.grid as native
from tsnekit.plugins.gradients._grid.basis import Basis
from tsnekit.plugins.gradients._grid.convolve import CONVOLVERS, Convolver, aligned
from tsnekit.plugins.gradients._grid.geometry import CellGrid
from tsnekit.plugins.gradients._grid.spectra import difference_taps, kernel_spectra

__all__ = ["Field"]

# The number of spectra to keep, and the nodes that their transforms may have in total. Several are
# in use, since each side of a map reaches the next grid size at another time.
KEPT_KERNELS = 16
KEPT_NODES = 1 << 24


@dataclass(frozen=True)
class _Kernel:
    """A convolver, and the meaning of the potential that it computes."""

    convolver: Convolver
    n_fields: int
    taps: NDArray[np.float32] | None
    scale: float
    constant: float
    own: NDArray[np.float32]


class _Buffers:
    """Arrays that are kept by name. They do not refer to the field, which avoids a cycle."""

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[np.float32]] = {}

    def lend(self, name: str, size: int) -> NDArray[np.float32]:
        """Return the kept array of a name, and enlarge it if it is too small."""
        kept = self._arrays.get(name)
        if kept is None or len(kept) < size:
            self._arrays.pop(name, None)
            kept = self._arrays[name] = aligned(size)
        return kept[:size]


class Field:
    """The field of unit charges on a grid; buffers and spectra are kept from call to call.

    Parameters
    ----------
    basis : Basis
    dof : float
    differences : bool
        Whether the force is computed from differences of the potential, and not by separate
        kernels.
    fourier : str
        Provider of Fourier transforms, one of `CONVOLVERS`.
    n_jobs : int
    """

    def __init__(
        self, basis: Basis, *, dof: float, differences: bool, fourier: str, n_jobs: int
    ) -> None:
        self._basis = basis
        self._dof = dof
        self._differences = differences
        self._make_convolver = CONVOLVERS[fourier]
        self._n_jobs = n_jobs
        self._kernels: OrderedDict[CellGrid, _Kernel] = OrderedDict()
        self._buffers = _Buffers()

    def place(self, cell_grid: CellGrid, corner: NDArray[np.floating]) -> None:
        """Set the grid; `corner` (d,) is the lower corner of the box that it covers."""
        self._cell_grid = cell_grid
        self._grid = native.PointGrid(
            self._basis.weight,
            self._basis.step,
            self._basis.shift + cell_grid.margin,
            np.asarray(corner, np.float32),
            cell_grid.cell,
            np.asarray(cell_grid.cells, np.int64),
            np.asarray(cell_grid.shape.strides, np.int64),
        )

    def spread(self, X: NDArray[np.float32]) -> None:
        """Set the charges to those of points (n, d)."""
        scratch = self._buffers.lend("points", X.size).reshape(X.shape)
        self._n_charges = len(X)
        self._grid.spread(X, scratch, self._charge, self._n_jobs)

    def convolve(self) -> None:
        """Compute the fields of the charges."""
        kernel = self._kernel
        kernel.convolver(self._charge, self._fields[: kernel.n_fields])
        if kernel.taps is not None:
            nodes = np.asarray(self._cell_grid.shape.nodes, np.int64)
            self._grid.differentiate(nodes, kernel.taps, self._fields, self._n_jobs)

    def gather(
        self,
        Y: NDArray[np.float32],
        out: NDArray[np.float32],
        row_z: NDArray[np.float64] | None,
        *,
        mutual: bool,
    ) -> float:
        """Fill `out` and `row_z` with the forces on points and Z_i, and return Z.

        With `mutual`, the points are the charges, and none of them acts on itself.
        """
        kernel = self._kernel
        total: float = self._grid.gather(
            Y,
            self._fields,
            kernel.scale,
            kernel.constant * (self._n_charges - mutual),
            kernel.own if mutual else None,
            out,
            row_z,
            self._n_jobs,
        )
        return total

    @property
    def _charge(self) -> NDArray[np.float32]:
        return self._buffers.lend("charge", self._cell_grid.shape.size)

    @property
    def _fields(self) -> NDArray[np.float32]:
        n_fields, size = 1 + len(self._cell_grid.cells), self._cell_grid.shape.size
        return self._buffers.lend("fields", n_fields * size).reshape(n_fields, size)

    @property
    def _kernel(self) -> _Kernel:
        if self._cell_grid in self._kernels:
            self._kernels.move_to_end(self._cell_grid)
            return self._kernels[self._cell_grid]
        shape = self._cell_grid.shape
        while self._kernels and (
            len(self._kernels) >= KEPT_KERNELS
            or sum(cell_grid.shape.padded_size for cell_grid in (*self._kernels, self._cell_grid))
            > KEPT_NODES
        ):
            self._kernels.popitem(last=False)
        spacing = self._cell_grid.cell / self._basis.step
        kernel = kernel_spectra(
            shape,
            spacing,
            self._dof,
            self._basis,
            forces=not self._differences,
            n_jobs=self._n_jobs,
        )
        convolver = self._make_convolver(
            shape,
            kernel.spectra,
            kernel.odd_axes,
            self._n_jobs,
            functools.partial(self._buffers.lend, "workspace"),
        )
        taps = None
        if self._differences:
            taps = kernel.scale * difference_taps(spacing, self._dof, len(shape.padded))
        entry = _Kernel(
            convolver=convolver,
            n_fields=len(kernel.spectra),
            taps=None if taps is None else taps.astype(np.float32),
            scale=kernel.scale,
            constant=kernel.constant,
            own=kernel.own,
        )
        self._kernels[self._cell_grid] = entry
        return entry
