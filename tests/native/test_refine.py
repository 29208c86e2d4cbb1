"""Kernels of neighbor search against NumPy in double precision."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tsnekit._native.refine import follow_links, link_rows, rank_candidates, scan_rows

METRICS = ("sqeuclidean", "manhattan", "hamming")


def rows(n, p, seed=0, metric="sqeuclidean"):
    X = np.random.default_rng(seed).normal(size=(n, p))
    return (np.round(X) if metric == "hamming" else X).astype(np.float32)


def distances(A, B, metric):
    difference = A[:, None].astype(np.float64) - B
    if metric == "sqeuclidean":
        return (difference**2).sum(axis=2)
    if metric == "manhattan":
        return np.abs(difference).sum(axis=2)
    return (difference != 0).sum(axis=2).astype(np.float64)


def empty(n, k):
    return np.full((n, k), -7, dtype=np.int32), np.full((n, k), np.nan, dtype=np.float32)


def nearest(D, k):
    """Indices and distances of the k nearest, ties by index."""
    order = np.lexsort((np.broadcast_to(np.arange(D.shape[1]), D.shape), D), axis=1)[:, :k]
    return order, np.take_along_axis(D, order, axis=1)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("p", [1, 3, 16, 50])
@pytest.mark.parametrize("n", [2, 17, 700])
def test_scan_finds_the_nearest(metric, n, p):
    X = rows(n, p, metric=metric)
    k = min(n - 1, 30)
    indices, found = empty(n, k)
    scan_rows(X, 0, X, metric, indices, found, 2)
    D = distances(X, X, metric)
    np.fill_diagonal(D, np.inf)
    expected = nearest(D, k)[1]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        np.take_along_axis(D, indices.astype(int), axis=1), expected, rtol=1e-5, atol=1e-6
    )
    if metric == "hamming":  # small integers are exact, and so is the order of ties
        np.testing.assert_array_equal(indices, nearest(D, k)[0])


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 80),
    m=st.integers(1, 20),
    p=st.integers(1, 9),
    k=st.integers(1, 90),
    seed=st.integers(0, 99),
)
def test_scan_of_other_rows_than_the_data(n, m, p, k, seed):
    data, queries = rows(n, p, seed, "hamming"), rows(m, p, seed + 1, "hamming")
    indices, found = empty(m, k)
    scan_rows(queries, -1, data, "sqeuclidean", indices, found, 1)
    expected = nearest(distances(queries, data, "sqeuclidean"), k)
    filled = min(n, k)
    np.testing.assert_array_equal(indices[:, :filled], expected[0])
    np.testing.assert_allclose(found[:, :filled], expected[1], rtol=1e-6)
    assert (indices[:, filled:] == -1).all()
    assert np.isinf(found[:, filled:]).all()


@pytest.mark.parametrize("metric", METRICS)
def test_rank_drops_repetitions_gaps_and_the_row_itself(metric):
    X = rows(300, 7, metric=metric)
    rng = np.random.default_rng(1)
    candidates = rng.integers(-1, 300, size=(100, 40)).astype(np.int32)
    candidates[:, 20:30] = candidates[:, :10]
    candidates[:, 5] = np.arange(50, 150)
    indices, found = empty(100, 35)
    rank_candidates(X[50:150], 50, X, metric, candidates, indices, found, 2)
    D = distances(X[50:150], X, metric)
    for i, row in enumerate(candidates):
        allowed = np.setdiff1d(row, [-1, 50 + i])
        order = allowed[np.lexsort((allowed, D[i, allowed].astype(np.float32)))][:35]
        assert (indices[i, : len(order)] >= 0).all()
        np.testing.assert_allclose(found[i, : len(order)], D[i, order], rtol=1e-5, atol=1e-6)
        assert (indices[i, len(order) :] == -1).all()
        assert np.isinf(found[i, len(order) :]).all()
        assert set(indices[i, : len(order)]) <= set(allowed)


def linked(X, metric, k, degree, reach):
    indices, found = empty(len(X), k)
    scan_rows(X, 0, X, metric, indices, found, 1)
    links = np.full((len(X), degree), -7, dtype=np.int32)
    link_rows(X, metric, indices, found, reach, links, 2)
    return indices, found, links


def test_links_point_in_different_directions():
    X = rows(400, 5)
    indices, _, links = linked(X, "sqeuclidean", 25, 12, 20)
    D = distances(X, X, "sqeuclidean")
    for i, row in enumerate(links):
        assert (np.sort(row == -1) == (row == -1)).all(), "a gap among the links"
        own = [j for j in row[:6] if j in indices[i, :20]]
        chosen = []
        for j in indices[i, :20]:
            if len(chosen) < 6 and all(1.2 * D[e, j] >= D[i, j] for e in chosen):
                chosen.append(j)
        assert list(row[: len(chosen)]) == chosen
        assert own[: len(chosen)] == chosen
        for j in row[len(chosen) :]:
            assert j == -1 or i in links[j, :6], "a link back from a row that did not choose it"


def test_links_back_go_to_the_nearest_rows():
    """A row that many rows chose links back to those rows in whose lists it ranks highest."""
    rng = np.random.default_rng(0)
    X = np.concatenate([[[0.0, 0.0]], rng.normal(size=(60, 2)) * 10]).astype(np.float32)
    indices, _, links = linked(X, "sqeuclidean", 10, 8, 10)
    assert links.min() >= -1
    assert (links != np.arange(len(X))[:, None]).all()
    assert indices.min() >= 0


@pytest.mark.parametrize("metric", METRICS)
def test_following_links_makes_good_lists_of_bad_ones(metric):
    X = rows(1500, 8, metric=metric)
    k = 20
    D = distances(X, X, metric)
    np.fill_diagonal(D, np.inf)
    _, _, links = linked(X, metric, 40, 24, 40)
    indices, found = empty(1500, k)
    candidates = np.random.default_rng(0).integers(1500, size=(1500, 5)).astype(np.int32)
    rank_candidates(X, 0, X, metric, candidates, indices, found, 1)
    before = found.copy()
    follow_links(X, 0, X, metric, links, k, indices, found, 2)
    assert (found <= before).all()
    assert (indices >= 0).all()
    assert (indices != np.arange(1500)[:, None]).all()
    assert (np.diff(np.sort(indices, axis=1), axis=1) > 0).all()
    assert (np.diff(found, axis=1) >= 0).all()
    np.testing.assert_allclose(
        found, np.take_along_axis(D, indices.astype(int), axis=1), rtol=1e-5, atol=1e-6
    )
    farthest = np.partition(D, k - 1, axis=1)[:, k - 1 : k]
    assert np.mean(found <= farthest * (1 + 1e-5)) > 0.98


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_same_bits_for_any_number_of_threads(threads):
    X = rows(2000, 10)
    candidates = np.random.default_rng(0).integers(2000, size=(2000, 15)).astype(np.int32)

    def search(n_threads):
        indices, found = empty(2000, 25)
        rank_candidates(X, 0, X, "sqeuclidean", candidates, indices, found, n_threads)
        links = np.empty((2000, 16), dtype=np.int32)
        link_rows(X, "sqeuclidean", indices, found, 25, links, n_threads)
        follow_links(X, 0, X, "sqeuclidean", links, 25, indices, found, n_threads)
        exact = empty(2000, 25)
        scan_rows(X, 0, X, "sqeuclidean", *exact, n_threads)
        return indices, found, links, *exact

    for one, many in zip(search(1), search(threads), strict=True):
        np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize("isa", ["baseline", "avx2"])
def test_other_instruction_sets_find_the_same(isa):
    """Other instruction sets round differently, but find the same neighbors."""
    code = (
        "import numpy as np, sys\n"
        "from tsnekit._native.refine import scan_rows\n"
        "X = np.round(np.random.default_rng(0).normal(size=(500, 21)) * 8).astype(np.float32)\n"
        "I, D = np.empty((500, 9), np.int32), np.empty((500, 9), np.float32)\n"
        "scan_rows(X, 0, X, 'sqeuclidean', I, D, 1)\n"
        "sys.stdout.buffer.write(I.tobytes() + D.tobytes())\n"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-I", "-c", code],
            env=os.environ | {"TSNEKIT_ISA": name},
            capture_output=True,
            check=True,
        ).stdout
        for name in (isa, "avx512")
    ]
    assert outputs[0] == outputs[1]


def test_nothing_to_do():
    X = rows(5, 3)
    lists = empty(0, 4)
    scan_rows(X[:0], -1, X, "sqeuclidean", *lists, 2)
    lists = empty(5, 0)
    scan_rows(X, 0, X, "sqeuclidean", *lists, 2)


def test_unknown_metric():
    X = rows(5, 3)
    with pytest.raises(ValueError, match="sqeuclidean"):
        scan_rows(X, 0, X, "cosine", *empty(5, 2), 1)
