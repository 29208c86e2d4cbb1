"""The forest of random projection trees keeps its promises about each tree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tsnekit._native.forest import ProjectionForest

METRICS = ("sqeuclidean", "manhattan", "hamming")


def rows(n, p, seed=0):
    return np.round(np.random.default_rng(seed).normal(size=(n, p)) * 2).astype(np.float32)


def seeds(n, seed=0):
    return np.random.default_rng(seed).integers(2**63, size=n, dtype=np.uint64)


def mates(forest, queries, first, k, n_threads=1):
    indices = np.full((len(queries), k), -7, dtype=np.int32)
    distances = np.full((len(queries), k), np.nan, dtype=np.float32)
    forest.rank(queries, first, indices, distances, n_threads)
    return indices, distances


def grown(X, metric="sqeuclidean", n_trees=1, depth=3, seed=0):
    forest = ProjectionForest(X, metric, n_trees, depth)
    forest.grow(0, seeds(n_trees, seed), 1)
    return forest


@settings(max_examples=80, deadline=None)
@given(
    n=st.integers(1, 150),
    p=st.integers(1, 6),
    depth=st.integers(0, 7),
    metric=st.sampled_from(METRICS),
    seed=st.integers(0, 99),
)
def test_one_tree_divides_rows_into_leaves_of_equal_size(n, p, depth, metric, seed):
    depth = min(depth, n.bit_length() - 1)
    X = rows(n, p, seed)
    indices, distances = mates(grown(X, metric, 1, depth, seed), X, 0, n)
    leaves = {frozenset([i, *row[row >= 0].tolist()]) for i, row in enumerate(indices)}
    assert sorted(i for leaf in leaves for i in leaf) == list(range(n))
    assert len(leaves) == 2**depth
    assert {len(leaf) for leaf in leaves} <= {n >> depth, (n >> depth) + 1}
    difference = X[:, None] - X[np.maximum(indices, 0)]
    expected = {
        "sqeuclidean": (difference**2).sum(axis=2),
        "manhattan": np.abs(difference).sum(axis=2),
        "hamming": (difference != 0).sum(axis=2),
    }[metric]
    np.testing.assert_array_equal(distances, np.where(indices < 0, np.inf, expected))
    assert (distances[:, 1:] >= distances[:, :-1]).all()


@pytest.mark.parametrize("metric", ["sqeuclidean", "manhattan"])
def test_new_rows_come_to_the_leaf_of_equal_ones(metric):
    X = np.random.default_rng(0).normal(size=(500, 5)).astype(np.float32)
    forest = grown(X, metric, depth=5)
    among, _ = mates(forest, X, 0, 40)
    new, distances = mates(forest, X, -1, 40)
    same = (new == np.arange(500)[:, None]).any(axis=1)
    assert same.mean() > 0.98  # few rows are no nearer to a pole than the median
    assert (distances[same, 0] == 0).all()
    for i in np.flatnonzero(same):
        assert set(new[i]) - {i} == set(among[i])


def test_neighbors_share_leaves():
    X = np.random.default_rng(0).normal(size=(4_000, 8)).astype(np.float32)
    found, _ = mates(grown(X, n_trees=8, depth=7), X, 0, 10)
    D = ((X[:200, None].astype(float) - X) ** 2).sum(axis=2)
    D[np.arange(200), np.arange(200)] = np.inf
    nearest = np.argsort(D, axis=1)[:, :10]
    shared = [np.isin(a, b).mean() for a, b in zip(nearest, found[:200], strict=True)]
    assert np.mean(shared) > 0.6  # by chance it would be 0.06


def test_trees_divide_equal_rows_differently():
    X = np.ones((1_024, 3), dtype=np.float32)
    found, distances = mates(grown(X, n_trees=6, depth=6), X, 0, 90)
    counts = (found >= 0).sum(axis=1)
    assert counts.min() > 60, "one leaf has 15 others"
    assert set(np.unique(distances)) == {0.0, np.inf}


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_rows_with_undefined_distances_get_a_leaf(value):
    X = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    X[::7, 1] = value
    forest = grown(X, n_trees=2, depth=4)
    for first in (0, -1):
        indices, distances = mates(forest, X, first, 30)
        assert indices.max() < 300
        assert not np.isnan(distances).any()


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_same_bits_for_any_number_of_threads(threads):
    X = rows(3_000, 6)

    def search(n_threads):
        forest = ProjectionForest(X, "sqeuclidean", 5, 6)
        forest.grow(0, seeds(5)[:2], n_threads)
        forest.grow(2, seeds(5)[2:], n_threads)
        return *mates(forest, X, 0, 30, n_threads), *mates(forest, X[:999], -1, 30, n_threads)

    for one, many in zip(search(1), search(threads), strict=True):
        np.testing.assert_array_equal(one, many)


def test_another_seed_grows_another_tree():
    X = rows(500, 6)
    assert (mates(grown(X, seed=0), X, 0, 9)[0] != mates(grown(X, seed=1), X, 0, 9)[0]).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((rows(5, 3), "cosine", 1, 1), "sqeuclidean"),
        ((rows(5, 3), "hamming", 0, 1), "n_trees must be at least 1, got 0"),
        ((rows(5, 3), "hamming", 1, 3), "depth must leave a row to each leaf, got 3"),
        ((rows(5, 3), "hamming", 1, -1), "depth must leave a row to each leaf, got -1"),
        ((rows(5, 3)[:0], "hamming", 1, 0), "there must be rows"),
    ],
)
def test_bad_forests_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ProjectionForest(*arguments)


@pytest.mark.parametrize("first", [-1, 1, 2**31 - 1])
def test_trees_beyond_the_last_are_refused(first):
    with pytest.raises(ValueError, match="there are 2 trees"):
        ProjectionForest(rows(5, 3), "hamming", 2, 1).grow(first, seeds(2), 1)
