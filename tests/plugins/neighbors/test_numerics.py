"""The same neighbors for the same table, whatever its offset, unit, scale, kind or backend."""

import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from scipy.spatial.distance import cdist

from helpers.neighbors import problem
from tsnekit.errors import ConvergenceWarning
from tsnekit.plugins.neighbors import exact
from tsnekit.plugins.neighbors._rows import approximate
from tsnekit.plugins.neighbors.annoy import AnnoySearch
from tsnekit.plugins.neighbors.exact import ExactSearch
from tsnekit.plugins.neighbors.forest import ForestSearch
from tsnekit.plugins.neighbors.hnsw import HNSWSearch
from tsnekit.plugins.neighbors.pynndescent import PyNNDescentSearch

SEARCHES = {
    "exact": ExactSearch,
    "tree": lambda: ExactSearch(algorithm="tree", leaf_size=7),
    "annoy": AnnoySearch,
    "forest": ForestSearch,
    "hnsw": HNSWSearch,
    "pynndescent of few rows": PyNNDescentSearch,
}
CITY = {"manhattan": "cityblock"}


def rows(n=600, p=4):
    return np.random.default_rng(0).normal(size=(n, p))


def groups_apart(distance, n=600):
    X = rows(n)
    X[:, 0] += np.arange(n) % 5 * distance
    return X


def one_column(offset, n=600):
    X = rows(n)
    X[:, 1] += offset
    return X


def beside_huge_rows(size):
    X = rows()
    X[::100] = size
    X[::100, 0] *= np.arange(1, 7)
    return X


TABLES = {
    "as it is": rows(),
    "times 1e-30": rows() * 1e-30,
    "times 1e30": rows() * 1e30,
    "seconds since 1970": one_column(1.7e9),
    "offset 1e12": rows() + 1e12,
    "groups 1e3 apart": groups_apart(1e3),
    "groups 3e7 apart": groups_apart(3e7),
    "groups 1e9 apart": groups_apart(1e9),
    "a year of seconds": one_column(np.random.default_rng(1).uniform(0, 3e7, size=600)),
    "metres of a projection": rows() * 0.01 + [4.5e5, 5.4e6, 0, 0],
    "beside rows of 1e20": beside_huge_rows(1e20),
    "beside rows of 1e36": beside_huge_rows(1e36),
    "near copies": np.repeat(rows(60), 10, axis=0) + 1e-7 * rows(),
}


def true_distances(queries, X, metric):
    """Return distances in float64, scaled so that no square overflows or underflows."""
    scale = 1.0
    if metric != "cosine":
        scale = 2.0 ** -np.frexp(np.median(np.abs(X - np.median(X, axis=0))))[1]
    queries, X = queries.astype(np.float64) * scale, X.astype(np.float64) * scale
    if metric == "cosine":
        queries, X = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (queries, X))
        return cdist(queries, X, "sqeuclidean") / 2
    factor = scale**2 if metric == "sqeuclidean" else scale
    return cdist(queries, X, CITY.get(metric, metric)) / factor


def check(graph, distances, least=1.0):
    """Compare a graph with true distances. The distance from a row to itself is infinite there."""
    k = graph.indices.shape[1]
    kth = np.partition(distances, k - 1, axis=1)[:, k - 1 : k]
    own = np.take_along_axis(distances, graph.indices.astype(int), axis=1)
    np.testing.assert_allclose(graph.distances, own, rtol=2e-6)
    assert np.mean(own <= kth * (1 + 2e-6)) >= least
    assert (np.diff(graph.distances, axis=1) >= 0).all()


def truth(X, metric):
    D = true_distances(X, X, metric)
    np.fill_diagonal(D, np.inf)
    return D


def search(name, X, metric="euclidean", **facts):
    return SEARCHES[name]().fit(X, problem(X, metric=metric, **facts))


def skip_what_no_search_can_hold(X, metric):
    squares = np.array([np.ptp(X), np.median(X.std(axis=0))]) ** 2
    if metric == "sqeuclidean" and not (squares.max() < 1e38 and squares.min() > 1e-38):
        pytest.skip("float32 cannot hold the squares")
    if metric == "cosine" and (np.ptp(X, axis=0) < 1e-10 * np.abs(X).max(axis=0)).all():
        pytest.skip("float64 cannot tell the angles")


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "manhattan", "cosine"])
def test_tables(name, metric, table):
    if (name, metric) in (("hnsw", "manhattan"), ("tree", "cosine")):
        pytest.skip("does not have the metric")
    X = TABLES[table]
    skip_what_no_search_can_hold(X, metric)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        fitted = search(name, X, metric, n_jobs=2)
        graph = fitted.neighbors(12)
    least = 1.0 if name in ("exact", "tree", "pynndescent of few rows") else 0.95
    check(graph, truth(X, metric), least)
    new = X[::50] + 0.25 * np.abs(X[::50] - np.median(X, axis=0)).clip(max=1)
    check(fitted.query(new, 12), true_distances(new, X, metric), least)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "manhattan", "cosine"])
def test_sparse_tables(metric, table):
    X = np.where(np.abs(TABLES[table]) > 0.5 * np.abs(TABLES[table]).mean(), TABLES[table], 0)
    if table == "near copies":
        X = TABLES[table] * (np.arange(4) < 3)
    skip_what_no_search_can_hold(X, metric)
    given = sparse.csr_matrix(X)
    dense = search("exact", X, metric).neighbors(12)
    fitted = search("exact", given, metric)
    found = fitted.neighbors(12)
    np.testing.assert_allclose(found.distances, dense.distances, rtol=2e-6, atol=1e-14)
    np.testing.assert_allclose(
        fitted.query(given[:40], 12).distances,
        search("exact", X, metric).query(X[:40], 12).distances,
        rtol=2e-6,
        atol=1e-14,
    )


@pytest.mark.parametrize("name", ["exact", "forest", "annoy", "hnsw"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_crossing_a_threshold_changes_nothing_but_time(name, dtype, monkeypatch):
    X = (groups_apart(3e7) * [1, 1e-3, 1, 1]).astype(dtype)
    few = search("exact", X).neighbors(12)
    monkeypatch.setattr(exact, "TREE_MIN_ROWS", 10)
    many = search(name, X).neighbors(12)
    share = np.mean(few.distances == many.distances)
    assert share == 1.0 if name == "exact" else share >= 0.95


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        np.float64,
        st.tuples(st.integers(5, 20), st.integers(1, 3)),
        elements=st.floats(-1, 1).filter(lambda x: x == 0 or abs(x) > 1e-12),
    ),
    st.sampled_from([1e-140, 1e-22, 1.0, 2.0**-3, 1e15]),
    st.floats(-1e9, 1e9),
    st.sampled_from(["euclidean", "manhattan"]),
)
@example(np.array([[0.0], [1.0]] + [[1.47e-22]] * 15), 1.0, 0.0, "euclidean")
def test_exact_is_exact_whatever_the_numbers(X, scale, offset, metric):
    X = X * scale + offset
    factor = 2.0 ** np.frexp(np.abs(X - X[0]).max())[1]
    D = cdist(X / factor, X / factor, CITY.get(metric, metric)) * factor
    np.fill_diagonal(D, np.inf)
    for given_rows in (X, sparse.csr_matrix(X)):
        found = search("exact", given_rows, metric).neighbors(3).distances
        expected = np.sort(D, axis=1)[:, :3]
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-44)


def test_distances_beside_a_one():
    """A large row limits the scale, so that squares of small numbers underflow in float32."""
    X = np.full((17, 1), 1.47e-22)
    X[0], X[1] = 0, 1
    for name in ("exact", "forest"):
        found = search(name, X).neighbors(3).distances
        np.testing.assert_allclose(found[0], 1.47e-22, rtol=1e-6)


def test_haversine_within_a_street():
    centre = np.radians([48.1, 11.6])
    X = centre + np.random.default_rng(0).uniform(size=(300, 2)) * 3e-5
    found = search("exact", X, "haversine").neighbors(10)
    a, b = X[:, None], X[None]
    h = np.sin((a - b)[..., 0] / 2) ** 2
    h = h + np.cos(a[..., 0]) * np.cos(b[..., 0]) * np.sin((a - b)[..., 1] / 2) ** 2
    D = 2 * np.arcsin(np.sqrt(h))
    np.fill_diagonal(D, np.inf)
    check(found, D)


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["haversine", "minkowski", "chebyshev", "canberra"])
def test_descent_measures_again_in_float64(metric):
    """PyNNDescent itself measures distances between float32 rows."""
    X = np.radians([48.1, 11.6]) + rows(800, 2) * 1e-6
    if metric != "haversine":
        X = X + 1e6
    found = PyNNDescentSearch(min_rows=0).fit(X, problem(X, metric=metric)).neighbors(10)
    expected = search("exact", X, metric).neighbors(10)
    np.testing.assert_allclose(found.distances, expected.distances, rtol=1e-6)


@pytest.mark.parametrize("name", ["annoy", "forest", "hnsw"])
def test_a_warning_says_what_float32_lost(name, monkeypatch):
    monkeypatch.setattr(approximate, "MOST_SCANNED_PRECISELY", 0)
    X = groups_apart(1e9)
    with pytest.warns(ConvergenceWarning, match=r"float32 cannot tell .* of \d+ rows apart"):
        search(name, X).neighbors(12)


def test_distances_too_large_for_float32_name_the_row():
    X = rows()
    X[7] = 1e60
    with pytest.raises(
        ValueError, match=r"row 7 has a finite distance to only 0 other rows.*float32"
    ):
        search("exact", X).neighbors(5)
