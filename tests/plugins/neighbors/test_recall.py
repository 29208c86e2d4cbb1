"""Every approximate search keeps its promise on data that is hard, and knows what it found."""

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist

from helpers.neighbors import problem
from tsnekit.errors import ConvergenceWarning
from tsnekit.plugins.neighbors import tsnekit_neighbor_searches
from tsnekit.plugins.neighbors._rows import approximate
from tsnekit.plugins.neighbors._rows.sample import Sample, spread_rows
from tsnekit.plugins.neighbors.annoy import AnnoySearch
from tsnekit.plugins.neighbors.forest import ForestSearch
from tsnekit.plugins.neighbors.hnsw import HNSWSearch
from tsnekit.plugins.neighbors.pynndescent import PyNNDescentSearch

PROMISES = {spec.name: spec.recall for spec in tsnekit_neighbor_searches()}
SEARCHES = {
    "annoy": AnnoySearch,
    "forest": ForestSearch,
    "hnsw": HNSWSearch,
    "pynndescent": lambda: PyNNDescentSearch(min_rows=0),
}
native = ["annoy", "forest", "hnsw"]
N = 1500
ROWS = slice(None, None, 5)
"""The rows whose true neighbors are computed."""


def near_copies(rng, group, spread, p=100):
    spread = np.repeat(np.broadcast_to(spread, N // group), group)[:, None]
    return np.repeat(rng.normal(size=(N // group, p)), group, axis=0) + spread * rng.normal(
        size=(N, p)
    )


def copies(rng):
    counts = np.concatenate([[300, 100, 90, 17, 16, 15], rng.integers(1, 30, size=N)])
    return rng.permutation(np.repeat(rng.normal(size=(len(counts), 20)), counts, axis=0)[:N])


def zero_rows(rng):
    X = rng.normal(size=(N, 32))
    X[::100] = 0
    return X


def few_that_differ(rng):
    X = np.ones((N, 32))
    X[::50] = rng.normal(size=(N // 50, 32))
    return X


def densities(rng):
    labels = rng.integers(12, size=N)
    radii = 10.0 ** np.linspace(-6, 5, 12)[labels, None]
    return 10 * rng.normal(size=(12, 20))[labels] + radii * rng.normal(size=(N, 20))


def bent_surface(rng):
    latent = rng.uniform(-1, 1, size=(N, 2))
    return np.sin(latent @ rng.normal(size=(2, 300)) * 2 + rng.uniform(0, 6, size=300))


def text(rng):
    """Term frequencies and inverse document frequencies, of words by Zipf's law."""
    words = 600
    of_topic = rng.gamma(0.1, size=(20, words)) / np.arange(1, words + 1)
    of_topic /= of_topic.sum(axis=1, keepdims=True)
    mixtures = rng.dirichlet(np.full(20, 0.1), size=N) @ of_topic
    counts = np.array([rng.multinomial(30, mixture) for mixture in mixtures], dtype=float)
    return np.log1p(counts) * np.log(N / np.maximum(1, (counts > 0).sum(axis=0)))


def mixture(rng):
    parts = [near_copies(rng, 10, 1e-4, 30)[:500], np.zeros((40, 30)), rng.normal(size=(960, 30))]
    return rng.permutation(np.concatenate(parts))


TABLES = {
    "groups of 10": lambda rng: near_copies(rng, 10, 1e-3),
    "groups of 20": lambda rng: near_copies(rng, 20, 1e-5),
    "groups of all spreads": lambda rng: near_copies(rng, 15, 10.0 ** rng.uniform(-8, 0, N // 15)),
    "copies": copies,
    "rows of zeros": zero_rows,
    "one value for all but a few": few_that_differ,
    "few values": lambda rng: np.round(rng.normal(size=(N, 6)) * 1.5),
    "2 dimensions in 300 features": bent_surface,
    "radii 1e-6 to 1e5": densities,
    "text": text,
    "all of these": mixture,
}


def true_distances(X, metric):
    """Return the distances of `ROWS` to all others in float64, of which rows of zeros have 1."""
    if metric == "cosine":
        lengths = np.linalg.norm(X, axis=1, keepdims=True)
        X = np.hstack([X / np.where(lengths > 0, lengths, 1), lengths == 0])
    D = cdist(X[ROWS], X, "sqeuclidean") / 2 if metric == "cosine" else cdist(X[ROWS], X)
    D[np.arange(len(D)), np.arange(N)[ROWS]] = np.inf
    return D


def recall(graph, D):
    k = graph.indices.shape[1]
    own = np.take_along_axis(D, graph.indices[ROWS].astype(int), axis=1)
    return np.mean(own <= np.partition(D, k - 1, axis=1)[:, k - 1 : k] * (1 + 2e-6))


def check(name, X, D, k, metric):
    fitted = SEARCHES[name]().fit(X, problem(X, metric=metric, n_jobs=2))
    graph = fitted.neighbors(k)
    others = np.sort(graph.indices, axis=1)
    assert (others[:, 1:] != others[:, :-1]).all()
    assert not (others == np.arange(N)[:, None]).any()
    share = recall(graph, D)
    assert share >= PROMISES[name] - 0.003  # of a fifth of the rows
    assert PROMISES[name] <= fitted.estimated_recall <= 1
    # Copies count once in the estimate, and so do the easy neighbors that they are.
    assert -0.02 < share - fitted.estimated_recall < 0.05


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("table", TABLES)
def test_promises_are_kept_and_estimates_are_right(table, metric):
    X = TABLES[table](np.random.default_rng(0))
    D = true_distances(X, metric)
    for name in native:
        for k in (15, 90):
            check(name, X, D, k, metric)


@pytest.mark.slow
@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_promises_of_descent(metric, convert):
    for make in TABLES.values():
        X = make(np.random.default_rng(0))
        D = true_distances(X, metric)
        for k in (15, 90):
            check("pynndescent", convert(X), D, k, metric)


@pytest.mark.parametrize("name", native)
def test_larger_tables_take_more_effort_before_every_pair_is_measured(name, monkeypatch):
    """Rows without any structure, of which one pass finds too few."""
    monkeypatch.setattr(approximate, "FEW_ROWS", 100)
    monkeypatch.setattr(approximate, "MOST_SCANNED", 0)
    monkeypatch.setattr("tsnekit.plugins.neighbors._rows.refined_forest.FEW_ROWS", 100)
    X = np.random.default_rng(0).normal(size=(N, 25))
    check(name, X, true_distances(X, "euclidean"), 15, "euclidean")


@pytest.mark.parametrize("name", native)
def test_the_number_of_threads_does_not_decide_what_is_measured(name, monkeypatch):
    monkeypatch.setattr(approximate, "MOST_SCANNED", 1.5 * 600**2 * 20)
    monkeypatch.setattr(approximate, "FEW_ROWS", 0)
    search = type(SEARCHES[name]())
    monkeypatch.setattr(search, "MIN_RECALL", 1.1)
    X = np.random.default_rng(0).normal(size=(600, 20))
    fits = [search().fit(X, problem(X, n_jobs=n_jobs)) for n_jobs in (1, 2)]
    graphs = [fitted.neighbors(9) for fitted in fits]
    np.testing.assert_array_equal(graphs[0].indices, graphs[1].indices)
    assert [fitted.estimated_recall for fitted in fits] == [1, 1]
    monkeypatch.setattr(approximate, "MOST_SCANNED", 0.75 * 600**2 * 20)
    for n_jobs in (1, 2):
        with pytest.warns(ConvergenceWarning, match="found only about"):
            search().fit(X, problem(X, n_jobs=n_jobs)).neighbors(9)


def test_rows_of_a_sample_come_from_everywhere():
    for n, size in [(1, 5), (7, 7), (100, 9), (10**6, 128)]:
        rows, size = spread_rows(n, size, 3), min(n, size)
        ends = np.arange(size + 1) * n // size
        assert (ends[:-1] <= rows).all()
        assert (rows < ends[1:]).all()


def test_a_small_sample_that_leaves_it_open_is_enlarged(monkeypatch):
    """One row in fifty has no neighbor right: a few rows rarely show it."""
    X = np.random.default_rng(0).normal(size=(3000, 4)).astype(np.float32)
    D = cdist(X, X, "sqeuclidean")
    np.fill_diagonal(D, np.inf)
    distances = np.sort(D, axis=1)[:, :5].astype(np.float32) * np.float32(1 - 1e-4)
    distances[::50] = np.inf
    lists = np.zeros(distances.shape, dtype=np.int32), distances
    monkeypatch.setattr(Sample, "PAIRS", 0)
    sample = Sample(X, "sqeuclidean", 5, 1, 0)
    assert not sample.confirms(lists, 0.985)
    assert abs(sample.share_found(lists) - 0.98) < 0.006
    assert sample.confirms(lists, 0.95)
