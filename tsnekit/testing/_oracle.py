"""Forces, gradient and divergence by their definitions: sums over all pairs, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.interfaces import RepulsionProblem, SparseAffinities

__all__ = ["gradient_and_kl", "repulsion", "ring"]

Points = NDArray[np.float32]
Sums = NDArray[np.float64]


def repulsion(problem: RepulsionProblem, Y: Points) -> tuple[Sums, Sums, float]:
    """Return forces, Z_i and Z at `Y`, as `tsnekit.interfaces.Repulsion` defines them."""
    sources = Y if problem.reference is None else problem.reference
    offset = Y[:, None, :].astype(np.float64) - sources[None, :, :]
    w = 1 / (1 + (offset**2).sum(axis=2) / problem.dof)
    if problem.reference is None:
        np.fill_diagonal(w, 0)
    force = np.einsum("ij,ijc->ic", w ** (problem.dof + 1), offset)
    row_z = (w**problem.dof).sum(axis=1)
    return force, row_z, float(row_z.sum())


def gradient_and_kl(
    problem: RepulsionProblem, Y: Points, exaggeration: float
) -> tuple[NDArray[Any], float]:
    """Return the gradient without its factor 4, and the divergence without exaggeration."""
    force, row_z, total = repulsion(problem, Y)
    P = problem.affinities
    assert P is not None
    targets = Y
    if problem.reference is None:
        row_z = np.full(len(Y), total)
    else:
        targets = problem.reference
    rows = np.repeat(np.arange(len(Y)), np.diff(P.indptr))
    offset = Y[rows].astype(np.float64) - targets[P.indices]
    w = 1 / (1 + (offset**2).sum(axis=1) / problem.dof)
    gradient = -force / row_z[:, None]
    np.add.at(gradient, rows, exaggeration * (P.data * w)[:, None] * offset)
    kl = float(np.sum(P.data * np.log(P.data * row_z[rows] / w**problem.dof)))
    return gradient, kl if problem.reference is None else kl / len(Y)


def ring(n: int, reference: Points | None) -> SparseAffinities:
    """Return affinities of each point to two neighbors, in a ring of all points or a reference."""
    m = n if reference is None else len(reference)
    columns = np.stack([np.arange(-1, n - 1) % m, np.arange(1, n + 1) % m], axis=1)
    return SparseAffinities(
        indptr=np.arange(0, 2 * n + 1, 2, dtype=np.int64),
        indices=np.sort(columns, axis=1).astype(np.int32).ravel(),
        # P is a distribution over all pairs, or, with a reference, one in every row.
        data=np.full(2 * n, 0.5 / n if reference is None else 0.5, dtype=np.float32),
        shape=(n, m),
    )
