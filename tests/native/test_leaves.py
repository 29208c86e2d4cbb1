"""Scans of the nodes of trees, and other names for the rows of lists."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tsnekit._native.forest import ProjectionForest, rename_rows

METRICS = ("sqeuclidean", "manhattan", "hamming")


def rows(n, p, seed=0):
    return np.round(np.random.default_rng(seed).normal(size=(n, p)) * 2).astype(np.float32)


def grown(X, metric, n_trees, depth, seed=0):
    forest = ProjectionForest(X, metric, n_trees, depth)
    forest.grow(0, np.random.default_rng(seed).integers(2**63, size=n_trees, dtype=np.uint64), 1)
    return forest


def empty(n, k):
    return np.full((n, k), -1, dtype=np.int32), np.full((n, k), np.inf, dtype=np.float32)


def scanned(forest, n, k, trees, level, n_threads=1):
    lists = empty(n, k)
    for tree in range(trees):
        half = 2**level // 2
        forest.scan(tree, level, 0, half, *lists, n_threads)
        forest.scan(tree, level, half, 2**level, *lists, n_threads)
    return lists


def all_distances(X, metric):
    difference = X[:, None].astype(np.float64) - X
    return {
        "sqeuclidean": (difference**2).sum(axis=2),
        "manhattan": np.abs(difference).sum(axis=2),
        "hamming": (difference != 0).sum(axis=2).astype(float),
    }[metric]


@settings(max_examples=80, deadline=None)
@given(
    n=st.integers(1, 150),
    p=st.integers(1, 20),
    k=st.integers(1, 40),
    trees=st.integers(1, 3),
    depth=st.integers(0, 5),
    above=st.integers(0, 5),
    metric=st.sampled_from(METRICS),
    seed=st.integers(0, 99),
)
def test_lists_hold_the_nearest_rows_of_all_nodes(n, p, k, trees, depth, above, metric, seed):
    depth = min(depth, n.bit_length() - 1)
    level = max(0, depth - above)
    X = rows(n, p, seed)
    forest = grown(X, metric, trees, depth, seed)
    indices, distances = scanned(forest, n, k, trees, level)
    together = np.zeros((n, n), dtype=bool)
    for tree in range(trees):
        order = forest.order(tree)
        assert sorted(order) == list(range(n))
        for node in range(2**level):
            members = order[node * n >> level : (node + 1) * n >> level]
            together[np.ix_(members, members)] = True
    np.fill_diagonal(together, False)
    D = np.where(together, all_distances(X, metric), np.inf)
    wanted = np.full((n, k), np.inf)
    nearest = np.sort(D, axis=1)[:, :k]
    wanted[:, : nearest.shape[1]] = nearest
    np.testing.assert_array_equal(distances, wanted)
    np.testing.assert_array_equal(indices < 0, np.isinf(distances))
    for i, (row, found) in enumerate(zip(indices, distances, strict=True)):
        known = row[row >= 0]
        assert len(set(known)) == len(known)
        np.testing.assert_array_equal(D[i, known], found[: len(known)])
        ties = np.diff(found[: len(known)]) == 0
        assert (np.diff(known)[ties] > 0).all()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("threads", [2, 3, 7])
def test_same_bits_for_any_number_of_threads(metric, threads):
    X = np.random.default_rng(0).normal(size=(3_000, 11)).astype(np.float32)
    forest = grown(X, metric, 3, 6)
    one, many = (scanned(forest, 3_000, 30, 3, 4, n_threads) for n_threads in (1, threads))
    np.testing.assert_array_equal(one[0], many[0])
    np.testing.assert_array_equal(one[1], many[1])


def test_rows_far_from_the_origin_find_the_nearest():
    X = (np.random.default_rng(0).normal(size=(400, 6)) + 1e4).astype(np.float32)
    forest = grown(X, "sqeuclidean", 1, 0)
    _, distances = scanned(forest, 400, 10, 1, 0)
    wanted = np.sort(all_distances(X, "sqeuclidean") + np.diag(np.full(400, np.inf)), axis=1)
    np.testing.assert_allclose(distances, wanted[:, :10], rtol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_undefined_distances_are_left_out(value):
    X = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    X[::7, 1] = value
    indices, distances = scanned(grown(X, "sqeuclidean", 2, 3), 300, 20, 2, 1)
    assert -1 <= indices.min() <= indices.max() < 300
    np.testing.assert_array_equal(indices < 0, np.isinf(distances))
    assert not np.isnan(distances).any()


def test_rows_get_other_names():
    rng = np.random.default_rng(0)
    names = rng.permutation(50).astype(np.int32)
    distances = np.sort(rng.integers(0, 6, size=(600, 9)), axis=1).astype(np.float32)
    indices = np.argsort(rng.random((600, 50)), axis=1)[:, :9].astype(np.int32)
    indices[::3, 7:], distances[::3, 7:] = -1, np.inf
    renamed = np.where(indices < 0, -1, names[indices])
    place = np.lexsort((renamed, distances))
    wanted = np.take_along_axis(renamed, place, axis=1)
    for n_threads in (1, 3):
        found = indices.copy()
        rename_rows(found, distances, names, n_threads)
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((2, 1, 0, 1), "tree must be from 0 to 1, got 2"),
        ((-1, 1, 0, 1), "tree must be from 0 to 1, got -1"),
        ((0, 4, 0, 1), "level must be from 0 to 3, got 4"),
        ((0, 2, 0, 5), "nodes must be from 0 to 4, got 0 to 5"),
        ((0, 2, 3, 2), "nodes must be from 0 to 4, got 3 to 2"),
    ],
)
def test_bad_nodes_are_refused(arguments, message):
    forest = grown(rows(60, 3), "sqeuclidean", 2, 3)
    with pytest.raises(ValueError, match=message):
        forest.scan(*arguments, *empty(60, 5), 1)


def test_bad_lists_are_refused():
    forest = grown(rows(60, 3), "sqeuclidean", 2, 3)
    with pytest.raises(ValueError, match="indices must have length 60, got 59"):
        forest.scan(0, 1, 0, 1, *empty(59, 5), 1)
    with pytest.raises(ValueError, match="tree must be from 0 to 1, got 5"):
        forest.order(5)
    indices, distances = empty(4, 3)
    with pytest.raises(ValueError, match="distances must have shape"):
        rename_rows(indices, distances[:, :2].copy(), np.arange(4, dtype=np.int32), 1)
    indices[1, 2] = 4
    with pytest.raises(ValueError, match="indices must be from -1 to 3, got -1 to 4"):
        rename_rows(indices, distances, np.arange(4, dtype=np.int32), 1)
