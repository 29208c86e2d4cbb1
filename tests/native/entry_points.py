"""Every entry point of the native layer, with valid arguments.

The arrays are so large that they make several blocks of work, and that kernels need much memory of
their own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tsnekit._native import (
    attraction,
    compact,
    forest,
    fourier,
    grid,
    perplexity,
    refine,
    reorder,
    symmetrize,
    system,
    tree,
    update,
)
from tsnekit.plugins.gradients._grid import convolve
from tsnekit.plugins.gradients._grid.basis import b_spline

MODULES = (
    attraction, compact, forest, fourier, grid, perplexity, refine, reorder, symmetrize, system,
    tree, update,
)  # fmt: skip


@dataclass
class Call:
    """A function, the arrays that it reads, the arrays that it writes, and its other arguments."""

    function: Callable[..., Any]
    reads: dict[str, Any] = field(default_factory=dict)
    writes: dict[str, Any] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)

    def __call__(self) -> Any:
        return self.function(**self.reads, **self.writes, **self.others)


def floats(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def matrix(n, k):
    """Return a sparse matrix whose row i has the columns after i."""
    indices = (np.arange(n)[:, None] + np.arange(1, k + 1)) % n
    return {
        "indptr": np.arange(n + 1, dtype=np.int64) * k,
        "indices": indices.astype(np.int32).ravel(),
        "data": np.full(n * k, 1 / (n * k), dtype=np.float32),
    }


def lists(n, k):
    indices = (np.arange(n)[:, None] + np.arange(1, k + 1)) % n
    distances = np.tile(np.arange(k, dtype=np.float32), (n, 1))
    return {"indices": indices.astype(np.int32), "distances": distances}


def attractions():
    n, d = 600, 40_000
    points = {"Y": np.ones((n, d), np.float32), "targets": np.ones((n, d), np.float32)}
    rows = matrix(n, 2) | points
    yield (
        "attraction.gradient_from_repulsion",
        Call(
            attraction.gradient_from_repulsion,
            rows | {"Z": np.ones(n)},
            {"out": np.ones((n, d), np.float32), "row_logs": np.empty(n)},
            {"dof": 2.0, "exaggeration": 1.0, "n_threads": 2},
        ),
    )
    cost = {"row_cost": np.empty(n)}
    yield (
        "attraction.attraction_cost",
        Call(attraction.attraction_cost, rows, cost, {"dof": 2.0, "n_threads": 2}),
    )


def compact_affinities():
    n = 60_000
    P, order = matrix(n, 3), np.arange(n, dtype=np.int32)[::-1].copy()
    yield (
        "compact.CompactAffinities",
        Call(compact.CompactAffinities, others={"n_rows": n, "n_columns": n, "n_entries": 3 * n}),
    )
    fill = {"rows": order, "order": order} | P
    yield (
        "compact.CompactAffinities.fill",
        Call(compact.CompactAffinities(n, n, 3 * n).fill, fill, others={"n_threads": 2}),
    )
    filled = compact.CompactAffinities(n, n, 3 * n)
    filled.fill(**fill, n_threads=1)
    yield "compact.CompactAffinities.arrays", Call(filled.arrays)
    d = 4
    yield (
        "compact.CompactAffinities.gradient_from_repulsion",
        Call(
            filled.gradient_from_repulsion,
            {"Y": floats(n, d), "targets": floats(n, d), "rows": order},
            {"out": floats(n, d), "row_logs": np.empty(n)},
            {"dof": 2.0, "exaggeration": 1.0, "Z": 1.0, "n_threads": 2},
        ),
    )


def perplexities():
    n, k = 300, 90_000
    distances = np.tile(np.linspace(0.1, 1, k, dtype=np.float32), (n, 1))
    scales = np.array([30.0, 60.0])
    yield (
        "perplexity.calibrate",
        Call(
            perplexity.calibrate,
            {"distances": distances[:, :5000].copy(), "perplexities": scales},
            {
                "weights": np.empty((n, 5000), np.float32),
                "precision": np.empty((n, 2)),
                "status": np.empty((n, 2), np.int32),
            },
            {"mixture": False, "n_threads": 2},
        ),
    )
    yield (
        "perplexity.gaussian_weights",
        Call(
            perplexity.gaussian_weights,
            {"distances": distances},
            {"weights": np.empty((n, k), np.float32)},
            {"precision": 1.0, "n_threads": 2},
        ),
    )


def searches():
    n, k, degree = 6_000, 30, 16
    X = floats(n, 8)
    found = lists(n, k)
    links = found["indices"][:, :degree].copy()
    other = {"first": 0, "metric": "sqeuclidean", "n_threads": 2}
    both = {"queries": X, "X": X}
    yield "refine.scan_rows", Call(refine.scan_rows, both, lists(n, k), other)
    candidates = {"candidates": found["indices"]}
    yield (
        "refine.rank_candidates",
        Call(refine.rank_candidates, both | candidates, lists(n, k), other),
    )
    yield (
        "refine.link_rows",
        Call(
            refine.link_rows,
            {"X": X} | found,
            {"links": np.empty((n, degree), np.int32)},
            {"metric": "sqeuclidean", "reach": 20, "n_threads": 2},
        ),
    )
    yield (
        "refine.follow_links",
        Call(refine.follow_links, both | {"links": links}, lists(n, k), other | {"breadth": 10}),
    )
    plan = {"metric": "sqeuclidean", "n_trees": 3, "depth": 6}
    yield "forest.ProjectionForest", Call(forest.ProjectionForest, {"X": X}, others=plan)
    trees = forest.ProjectionForest(X, **plan)
    seeds = np.arange(3, dtype=np.uint64)
    yield (
        "forest.ProjectionForest.grow",
        Call(trees.grow, {"seeds": seeds}, others={"first": 0, "n_threads": 2}),
    )
    trees.grow(0, seeds, 1)
    yield (
        "forest.ProjectionForest.scan",
        Call(
            trees.scan,
            writes=lists(n, k),
            others={"tree": 0, "level": 2, "first": 0, "last": 4, "n_threads": 2},
        ),
    )
    yield "forest.ProjectionForest.order", Call(trees.order, others={"tree": 0})
    yield (
        "forest.rename_rows",
        Call(
            forest.rename_rows,
            {"names": np.arange(n, dtype=np.int32), "distances": lists(n, k)["distances"]},
            {"indices": lists(n, k)["indices"]},
            {"n_threads": 2},
        ),
    )
    yield (
        "forest.ProjectionForest.rank",
        Call(trees.rank, {"queries": X}, lists(n, k), {"first": -1, "n_threads": 2}),
    )


def orders():
    n = 50_000
    Y, order = floats(n, 2), np.arange(n, dtype=np.int32)
    yield (
        "reorder.curve_order",
        Call(reorder.curve_order, {"Y": Y}, {"order": order.copy()}, {"n_threads": 2}),
    )
    yield (
        "reorder.gather_rows",
        Call(
            reorder.gather_rows, {"Y": Y, "order": order}, {"out": np.empty_like(Y)},
            {"n_threads": 2},
        ),
    )  # fmt: skip


def symmetrizations():
    n, k = 20_000, 5
    given = {"indices": lists(n, k)["indices"], "weights": np.full((n, k), 0.2, np.float32)}
    size = 2 * n * k
    outputs = {"out_indices": np.empty(size, np.int32), "out_data": np.empty(size, np.float32)}
    yield (
        "symmetrize.symmetrize",
        Call(
            symmetrize.symmetrize,
            given,
            outputs | {"indptr": np.empty(n + 1, np.int64)},
            {"use_max": False, "n_threads": 2},
        ),
    )
    yield (
        "symmetrize.sort_rows",
        Call(
            symmetrize.sort_rows,
            given,
            {name: array[: n * k].copy() for name, array in outputs.items()},
            {"n_columns": n, "scale": 1.0, "n_threads": 2},
        ),
    )


def updates():
    names = ("Y", "gradient", "update", "gains")
    sizes = {"learning_rate": 1.0, "momentum": 0.8, "max_grad_norm": 1.0, "max_step_norm": 1.0}
    moved = {name: floats(50_000, 2) for name in names}
    yield (
        "update.momentum_step",
        Call(update.momentum_step, {}, moved, sizes | {"n_threads": 2}),
    )
    centered = {"Y": floats(3_000_000, 1), "mean": np.empty(1)}
    yield "update.center", Call(update.center, {}, centered, {"n_threads": 2})


def trees():
    Y = floats(40_000, 2)
    plan = {"n_components": 2, "dof": 2.0, "theta": 0.8, "n_threads": 2}
    yield "tree.BarnesHut", Call(tree.BarnesHut, {"reference": Y}, others=plan)
    outputs = {"out": np.empty_like(Y), "row_z": np.empty(len(Y))}

    def repel(Y, out, row_z):
        # A new object for each call, which has to allocate all its memory.
        tree.BarnesHut(**plan)(Y, out, row_z)

    yield "tree.BarnesHut.__call__", Call(repel, {"Y": Y}, outputs)

    def repel_rows(Y, out, row_z):
        tree.BarnesHut(**plan).fill_rows(Y, 10_000, out, row_z)

    rows = {"out": np.empty((20_000, 2), np.float32), "row_z": np.empty(20_000)}
    yield "tree.BarnesHut.fill_rows", Call(repel_rows, {"Y": Y}, rows)


def grids():
    n, basis = 1_000_000, b_spline(3)
    width = len(basis.weight)
    cells = np.array([40, 40], dtype=np.int64)
    row = -(-(cells[1] + width + 3) // 16) * 16
    size = int((cells[0] + width) * row + 16)
    place = {"step": 1, "shift": 0.5, "cell": 0.25}
    arrays = {
        "weight": basis.weight,
        "corner": np.full(2, -5, np.float32),
        "cells": cells,
        "strides": np.array([row, 1]),
    }
    yield "grid.PointGrid", Call(grid.PointGrid, arrays, others=place)
    points = grid.PointGrid(**arrays, **place)
    Y = floats(n, 2)
    yield (
        "grid.PointGrid.spread",
        Call(
            points.spread,
            {"Y": Y},
            {"scratch": np.empty_like(Y), "charge": np.empty(size, np.float32)},
            {"n_threads": 2},
        ),
    )
    fields = np.ones((3, size), np.float32)
    yield (
        "grid.PointGrid.differentiate",
        Call(
            points.differentiate,
            {"nodes": cells + width - 1, "taps": floats(grid.N_TAPS)},
            {"fields": fields.copy()},
            {"n_threads": 2},
        ),
    )
    yield (
        "grid.PointGrid.gather",
        Call(
            points.gather,
            {"Y": Y, "fields": fields, "own": np.ones(width**2, np.float32)},
            {"out": np.empty_like(Y), "row_z": np.empty(n)},
            {"scale": 1.0, "constant": 0.0, "n_threads": 2},
        ),
    )
    bounds = {"lower": np.empty(2, np.float32), "upper": np.empty(2, np.float32)}
    yield "grid.point_bounds", Call(grid.point_bounds, {"Y": Y}, bounds, {"n_threads": 2})
    yield (
        "grid.add_pairs",
        Call(
            grid.add_pairs,
            {"rows": np.arange(200), "Y": Y[:2000], "sources": np.ascontiguousarray(Y[:2000].T)},
            {"out": np.zeros_like(Y[:2000]), "row_z": np.zeros(2000)},
            {"own": 0, "dof": 2.0, "n_threads": 2},
        ),
    )


def tables():
    shape = np.array([300, 300], dtype=np.int64)
    numbers = {"spacing": 0.5, "dof": 2.0, "n_threads": 2}
    for function, other in (
        (fourier.potential_table, {"cutoff": 9.0}),
        (fourier.force_table, {"axis": 0}),
    ):
        yield (
            f"fourier.{function.__name__}",
            Call(function, {"shape": shape}, {"table": np.empty(90_000)}, numbers | other),
        )
    length = 480
    row = length // 2
    strides = np.array([row, 1])
    parts = {
        "radices": [convolve._radices(length)] * 2,
        "twiddles": [convolve._twiddles(length)] * 2,
    }
    arrays = {"strides": strides, "odd_axes": np.array([-1], np.int32)}
    yield "fourier.GridConvolution", Call(fourier.GridConvolution, arrays, others=parts)
    convolution = fourier.GridConvolution(**parts, **arrays)
    blocks = -(-(length // 2 + 1) // fourier.LANES) * fourier.LANES
    yield (
        "fourier.GridConvolution.__call__",
        Call(
            convolution.__call__,
            {
                "charge": convolve.aligned(row * row),
                "spectrum": convolve.aligned(blocks * (length // 2 + 1)),
            },
            {
                "fields": convolve.aligned(row * row).reshape(1, -1),
                "workspace": convolve.aligned(convolution.workspace_size),
            },
            {"n_threads": 2},
        ),
    )


def systems():
    yield "system.has_threads", Call(system.has_threads)
    yield "system.instruction_set", Call(system.instruction_set)
    yield "system.loading", Call(system.loading)
    yield "system.second_cache_bytes", Call(system.second_cache_bytes)


GROUPS = (
    attractions, compact_affinities, perplexities, searches, orders, symmetrizations, updates,
    trees, grids, tables, systems,
)  # fmt: skip


def public_names():
    """Return the names of the functions, classes and methods that the modules have."""
    found = set()
    for module in MODULES:
        prefix = module.__name__.rpartition(".")[2]
        for name, value in vars(module).items():
            # Some versions of Cython give the full name of a module, others its last part.
            origin = str(getattr(value, "__module__", "")).rpartition(".")[2]
            if name.startswith("_") or origin != prefix:
                continue
            found.add(f"{prefix}.{name}")
            if isinstance(value, type):
                methods = {m for m in vars(value) if not m.startswith("_") or m == "__call__"}
                found |= {f"{prefix}.{name}.{m}" for m in methods if callable(getattr(value, m))}
    return found


NAMES = sorted(public_names())


def call(name: str) -> Call:
    """Return the call of one entry point."""
    for group in GROUPS:
        for each, found in group():
            if each == name:
                return found
    raise KeyError(name)
