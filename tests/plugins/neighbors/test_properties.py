"""Properties of every search that claims a metric, on the tables that Hypothesis makes up."""

import warnings
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

from helpers.neighbors import problem
from helpers.representations import DENSE, SPARSE
from tsnekit._backends.registry import default_registry
from tsnekit.affinity import Uniform
from tsnekit.plugins.neighbors import exact, pynndescent
from tsnekit.plugins.neighbors._rows import approximate

METRICS = ["euclidean", "manhattan", "cosine"]
SEARCHES = ["exact", "annoy", "forest", "hnsw", "pynndescent"]
SPECS = {name: default_registry().get("neighbors", name).spec for name in SEARCHES}
K = 3
quick = settings(max_examples=20, deadline=None)

# Both sides of every size that decides how a search is done.
LARGE = (
    patch.object(exact, "TREE_MIN_ROWS", 5),
    patch.object(approximate, "FEW_ROWS", 5),
)


def true_distances(queries, X, metric):
    """Return distances in float64, of differences that neither overflow nor vanish when squared."""
    queries, X = queries.astype(np.float64), X.astype(np.float64)
    if metric == "cosine":
        queries, X = unit(queries), unit(X)
    difference = np.abs(queries[:, None] - X)
    largest = difference.max(axis=2)
    shares = difference / np.where(largest == 0, 1, largest)[:, :, None]
    if metric == "manhattan":
        return largest * shares.sum(axis=2)
    distances = largest * np.sqrt((shares**2).sum(axis=2))
    return distances**2 / 2 if metric == "cosine" else distances


def unit(X):
    """Return rows of length 1; one more column marks those that have no direction."""
    largest = np.abs(X).max(axis=1, keepdims=True)
    shares = X / np.where(largest == 0, 1, largest)
    lengths = np.linalg.norm(shares, axis=1, keepdims=True)
    return np.hstack([shares / np.where(lengths == 0, 1, lengths), lengths == 0])


def check(graph, D, metric, least):
    k = graph.indices.shape[1]
    kth = np.partition(D, k - 1, axis=1)[:, k - 1 : k]
    own = np.take_along_axis(D, graph.indices.astype(int), axis=1)
    smallest = 1e-24 if metric == "cosine" else 1e-44  # of rows of length 1, or a float32
    np.testing.assert_allclose(graph.distances, own, rtol=3e-6, atol=smallest)
    assert np.mean(own <= kth * (1 + 3e-6) + smallest) >= least


def able(metric, X):
    """Yield the searches that claim a metric, and the table as each kind that they claim."""
    for name, spec in SPECS.items():
        for given_rows in (X, sparse.csr_matrix(X)):
            if not spec.unmet(problem(given_rows, metric=metric)):
                yield name, spec, given_rows


NUMBERS = st.one_of(st.sampled_from([0.0, 1.0, -2.0]), st.floats(-1, 1).map(lambda x: round(x, 9)))


@st.composite
def hard_tables(draw):
    """Rows of any unit and offset; some are copies or near copies, some are absurd."""
    n, p = draw(st.integers(10, 30)), draw(st.integers(1, 4))
    X = draw(arrays(np.float64, (n, p), elements=NUMBERS))
    near = draw(st.integers(0, n // 2))
    X[:near] = X[-near - 1 : -1][::-1] * (1 + draw(st.sampled_from([0, 1e-9, 1e-5])))
    X = X * 2.0 ** draw(st.sampled_from([-100, -70, -20, 0, 3, 60]))
    X = X + np.abs(X).max() * draw(st.sampled_from([0, 0, 1e3, 1e9]))
    absurd = draw(st.integers(0, 2))
    X[1 : 1 + absurd] = draw(st.sampled_from([-9999.0, 1e20, 1e30]))
    return X.astype(draw(st.sampled_from([np.float32, np.float64])))


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("metric", METRICS)
@quick
@given(X=hard_tables(), shift=st.sampled_from([0.0, 0.25]))
@example(X=np.array([[0.0], [1.0]] + [[1.47e-22]] * 15), shift=0.0)
def test_neighbors_are_the_true_ones(metric, large, X, shift):
    own = true_distances(X, X, metric)
    np.fill_diagonal(own, np.inf)
    new = (X[:4] + shift * np.abs(X[4:8])).astype(X.dtype)
    to_new = true_distances(new, X, metric)
    for name, spec, rows in able(metric, X):
        if large:
            with LARGE[0], LARGE[1]:
                fitted = spec.load()().fit(rows, problem(rows, metric=metric))
                found = fitted.neighbors(K)
        else:
            fitted = spec.load()().fit(rows, problem(rows, metric=metric))
            found = fitted.neighbors(K)
        least = 1.0 if name in ("exact", "pynndescent") else spec.recall
        check(found, own, metric, least)
        queries = new if rows is X else sparse.csr_matrix(new)
        check(fitted.query(queries, K), to_new, metric, least if spec.exact else 0.9)


@pytest.mark.slow
@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("metric", METRICS)
def test_descent_finds_what_exact_search_does(metric, convert):
    """PyNNDescent above its threshold, on tables of every unit and offset."""
    rng = np.random.default_rng(0)
    for offset in (0, 1e3, 1e9):
        for scale in (1e-30, 1, 1e20):
            X = (rng.normal(size=(400, 4)) + offset) * scale
            X[::50] = X[1::50]
            rows = convert(X)
            own = true_distances(X, X, metric)
            np.fill_diagonal(own, np.inf)
            search = pynndescent.PyNNDescentSearch(min_rows=0)
            found = search.fit(rows, problem(rows, metric=metric)).neighbors(10)
            check(found, own, metric, SPECS["pynndescent"].recall)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@quick
@given(
    X=arrays(
        np.float64, st.tuples(st.integers(8, 25), st.integers(1, 5)), elements=st.integers(0, 9)
    ),
    dense=st.sampled_from(sorted(DENSE)),
    scattered=st.sampled_from(sorted(SPARSE)),
)
def test_equal_data_has_equal_neighbors(X, dense, scattered):
    """In any representation, from every search, among the data and for new rows."""
    for name, spec in SPECS.items():
        kinds = [np.asarray, DENSE[dense]]
        graphs = [neighbors_of(name, X, kind) for kind in kinds]
        if spec.sparse:
            graphs += [neighbors_of(name, X, k) for k in (sparse.csr_matrix, SPARSE[scattered])]
        for graph in graphs[1:]:
            for found, expected in zip(graph, graphs[0], strict=True):
                np.testing.assert_allclose(found.distances, expected.distances, rtol=3e-6)
        for pair in (graphs[:2], graphs[2:]):
            for found, expected in zip(*pair, strict=True) if pair else ():
                np.testing.assert_array_equal(found.indices, expected.indices)


def neighbors_of(name, X, convert):
    index = Uniform(convert(X), k_neighbors=4, method=name, random_state=0).knn_index
    return index.neighbors(4), index.query(convert(X[:3] + 1), 4)


@pytest.mark.parametrize("name", SEARCHES)
@quick
@given(
    rows=st.sets(st.integers(0, 29), min_size=1, max_size=5),
    value=st.sampled_from([-9999.0, -1e10, 1e20, 1e37]),
    seed=st.integers(0, 99),
)
def test_absurd_rows_take_nothing_from_others(name, rows, value, seed):
    X = np.random.default_rng(seed).normal(size=(80, 4))
    new = np.random.default_rng(seed + 100).normal(size=(30, 4))
    spoiled, spoiled_new = X.copy(), new.copy()
    spoiled[sorted(rows)] = spoiled_new[sorted(rows)] = value
    others = np.setdiff1d(np.arange(80), sorted(rows))
    D = true_distances(X[others], spoiled, "euclidean")
    D[np.arange(len(others)), others] = np.inf
    fitted = SPECS[name].load()().fit(spoiled, problem(spoiled))
    graph = fitted.neighbors(5)
    found = type(graph)(graph.indices[others], graph.distances[others])
    check(found, D, "euclidean", SPECS[name].recall)
    plain, batch = fitted.query(new, 5), fitted.query(spoiled_new, 5)
    kept = np.setdiff1d(np.arange(30), sorted(rows))
    np.testing.assert_array_equal(batch.indices[kept], plain.indices[kept])
    np.testing.assert_array_equal(batch.distances[kept], plain.distances[kept])


# -- Rows for which a metric has no value ------------------------------------------------------

UNDEFINED = {
    "cosine": 0.0,
    "correlation": 2.5,
    "braycurtis": 0.0,
    "canberra": 0.0,
    "jaccard": 0.0,
    "dice": 0.0,
    "sokalsneath": 0.0,
}


def result_of(search, rows, metric):
    """Return the distances that a search finds, or what it says."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return search.fit(rows, problem(rows, metric=metric)).neighbors(9).distances
        except ValueError as error:
            return str(error)


def with_undefined_rows(metric):
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 2, size=(300, 6)) * (rng.random((300, 6)) > 0.3)
    X[[3, 77, 200]] = UNDEFINED[metric] * np.array([[1], [1], [0.2]])
    return X


@pytest.mark.parametrize("metric", UNDEFINED)
def test_rows_without_a_value_are_alike_everywhere(metric):
    X = with_undefined_rows(metric)
    expected = result_of(SPECS["exact"].load()(), X, metric)
    for name, spec, rows in able(metric, X):
        found = result_of(spec.load()(), rows, metric)
        if isinstance(expected, str) or isinstance(found, str):
            assert found == expected, name
        np.testing.assert_allclose(found[[3, 77, 200]], expected[[3, 77, 200]], atol=1e-6)
        assert np.isclose(found, expected, rtol=1e-5, atol=1e-6).mean() >= spec.recall


@pytest.mark.slow
@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("metric", UNDEFINED)
def test_rows_without_a_value_are_alike_in_descent(metric, convert):
    X = with_undefined_rows(metric)
    expected = result_of(SPECS["exact"].load()(), X, metric)
    found = result_of(pynndescent.PyNNDescentSearch(min_rows=0), convert(X), metric)
    if isinstance(expected, str) or isinstance(found, str):
        assert found == expected
    np.testing.assert_allclose(found[[3, 77, 200]], expected[[3, 77, 200]], atol=1e-6)
    assert np.isclose(found, expected, rtol=1e-5, atol=1e-6).mean() >= 0.95
