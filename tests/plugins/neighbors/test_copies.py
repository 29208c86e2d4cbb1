"""Copies and near copies of rows, and searches that estimate their recall."""

import numpy as np
import pytest

from helpers.neighbors import exact, problem
from tsnekit.errors import ConvergenceWarning
from tsnekit.plugins.neighbors._rows import approximate
from tsnekit.plugins.neighbors._rows.copies import Copies
from tsnekit.plugins.neighbors.annoy import AnnoySearch
from tsnekit.plugins.neighbors.forest import ForestSearch
from tsnekit.plugins.neighbors.hnsw import HNSWSearch

SEARCHES = [AnnoySearch, ForestSearch, HNSWSearch]
every = pytest.mark.parametrize("search", SEARCHES)


def near_copies(group, noise, n=3000, p=100):
    rng = np.random.default_rng(0)
    return np.repeat(rng.normal(size=(n // group, p)), group, axis=0) + noise * rng.normal(
        size=(n, p)
    )


def zero_rows():
    X = np.random.default_rng(0).normal(size=(3000, 32))
    X[::100] = 0
    return X


TABLES = {
    "copies": near_copies(10, 0.0),
    "near copies": near_copies(10, 1e-5),
    "twenty near copies": near_copies(20, 1e-3),
    "zero rows": zero_rows(),
    "one value for all but a few": np.where(np.arange(3000)[:, None] % 50, 1.0, zero_rows()),
    "quantised": np.round(np.random.default_rng(0).normal(size=(3000, 3)) * 3),
}


def share(found, true):
    """Return the share of neighbors that are as near as true ones."""
    kth = true.distances[:, -1:]
    return np.mean(found.distances <= kth * (1 + 1e-5) + 1e-9)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@every
def test_every_promise_is_kept(search, metric, table):
    X = TABLES[table]
    fitted = search().fit(X, problem(X, metric=metric, n_jobs=2))
    found, true = fitted.neighbors(45), exact(X, metric=metric).neighbors(45)
    assert share(found, true) >= search.MIN_RECALL
    assert search.MIN_RECALL <= fitted.estimated_recall <= 1
    assert not (found.indices == np.arange(3000)[:, None]).any()
    ordered = np.sort(found.indices, axis=1)
    assert (ordered[:, 1:] != ordered[:, :-1]).all()


@every
def test_new_rows_find_all_copies(search):
    X = near_copies(10, 0.0)
    fitted = search().fit(X, problem(X, needs_query=True))
    found = fitted.query(X[::100], 12)
    assert (found.indices[:, :10] // 10 == np.arange(0, 300, 10)[:, None]).mean() > 0.9
    assert share(found, exact(X).query(X[::100], 12)) >= 0.95


@every
def test_low_recall_is_reported(search, monkeypatch):
    monkeypatch.setattr(search, "MIN_RECALL", 1.1)
    monkeypatch.setattr(approximate, "MOST_SCANNED", 0)
    X = near_copies(1, 0.0, n=600)
    name = search.__name__
    with pytest.warns(ConvergenceWarning, match=f"{name} found only about .* of the 7 nearest"):
        search().fit(X, problem(X)).neighbors(7)


@every
def test_few_rows_are_measured_instead(search, monkeypatch):
    monkeypatch.setattr(search, "MIN_RECALL", 1.1)
    X = near_copies(1, 0.0, n=600)
    fitted = search().fit(X, problem(X))
    np.testing.assert_array_equal(fitted.neighbors(7).indices, exact(X).neighbors(7).indices)
    assert fitted.estimated_recall == 1


def test_groups_of_equal_rows():
    rows = np.float32([[1, 2], [0.0, 3], [1, 2], [5, 5], [-0.0, 3], [1, 2]])
    copies = Copies.of(rows)
    np.testing.assert_array_equal(copies.group, [0, 1, 0, 2, 1, 0])
    np.testing.assert_array_equal(copies.first, [0, 1, 3])
    lists = np.int32([[1, 2], [0, 2], [1, 0]]), np.float32([[1, 4], [1, 2], [2, 4]])
    indices, distances = copies.expand(lists, 4)
    np.testing.assert_array_equal(indices[0], [2, 5, 1, 4])
    np.testing.assert_array_equal(indices[4], [1, 0, 2, 5])
    np.testing.assert_array_equal(indices[3], [1, 4, 0, 2])
    np.testing.assert_array_equal(distances[3], [2, 2, 4, 4])
    assert Copies.of(rows[[0, 1, 3]]) is None
