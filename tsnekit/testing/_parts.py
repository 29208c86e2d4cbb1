"""A repulsion of which several plans compute a part each."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import SeparableRepulsion
from tsnekit.testing._points import Points

__all__ = ["read_only", "together"]


def read_only(array: Any) -> Any:
    """Return the array, which can no longer be written to."""
    array.flags.writeable = False
    return array


def together(
    plans: list[SeparableRepulsion], Y: Points, bounds: list[int], where: str
) -> tuple[Points, NDArray[np.float64], float]:
    """Return forces, Z_i and Z, each part of them by a plan of its own."""
    parts = [slice(*ends) for ends in itertools.pairwise(bounds)]
    charges = [
        plan.spread(read_only(Y), rows).copy() for plan, rows in zip(plans, parts, strict=True)
    ]
    for each in charges:
        assert each.dtype == np.float32, f"{where}: charges are {each.dtype}"
        assert each.ndim == 1, f"{where}: charges have {each.ndim} dimensions"
        assert each.shape == charges[0].shape, f"{where}: parts have charges of other shapes"
    total = read_only(np.sum(charges, axis=0, dtype=np.float32))
    out = np.full(Y.shape, np.nan, dtype=np.float32)
    row_z = np.full(len(Y), np.nan)
    z = 0.0
    for plan, rows in zip(plans, parts, strict=True):
        share = plan.gather(total, rows, out[rows], row_z[rows])
        np.testing.assert_allclose(
            row_z[rows].sum(), share, rtol=1e-6, atol=1e-30, err_msg=f"{where}: Z of a part"
        )
        z += share
    return out, row_z, z
