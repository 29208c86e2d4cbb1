import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from tsnekit._native.compact import CompactAffinities

SMALLEST_NORMAL, LARGEST = np.finfo(np.float32).tiny, np.finfo(np.float32).max


def csr(P):
    return P.indptr.astype(np.int64), P.indices.astype(np.int32), P.data


def compacted(P, order, n_threads=1, rows=None):
    result = CompactAffinities(*P.shape, P.nnz)
    result.fill(*csr(P), order if rows is None else rows, order, n_threads)
    return result


def restored(compact, n_columns=None):
    indptr, word, tail = compact.arrays()
    data = ((word & 0xFF000000) >> 1 | tail.astype(np.uint32) << 15).view(np.float32)
    shape = (len(indptr) - 1, len(indptr) - 1 if n_columns is None else n_columns)
    return scipy.sparse.csr_matrix((data, word & 0xFFFFFF, indptr), shape=shape)


def random_matrix(rng, n, density=0.2):
    P = scipy.sparse.random(n, n, density, format="csr", dtype=np.float32, random_state=rng)
    P.data = np.exp(rng.normal(-15, 4, P.nnz)).astype(np.float32)
    return P


def assert_rounded(found, wanted):
    wanted = wanted.astype(np.float64)
    allowed = np.where(wanted < SMALLEST_NORMAL, 2.0**-134, wanted * 2.0**-9)
    assert (np.abs(found - wanted) <= allowed).all()
    np.testing.assert_array_equal(found > 0, wanted > 0)


@given(seed=st.integers(0, 2**31), n=st.integers(1, 60), threads=st.integers(1, 3))
@settings(max_examples=50, deadline=None)
def test_compact_affinities_equal_scipy(seed, n, threads):
    rng = np.random.default_rng(seed)
    P = random_matrix(rng, n)
    order = rng.permutation(n).astype(np.int32)
    found = restored(compacted(P, order, threads))
    assert_rounded(found.toarray(), P.toarray()[order][:, order])
    # Entries of a row stay in their order.
    for row, origin in enumerate(order):
        np.testing.assert_array_equal(order[found[row].indices], P[origin].indices)


@pytest.mark.parametrize("m", [0, 1, 7, 30])
def test_some_rows_equal_scipy_and_have_the_bits_of_the_whole(m):
    rng = np.random.default_rng(m)
    n, first = 30, 30 - m
    P = random_matrix(rng, n)
    order = rng.permutation(n).astype(np.int32)
    rows = order[order >= first] - np.int32(first)
    part = compacted(P[first:], order, 2, rows)
    whole = restored(compacted(P, order)).toarray()
    np.testing.assert_array_equal(restored(part, n).toarray(), whole[order >= first])
    Y, repulsion = rng.normal(size=(2, n, 2)).astype(np.float32)
    targets, out, logs = Y[order], repulsion.copy(), np.empty(n)
    arguments = 2.0, 3.0, 4.0
    compacted(P, order).gradient_from_repulsion(targets, targets, *arguments, order, out, 1, logs)
    found, found_logs = repulsion[first:].copy(), np.empty(m)
    part.gradient_from_repulsion(Y[first:][rows], targets, *arguments, rows, found, 2, found_logs)
    np.testing.assert_array_equal(found, out[first:])
    np.testing.assert_array_equal(found_logs, logs[first:])


@given(st.lists(st.floats(0, float(LARGEST), width=32), min_size=1, max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_value_is_rounded(values):
    n = len(values)
    P = scipy.sparse.csr_matrix((np.float32(values), np.arange(n), np.arange(n + 1)), shape=(n, n))
    assert_rounded(restored(compacted(P, np.arange(n, dtype=np.int32))).data, P.data)


def test_extreme_values():
    values = [0.0, -0.0, 2**-149, 2**-135, 2**-134, SMALLEST_NORMAL, 1 - 2**-24, 1, LARGEST]
    ties = 1 + (np.arange(8) + 0.5) / 256
    test_any_value_is_rounded.hypothesis.inner_test([*values, *ties])


def test_rounding_leaves_no_bias():
    P = random_matrix(np.random.default_rng(0), 1000)
    found = restored(compacted(P, np.arange(1000, dtype=np.int32)))
    error = found.data / P.data.astype(np.float64) - 1
    assert abs(error.mean()) < 4 * error.std() / np.sqrt(P.nnz)


def test_threads_make_the_same_bits_and_a_new_order_replaces_the_old():
    rng = np.random.default_rng(1)
    P = random_matrix(rng, 10_000, 1e-3)
    first, second = (rng.permutation(10_000).astype(np.int32) for _ in range(2))
    one, two = compacted(P, second, 1), compacted(P, first, 2)
    two.fill(*csr(P), second, second, 2)
    for each, other in zip(one.arrays(), two.arrays(), strict=True):
        np.testing.assert_array_equal(each, other)


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_gradient_equals_sums_over_restored_entries(d):
    # Rows of all lengths up to 99, which is longer than a vector of any instruction set.
    n = 100
    rng = np.random.default_rng(d)
    P = random_matrix(rng, n, 1.0)
    P = scipy.sparse.csr_matrix(np.tril(P.toarray()[:, rng.permutation(n)], -1))
    order = rng.permutation(n).astype(np.int32)
    Y, repulsion = rng.normal(size=(2, n, d)).astype(np.float32)
    source = compacted(P, order)
    offset = Y[:, None, :].astype(np.float64) - Y
    pull = restored(source).toarray() / (1 + (offset**2).sum(axis=2) / 2.0)
    expected = -repulsion / 4.0
    expected[order] += 3.0 * np.einsum("ij,ijc->ic", pull, offset)
    scale = np.zeros((n, d))
    scale[order] = 3.0 * np.einsum("ij,ijc->ic", pull, np.abs(offset))
    for n_threads in (1, 2):
        out = repulsion.copy()
        source.gradient_from_repulsion(Y, Y, 2.0, 3.0, 4.0, order, out, n_threads)
        assert (np.abs(out - expected) <= 1e-6 * (scale + np.abs(repulsion))).all()


@pytest.mark.parametrize("isa", ["baseline", "avx2"])
def test_every_instruction_set(isa):
    script = f"""
import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})
import test_compact as tests
for d in (1, 2, 3, 5):
    tests.test_gradient_equals_sums_over_restored_entries(d)
tests.test_extreme_values()
"""
    subprocess.run(
        [sys.executable, "-I", "-c", script], env={**os.environ, "TSNEKIT_ISA": isa}, check=True
    )


def test_what_does_not_fit_is_refused():
    P = random_matrix(np.random.default_rng(2), 20)
    order = np.arange(20, dtype=np.int32)
    source = compacted(P, order)
    indptr, indices, data = csr(P)
    with pytest.raises(ValueError, match="memory for"):
        CompactAffinities(20, 20, P.nnz - 1).fill(indptr, indices, data, order, order, 1)
    with pytest.raises(ValueError, match="16777216 columns"):
        CompactAffinities(5, 2**24 + 1, 0)
    for wrong in (order[:-1], order + 1, order - 1):
        with pytest.raises(ValueError, match="order"):
            source.fill(indptr, indices, data, order, wrong, 1)
        with pytest.raises(ValueError, match="rows"):
            source.fill(indptr, indices, data, wrong, order, 1)
    for wrong in (indices + 1, indices - 1):
        with pytest.raises(ValueError, match="indices"):
            source.fill(indptr, wrong, data, order, order, 1)
    Y = np.zeros((20, 2), dtype=np.float32)
    with pytest.raises(ValueError, match="Y"):
        source.gradient_from_repulsion(Y[:-1], Y, 1.0, 1.0, 1.0, order, Y[:-1].copy(), 1)
    with pytest.raises(ValueError, match="targets"):
        source.gradient_from_repulsion(Y, Y[:-1], 1.0, 1.0, 1.0, order, Y.copy(), 1)
    with pytest.raises(ValueError, match="rows"):
        source.gradient_from_repulsion(Y, Y, 1.0, 1.0, 1.0, order + 1, Y.copy(), 1)
    flat = Y[:, :0].copy()
    with pytest.raises(ValueError, match="dimension"):
        source.gradient_from_repulsion(flat, flat, 1.0, 1.0, 1.0, order, flat.copy(), 1)


def test_no_entries():
    for n in (0, 5):
        order = np.arange(n, dtype=np.int32)
        source = compacted(scipy.sparse.csr_matrix((n, n), dtype=np.float32), order)
        out = np.ones((n, 2), dtype=np.float32)
        Y = np.zeros_like(out)
        source.gradient_from_repulsion(Y, Y, 1.0, 1.0, 2.0, order, out, 1)
        np.testing.assert_array_equal(out, np.full((n, 2), -0.5))


@pytest.mark.slow
def test_the_highest_columns():
    n = 2**24
    ends = np.array([0, 1, n // 2, n - 2, n - 1], dtype=np.int32)
    indptr = np.zeros(n + 1, dtype=np.int64)
    indptr[ends + 1] = 5
    indptr = np.cumsum(indptr)
    indices, data = np.tile(ends, 5), np.arange(1, 26, dtype=np.float32)
    order = np.arange(n, dtype=np.int32)[::-1].copy()
    source = CompactAffinities(n, n, 25)
    source.fill(indptr, indices, data, order, order, 2)
    _, word, _ = source.arrays()
    np.testing.assert_array_equal(word & 0xFFFFFF, np.tile(n - 1 - ends, 5))
    Y = np.zeros((n, 1), dtype=np.float32)
    Y[-1] = 1
    out = np.zeros_like(Y)
    source.gradient_from_repulsion(Y, Y, 1.0, 1.0, 1.0, order, out, 2)
    # Point 0 stands apart: at a distance of 1, an edge pulls with half its value.
    expected = np.zeros_like(Y)
    expected[ends, 0] = -data[::5] / 2
    expected[0] = data[1:5].sum() / 2
    np.testing.assert_array_equal(out, expected)
