"""Random arrays for every native entry point: each call computes or raises, and none crashes.

Valid arguments are drawn, and then some are spoiled: another shape or dtype, strides, a read-only
output, NaN and infinity. The columns of sparse matrices stay within bounds. The kernels rely on
this, and the code that makes the matrices checks it.

The test makes a fixed number of calls. With ``TSNEKIT_FUZZ_SECONDS`` it runs longer. A build with
sanitizers shows many more faults: ``nox -s sanitize``.
"""

import inspect
import os
import time

import numpy as np
import pytest
from scipy import sparse

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
    tree,
    update,
)
from tsnekit.plugins.gradients._grid import convolve as _convolve
from tsnekit.plugins.gradients._grid.basis import b_spline, lagrange

CASES = 150
SECONDS = float(os.environ.get("TSNEKIT_FUZZ_SECONDS", "0"))
SEED = int(os.environ.get("TSNEKIT_FUZZ_SEED", "0"))
CLEAN = (ValueError, TypeError, BufferError, OverflowError, MemoryError, IndexError)
MATRIX = ("indptr", "indices", "data")
SPECIAL = [0.0, -0.0, 1.0, np.nan, np.inf, -np.inf, 1e-45, 1e38, -1e30, 1e-30, 0.5]


# -- Arguments that fit ------------------------------------------------------------------------


def floats(rng, *shape, dtype=np.float32):
    return (rng.normal(size=shape) * 10 ** rng.uniform(-3, 3)).astype(dtype)


def size(rng, most=80):
    return int(rng.integers(1, most))


def csr(rng, n, m):
    P = sparse.random(n, m, rng.uniform(0, 0.5), format="csr", dtype=np.float32, random_state=rng)
    return {
        "indptr": P.indptr.astype(np.int64),
        "indices": P.indices.astype(np.int32),
        "data": P.data,
    }


def for_attraction(rng):
    n, m, d = size(rng), size(rng), size(rng, 6)
    common = csr(rng, n, m) | {"Y": floats(rng, n, d), "targets": floats(rng, m, d)}
    yield (
        attraction.gradient_from_repulsion,
        common
        | {
            "dof": rng.choice([0.5, 1.0, 2.0]),
            "exaggeration": 12.0,
            "Z": rng.uniform(size=n if rng.random() < 0.5 else 1),
            "out": floats(rng, n, d),
            "row_logs": np.empty(n),
        },
    )
    yield attraction.attraction_cost, common | {"dof": 1.0, "row_cost": np.empty(n)}


def for_compact(rng):
    n, m, d = size(rng), size(rng), size(rng, 6)
    P = csr(rng, n, m)
    n_entries = len(P["data"]) + int(rng.integers(-1, 3))

    def attract(indptr, indices, data, rows, order, n_threads, **points):
        P = compact.CompactAffinities(n, m, n_entries)
        P.fill(indptr, indices, data, rows, order, n_threads)
        P.gradient_from_repulsion(rows=rows, n_threads=n_threads, **points)

    orders = {"rows": rng.permutation(n), "order": rng.permutation(m)}
    orders = {name: each.astype(np.int32) for name, each in orders.items()}
    numbers = {"dof": rng.choice([0.5, 1.0, 2.0]), "exaggeration": 12.0, "Z": 0.5}
    points = {"Y": floats(rng, n, d), "out": floats(rng, n, d), "row_logs": np.empty(n)}
    yield attract, P | orders | {"targets": floats(rng, m, d)} | numbers | points


def for_perplexity(rng):
    n, k, scales = size(rng), size(rng, 300), size(rng, 4)
    distances = np.abs(floats(rng, n, k))
    weights = np.empty((n, k), np.float32)
    yield (
        perplexity.calibrate,
        {
            "distances": distances,
            "perplexities": rng.uniform(1, k, size=scales),
            "mixture": bool(rng.integers(2)),
            "weights": weights,
            "precision": np.empty((n, scales)),
            "status": np.empty((n, scales), np.int32),
        },
    )
    yield (
        perplexity.gaussian_weights,
        {"distances": distances, "precision": 1.0, "weights": weights},
    )


def for_refine(rng):
    n, p, k, degree = size(rng, 200), size(rng, 40), size(rng, 30), size(rng, 20)
    X = floats(rng, n, p)
    among = rng.random() < 0.5
    queries, first = (X, 0) if among else (floats(rng, size(rng), p), -1)
    metric = str(rng.choice(["sqeuclidean", "manhattan", "hamming"]))
    lists = {
        "indices": rng.integers(-1, n, (len(queries), k)).astype(np.int32),
        "distances": np.sort(np.abs(floats(rng, len(queries), k)), axis=1),
    }
    links = rng.integers(-1, n, (n, degree)).astype(np.int32)
    common = {"queries": queries, "first": first, "X": X, "metric": metric} | lists
    yield refine.scan_rows, common
    candidates = rng.integers(-1, n, (len(queries), size(rng))).astype(np.int32)
    yield refine.rank_candidates, common | {"candidates": candidates}
    yield refine.follow_links, common | {"links": links, "breadth": int(rng.integers(0, 50))}
    if among:
        reach = int(rng.integers(0, 50))
        yield refine.link_rows, {"X": X, "metric": metric, "reach": reach, "links": links} | lists


def for_forest(rng):
    n, p, trees, depth = size(rng, 200), size(rng, 40), size(rng, 6), int(rng.integers(0, 8))
    X = floats(rng, n, p)
    metric = str(rng.choice(["sqeuclidean", "manhattan", "hamming"]))
    yield forest.ProjectionForest, {"X": X, "metric": metric, "n_trees": trees, "depth": depth}
    grown = forest.ProjectionForest(X, metric, trees, min(depth, n.bit_length() - 1))
    first = int(rng.integers(0, trees))
    seeds = rng.integers(2**63, size=trees - first, dtype=np.uint64)
    yield grown.grow, {"first": first, "seeds": seeds}
    queries, start = (X, 0) if rng.random() < 0.5 else (floats(rng, size(rng), p), -1)
    k = size(rng, 30)
    yield (
        grown.rank,
        {
            "queries": queries,
            "first": start,
            "indices": np.empty((len(queries), k), np.int32),
            "distances": np.empty((len(queries), k), np.float32),
        },
    )
    lists = {
        "indices": rng.integers(-1, n, (n, k)).astype(np.int32),
        "distances": np.sort(np.abs(floats(rng, n, k)), axis=1),
    }
    level = int(rng.integers(0, 8))
    nodes = {"first": int(rng.integers(0, 3)), "last": int(rng.integers(0, 2**level + 1))}
    yield grown.scan, lists | nodes | {"tree": int(rng.integers(0, trees)), "level": level}
    yield forest.rename_rows, lists | {"names": rng.permutation(n).astype(np.int32)}


def for_reorder(rng):
    n, d = size(rng), size(rng, 4)
    Y = floats(rng, n, d)
    order = rng.permutation(n).astype(np.int32)
    yield reorder.curve_order, {"Y": Y, "order": order}
    yield reorder.gather_rows, {"Y": Y, "order": order, "out": np.empty_like(Y)}


def for_symmetrize(rng):
    n = size(rng, 700)
    k = size(rng, 40)
    indices = rng.integers(0, n, (n, k)).astype(np.int32)
    # A row has each neighbor only once, as the searches promise.
    indices = (np.arange(n)[:, None] + np.arange(1, k + 1)).astype(np.int32) % n
    weights = rng.uniform(size=(n, k)).astype(np.float32)
    yield (
        symmetrize.symmetrize,
        {
            "indices": indices,
            "weights": weights,
            "use_max": bool(rng.integers(2)),
            "indptr": np.empty(n + 1, np.int64),
            "out_indices": np.empty(2 * n * k, np.int32),
            "out_data": np.empty(2 * n * k, np.float32),
        },
    )
    yield (
        symmetrize.sort_rows,
        {
            "indices": indices,
            "weights": weights,
            "n_columns": n,
            "scale": 0.5,
            "out_indices": np.empty(n * k, np.int32),
            "out_data": np.empty(n * k, np.float32),
        },
    )


def for_update(rng):
    n, d = size(rng), size(rng, 5)
    arrays = {name: floats(rng, n, d) for name in ("Y", "gradient", "update", "gains")}
    numbers = ("learning_rate", "momentum", "max_grad_norm", "max_step_norm")
    yield update.momentum_step, arrays | dict.fromkeys(numbers, 0.8)
    yield update.center, {"Y": floats(rng, n, d), "mean": np.empty(d)}


def for_tree(rng):
    n, m, d = size(rng, 400), size(rng, 400), int(rng.integers(1, 4))
    Y = floats(rng, n, d)
    if rng.random() < 0.3:
        Y[rng.integers(0, n, n // 2)] = Y[0]
    reference = floats(rng, m, d) if rng.random() < 0.5 else None
    plan = {"n_components": d, "dof": rng.choice([0.5, 1.0]), "theta": rng.choice([0.0, 0.5, 9.0])}
    plan |= {"reference": reference}

    def repel(n_components, dof, theta, reference, Y, out, row_z, n_threads):
        tree.BarnesHut(n_components, dof, theta, n_threads, reference)(Y, out, row_z)

    def repel_rows(n_components, dof, theta, reference, Y, first, out, row_z, n_threads):
        tree.BarnesHut(n_components, dof, theta, n_threads, reference).fill_rows(
            Y, first, out, row_z
        )

    outputs = {"out": np.empty_like(Y), "row_z": np.empty(n)}
    yield repel, plan | {"Y": Y} | outputs
    first = int(rng.integers(-1, n + 1))
    rows = {name: array[max(first, 0) :] for name, array in outputs.items()}
    yield repel_rows, plan | {"Y": Y, "first": first} | rows


def for_grid(rng):
    d = int(rng.integers(1, 4))
    width = int(rng.integers(1, 7))
    step = int(rng.integers(1, 4))
    basis = b_spline(max(3, width - 1)) if rng.random() < 0.5 else lagrange(min(width, 3))
    width = len(basis.weight)
    cells = rng.integers(1, 12, size=d)
    nodes = (cells - 1) * step + width
    row = -(-(nodes[-1] + 3) // 16) * 16
    lengths = np.append(nodes[:-1], row)
    strides = np.append(np.cumprod(lengths[::-1])[-2::-1], 1)
    total = int(np.prod(lengths)) + 16
    n = size(rng, 300)
    Y = floats(rng, n, d)
    fields = floats(rng, d + 1, total)
    place = {
        "weight": basis.weight,
        "step": step,
        "shift": 0.5,
        "corner": floats(rng, d),
        "cell": float(rng.uniform(0.01, 10)),
        "cells": cells,
        "strides": strides,
    }

    def spread(Y, scratch, charge, n_threads, **place):
        grid.PointGrid(**place).spread(Y, scratch, charge, n_threads)

    def gather(Y, fields, own, out, row_z, n_threads, **place):
        grid.PointGrid(**place).gather(Y, fields, 1.0, 0.0, own, out, row_z, n_threads)

    def differentiate(nodes, taps, fields, n_threads, **place):
        grid.PointGrid(**place).differentiate(nodes, taps, fields, n_threads)

    scratch, charge = np.empty_like(Y), np.empty(total, np.float32)
    yield spread, {"Y": Y, "scratch": scratch, "charge": charge} | place
    own = floats(rng, width**d) if rng.random() < 0.5 else None
    outputs = {"out": np.empty_like(Y), "row_z": np.empty(n)}
    yield gather, {"Y": Y, "fields": fields, "own": own} | outputs | place
    differences = {"nodes": nodes, "taps": floats(rng, grid.N_TAPS), "fields": fields}
    yield differentiate, differences | place
    bounds = {"lower": np.empty(d, np.float32), "upper": np.empty(d, np.float32)}
    yield grid.point_bounds, {"Y": Y} | bounds
    yield (
        grid.add_pairs,
        {
            "rows": rng.integers(0, n, 5),
            "Y": Y,
            "sources": floats(rng, d, n),
            "own": int(rng.integers(-2, 3)),
            "dof": 1.0,
        }
        | outputs,
    )


def for_fourier(rng):
    d = int(rng.integers(1, 4))
    shape = rng.integers(1, 12, size=d)
    table = {"shape": shape, "spacing": 0.5, "dof": 1.0, "table": np.empty(int(np.prod(shape)))}
    yield fourier.potential_table, table | {"cutoff": 9.0}
    yield fourier.force_table, table | {"axis": int(rng.integers(0, d))}
    padded = tuple(int(n) for n in rng.choice(_convolve.good_sizes()[:8], size=d))
    grid_shape = _convolve.GridShape(padded, -(-(padded[-1] // 2) // 16) * 16)
    odd_axes = rng.integers(-1, d, size=int(rng.integers(1, 3))).astype(np.int32)
    radices = [_convolve._radices(n) for n in padded]
    twiddles = [_convolve._twiddles(n) for n in padded]
    blocks = -(-(padded[0] // 2 + 1) // fourier.LANES) * fourier.LANES
    kernel = (padded[0] // 2 + 1 if d == 1 else blocks) * int(
        np.prod([n // 2 + 1 for n in padded[1:]])
    )

    def convolve(radices, twiddles, strides, odd_axes, charge, spectrum, fields, n_threads):
        convolution = fourier.GridConvolution(radices, twiddles, strides, odd_axes)
        workspace = _convolve.aligned(convolution.workspace_size)
        convolution(charge, spectrum, fields, workspace, n_threads)

    charge, fields = _convolve.aligned(grid_shape.size), len(odd_axes) * grid_shape.size
    charge[:] = floats(rng, grid_shape.size)
    yield (
        convolve,
        {
            "radices": radices,
            "twiddles": twiddles,
            "strides": np.asarray(grid_shape.strides),
            "odd_axes": odd_axes,
            "charge": charge,
            "spectrum": _convolve.aligned(kernel * len(odd_axes)),
            "fields": _convolve.aligned(fields).reshape(len(odd_axes), -1),
        },
    )


GROUPS = [
    for_attraction, for_compact, for_forest, for_perplexity, for_refine, for_reorder,
    for_symmetrize, for_update, for_tree, for_grid, for_fourier,
]  # fmt: skip


# -- Arguments that do not ---------------------------------------------------------------------


def spoiled(rng, name, value, is_matrix):
    """Return an argument that is not valid."""
    if not isinstance(value, np.ndarray):
        if isinstance(value, float) and rng.random() < 0.5:
            return float(rng.choice(SPECIAL))
        return value
    what = rng.integers(9)
    if what == 0:
        return value.astype(rng.choice([np.float64, np.float32, np.int32, np.int64, np.int8]))
    if what == 1:
        return value[: rng.integers(0, len(value) + 1)]
    if what == 2:
        return np.concatenate([value, value[: rng.integers(1, 4)]])
    if what == 3:
        return np.repeat(value, 2, axis=0)[::2]
    if what == 4 and value.ndim == 2:
        return rng.choice([value.T, np.asfortranarray(value), value[:, :-1], value[:, :0]][:2])
    if what == 5 and value.ndim == 2:
        return np.ascontiguousarray(value[:, : rng.integers(0, value.shape[1] + 1)])
    if what == 6:
        value = value.copy()
        value.setflags(write=False)
        return value
    if what == 7:
        return value.reshape(-1) if value.ndim == 2 else value[:, None]
    value = value.copy()
    if value.dtype.kind == "f":
        value.flat[rng.integers(0, max(1, value.size), 3) % max(1, value.size)] = (
            rng.choice(SPECIAL, 3) if value.size else 0
        )
    elif not is_matrix and value.size:
        value.flat[rng.integers(0, value.size)] = rng.choice([-1, -2, 0, 7, 10**6, 2**31 - 1])
    return value


def call(rng, function, arguments):
    names = list(arguments)
    is_matrix = "indptr" in arguments and function is not symmetrize.symmetrize
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        name = str(rng.choice(names))
        if is_matrix and name in ("targets", "x"):
            continue  # the columns refer to its rows
        kept = is_matrix and name in MATRIX
        arguments[name] = spoiled(rng, name, arguments[name], kept)
    arguments["n_threads"] = int(rng.choice([-1, 0, 1, 2, 3]))
    wanted = inspect.signature(function).parameters
    if any(each.kind is each.VAR_KEYWORD for each in wanted.values()):
        return function(**arguments)
    return function(**{name: arguments[name] for name in wanted})


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.__name__[4:])
def test_any_arrays(group, record_property, capsys):
    end = time.monotonic() + SECONDS / len(GROUPS)
    cases = computed = 0
    with np.errstate(all="ignore"):
        while cases < CASES or time.monotonic() < end:
            rng = np.random.default_rng([SEED, cases])
            for function, arguments in group(rng):
                cases += 1
                try:
                    call(rng, function, dict(arguments))
                    computed += 1
                except CLEAN:
                    pass
    record_property("cases", cases)
    with capsys.disabled():
        print(f"\n{group.__name__[4:]}: {cases} cases, {computed} of them computed", end="")
    assert cases > computed > cases / 10
