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

    def place(self, cell_grid: CellGrid, corner: NDArray[np.floating], n_charges: int) -> None:
        """Set the grid, and how many points have a charge on it.

        `corner` (d,) is the lower corner of the box that the grid covers.
        """
        self._cell_grid = cell_grid
        self._n_charges = n_charges
        self._grid = native.PointGrid(
            self._basis.weight,
            self._basis.step,
            self._basis.shift + cell_grid.margin,
            np.asarray(corner, np.float32),
            cell_grid.cell,
            np.asarray(cell_grid.cells, np.int64),
            np.asarray(cell_grid.shape.strides, np.int64),
        )

    def spread(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the charges of points (n, d) in an array that the next call overwrites."""
        scratch = self._buffers.lend("points", X.size).reshape(X.shape)
        charge = self._buffers.lend("charge", self._cell_grid.shape.size)
        self._grid.spread(X, scratch, charge, self._n_jobs)
        return charge

    def convolve(self, charge: NDArray[np.float32]) -> None:
        """Compute the fields of the charges of all points."""
        kernel = self._kernel
        own = self._buffers.lend("charge", self._cell_grid.shape.size)
        if not np.may_share_memory(charge, own):  # transforms ask for the start of a cache line
            own[...] = charge
        kernel.convolver(own, self._fields[: kernel.n_fields])
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
