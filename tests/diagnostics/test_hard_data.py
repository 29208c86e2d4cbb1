"""Diagnostics of data that float32, squares or products of matrices cannot tell apart.

The oracle computes with fractions, which are never rounded.
"""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
import scipy.sparse
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr

from tsnekit import TSNE
from tsnekit._util import distances, rows
from tsnekit.diagnostics import (
    _comparison,
    diagnose,
    distance_correlation,
    neighbors_kept,
    trustworthiness,
)

N, P, K = 24, 4, 5
RNG = np.random.default_rng(0)
BASE = RNG.normal(size=(N, P))
MAP = BASE[:, :2] + 0.7 * RNG.normal(size=(N, 2))
GROUP = np.arange(N) % 3

DATA = {
    "plain": BASE,
    "tiny": BASE * 1e-170,
    "small": BASE * 1e-30,
    "huge": BASE * 1e150,
    "far": BASE + 1e8,
    "groups apart": BASE + 1e8 * GROUP[:, None],
    "groups very far apart": BASE + 1e12 * GROUP[:, None],
    "groups apart in one column": BASE + np.outer(GROUP, [0, 1e9, 0, 0]),
    "a column of seconds": BASE + np.array([0, 1.7e9, 0, 0]),
    "groups of unlike scale": BASE * np.array([1e-160, 1e-5, 1.0])[GROUP][:, None],
    "an outlier": np.where(np.arange(N)[:, None] == 7, 1e150, BASE),
    "copies": BASE[np.arange(N) // 3 * 3],
    "float32": (BASE + 1e4).astype(np.float32),
}

MIXED = {"groups of unlike scale", "an outlier", "groups very far apart"}
"""Some of their rows are equally far from others, as far as float64 can tell."""


def cosine_key(a, b):
    """Return a number that grows with the cosine distance, without a root."""
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return 1 - abs(dot) * dot / (sum(x * x for x in a) * sum(y * y for y in b))


def centered(a):
    mean = sum(a) / len(a)
    return [x - mean for x in a]


def of_differences(function):
    return lambda a, b: function([abs(x - y) for x, y in zip(a, b, strict=True)])


# Each function grows with the distance, and has rational values.
KEYS = {
    "euclidean": of_differences(lambda d: sum(x * x for x in d)),
    "sqeuclidean": of_differences(lambda d: sum(x * x for x in d)),
    "manhattan": of_differences(sum),
    "chebyshev": of_differences(max),
    "minkowski": of_differences(lambda d: sum(x**7 for x in d)),
    "cosine": cosine_key,
    "correlation": lambda a, b: cosine_key(centered(a), centered(b)),
    "canberra": lambda a, b: sum(
        abs(x - y) / (abs(x) + abs(y)) for x, y in zip(a, b, strict=True) if x or y
    ),
}
PARAMETERS = {"minkowski": {"metric_params": {"p": 7}}}


def exact_keys(X, metric="euclidean"):
    rows = [[Fraction(float(x)) for x in row] for row in X]
    keys = [[Fraction(0)] * len(rows) for _ in rows]
    for i, j in combinations(range(len(rows)), 2):
        keys[i][j] = keys[j][i] = KEYS[metric](rows[i], rows[j])
    return keys


def exact_ranks(X, Y, k, metric, slack):
    """Return the least and the largest ranks in X of the k nearest in Y.

    A rank is 1 plus how many rows are nearer. Rows whose keys differ by less than the slack may be
    in either order.
    """
    in_data, in_map = exact_keys(X, metric), exact_keys(Y)
    least, most = np.empty((2, len(X), k), dtype=int)
    for i in range(len(X)):
        others = [j for j in range(len(X)) if j != i]
        nearest = sorted(others, key=lambda j: in_map[i][j])[:k]
        for place, j in enumerate(nearest):
            distance, to_others = in_data[i][j], [in_data[i][other] for other in others]
            least[i, place] = 1 + sum(each < distance * (1 - slack) for each in to_others)
            most[i, place] = 1 + sum(
                each < distance * (1 + slack) for each in to_others if each is not distance
            )
    return least, most


def exact_trust(ranks):
    k = ranks.shape[1]
    return 1 - 2 / (N * k * (2 * N - 3 * k - 1)) * np.maximum(ranks - k, 0).sum()


def order_of(keys):
    """Return the keys of all pairs as small integers in the same order."""
    pairs = [keys[i][j] for i, j in combinations(range(N), 2)]
    places = {key: place for place, key in enumerate(sorted(set(pairs)))}
    return [places[key] for key in pairs]


# The distance of parallel rows is only rounding error, and rows of equal values have no direction.
LEFT_OUT = {
    ("cosine", "copies"),
    ("correlation", "copies"),
    ("correlation", "an outlier"),
    ("correlation", "groups very far apart"),
}
CASES = [(metric, name) for metric in KEYS for name in DATA if (metric, name) not in LEFT_OUT]


def slack_of(metric, name):
    """Return by what share rounding in float64 changes the key of a distance."""
    if metric in ("cosine", "correlation"):
        return Fraction(1, 1000)  # rows of unit length are rounded, and may be nearly parallel
    if metric in ("minkowski", "canberra") or name in MIXED:
        return Fraction(1, 10**12)
    return 0


@pytest.mark.parametrize(("metric", "name"), CASES)
def test_hard_data(metric, name):
    X = DATA[name]
    options = {"metric": metric, **PARAMETERS.get(metric, {})}
    least, most = exact_ranks(X, MAP, K, metric, slack_of(metric, name))
    kept = neighbors_kept(X, MAP, n_neighbors=K, **options)
    assert (most <= K).mean() - 1e-12 <= kept <= (least <= K).mean() + 1e-12
    trust = trustworthiness(X, MAP, n_neighbors=K, **options)
    assert exact_trust(most) - 1e-12 <= trust <= exact_trust(least) + 1e-12


@pytest.mark.parametrize("name", sorted(set(DATA) - MIXED))
@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "manhattan"])
def test_distance_correlation_of_hard_data(metric, name):
    wanted = spearmanr(order_of(exact_keys(DATA[name], metric)), order_of(exact_keys(MAP)))
    found = distance_correlation(DATA[name], MAP, metric=metric)
    # Distances between groups far apart differ by less than their own rounding.
    assert found == pytest.approx(wanted.statistic, abs=1e-4)


@pytest.mark.parametrize("scale", [1e-170, 1e-40, 1e150])
@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "seuclidean", "mahalanobis"])
def test_scale_does_not_change_a_correlation(metric, scale):
    for method in ("spearman", "pearson"):
        wanted = distance_correlation(BASE, MAP, metric=metric, method=method)
        for X, Y in ((BASE * scale, MAP), (BASE, MAP * scale)):
            found = distance_correlation(X, Y, metric=metric, method=method)
            assert found == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("name", sorted(set(DATA) - MIXED))
def test_hard_maps(name):
    least, most = exact_ranks(BASE, DATA[name], K, "euclidean", 0)
    if name != "copies":  # any of the copies may be the nearest
        assert neighbors_kept(BASE, DATA[name], n_neighbors=K) == pytest.approx((least <= K).mean())
        trust = trustworthiness(BASE, DATA[name], n_neighbors=K)
        assert trust == pytest.approx(exact_trust(most))
    wanted = spearmanr(order_of(exact_keys(BASE)), order_of(exact_keys(DATA[name]))).statistic
    assert distance_correlation(BASE, DATA[name]) == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("name", sorted(set(DATA) - MIXED))
@pytest.mark.parametrize(
    "metric", ["euclidean", "manhattan", "chebyshev", "cosine", "seuclidean", "mahalanobis"]
)
def test_sparse_rows_are_what_dense_rows_are(metric, name):
    dense = np.where(np.arange(P) == np.arange(N)[:, None] % 3, 0, DATA[name])
    for measure in (neighbors_kept, trustworthiness, distance_correlation):
        found = measure(scipy.sparse.csr_matrix(dense), MAP, metric=metric)
        assert found == pytest.approx(measure(dense, MAP, metric=metric), abs=1e-6)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan", "jaccard"])
def test_repeated_entries_of_sparse_rows_are_summed(metric):
    rows, columns = np.indices(BASE.shape).reshape(2, -1)
    halves = np.tile(BASE.ravel() / 2, 2)
    places = (np.tile(rows, 2), np.tile(columns, 2))
    X = scipy.sparse.coo_matrix((halves, places), shape=BASE.shape)
    indptr = np.concatenate([[0], np.cumsum(np.full(N, 2 * P))])
    order = np.argsort(X.row, kind="stable")
    X = scipy.sparse.csr_matrix((X.data[order], X.col[order], indptr), shape=BASE.shape)
    assert not X.has_canonical_format
    for measure in (neighbors_kept, distance_correlation):
        found = measure(X, MAP, metric=metric)
        assert found == pytest.approx(measure(BASE, MAP, metric=metric), nan_ok=True)
    assert X.nnz == 2 * BASE.size


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "correlation"])
@pytest.mark.parametrize("make", [np.asarray, scipy.sparse.csr_matrix])
def test_weights_are_those_of_scipy(metric, make):
    w = np.array([0, 1, 2.5, 4])
    for X in (BASE, BASE * 1e-170):
        found = distance_correlation(make(X), MAP, metric=metric, metric_params={"w": w})
        given = squareform(pdist(BASE, metric, w=w))
        assert found == pytest.approx(distance_correlation(given, MAP, metric="precomputed"))
    with pytest.raises(ValueError, match="w must be 4 finite weights"):
        neighbors_kept(BASE, MAP, metric=metric, metric_params={"w": -w})


def test_groups_apart_in_many_rows():
    """Products of matrices only decide if they are accurate enough, in blocks of any size."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 30)) + 1e8 * (np.arange(1500) % 3)[:, None]
    Y = X[:, :2] - 1e8 * (np.arange(1500) % 3)[:, None] + rng.normal(size=(1500, 2))
    wanted = neighbors_kept(squareform(pdist(X)), Y, metric="precomputed")
    assert neighbors_kept(X, Y) == wanted


def test_blocks_change_nothing(monkeypatch):
    options = {"euclidean": {}, "cosine": {}, "mahalanobis": {}, "minkowski": {"p": 3}}
    wanted = [trustworthiness(BASE, MAP, metric=m, metric_params=o) for m, o in options.items()]
    for module in (_comparison, rows):
        monkeypatch.setattr(module, "BLOCK_BYTES", 8 * P * 5)
    found = [trustworthiness(BASE, MAP, metric=m, metric_params=o) for m, o in options.items()]
    assert found == pytest.approx(wanted)


def test_most_pairs_cost_a_product_only(monkeypatch):
    """Ordinary data needs exact distances to few rows, not to all."""
    measured = []
    between = distances._Vectors.between
    monkeypatch.setattr(
        distances._Vectors,
        "between",
        lambda self, row, others: measured.append(len(others)) or between(self, row, others),
    )
    X = np.random.default_rng(0).normal(size=(1000, 20))
    neighbors_kept(X, X[:, :2], n_neighbors=10)
    assert sum(measured) < 25 * 1000


def test_report_has_distances_of_the_data(embedding_of_base):
    embedding, X = embedding_of_base
    report = diagnose(embedding, X)
    np.testing.assert_allclose(report.data_distances, pdist(X), rtol=1e-12)
    np.testing.assert_allclose(report.map_distances, pdist(np.asarray(embedding, float)))


@pytest.fixture
def embedding_of_base():
    X = BASE * 1e-12
    return TSNE(n_iter=20, early_exaggeration_iter=10, perplexity=5, random_state=0).fit(X), X


def test_an_unknown_metric():
    with pytest.raises(ValueError, match="the metric 'levenshtein' cannot be computed for X"):
        neighbors_kept(BASE, MAP, metric="levenshtein")
