"""Degenerate data: every gradient method and initializer gives a finite map or a clear error.

The only warnings allowed say that the rows are too few, or too similar, for the perplexity.
"""

import warnings

import numpy as np
import pytest
from scipy import sparse

from tsnekit import TSNE
from tsnekit._embedding.full import TSNEEmbedding
from tsnekit.affinity import PerplexityBasedNN, PrecomputedAffinities
from tsnekit.errors import ConvergenceWarning

METHODS = ["exact", "barnes_hut", "fft", "mesh"]
INITIALIZATIONS = ["pca", "spectral", "random"]
QUICK = {"early_exaggeration_iter": 6, "n_iter": 12, "random_state": 0}
N = 60


@pytest.fixture(autouse=True)
def _expected_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "perplexity .* is too large for", UserWarning)
        yield


def rows(n=N, p=5, scale=1.0):
    return np.random.default_rng(0).normal(scale=scale, size=(n, p))


def with_outlier(far):
    X = rows()
    X[7] = far
    return X


def some_duplicates():
    X = rows()
    X[: N // 3] = X[0]
    return X


def two_far_groups():
    X = rows()
    X[N // 2 :] += 1e5
    return X


def columns_of_zeros():
    X = rows()
    X[:, ::2] = 0
    return X


def wide_range():
    return rows() * np.logspace(-30, 30, 5)


DATA = {
    "constant": np.full((N, 5), 3.0),
    "zeros": np.zeros((N, 5)),
    "one column": rows(p=1),
    "constant column": np.ones((N, 1)),
    "two different rows": np.repeat(rows(2), N // 2, axis=0),
    "duplicates": some_duplicates(),
    "outlier at 1e6": with_outlier(1e6),
    "outlier at 1e30": with_outlier(1e30),
    "outlier at -1e30, single precision": with_outlier(-1e30).astype(np.float32),
    "columns of zeros": columns_of_zeros(),
    "two far groups": two_far_groups(),
    "denormals": rows(scale=1e-310),
    "denormals of single precision": rows(scale=1e-40).astype(np.float32),
    "small": rows(scale=1e-30),
    "large": rows(scale=1e30),
    "large, single precision": rows(scale=1e37).astype(np.float32),
    "far from the origin": rows() + 1e7,
    "wide range": wide_range(),
    "integers": np.random.default_rng(0).integers(-128, 127, (N, 5), dtype=np.int8),
    "booleans": np.random.default_rng(0).integers(0, 2, (N, 5)).astype(bool),
    "2 rows": rows(2),
    "3 rows": rows(3),
    "3 equal rows": np.ones((3, 5)),
    "5 rows": rows(5),
    "fewer rows than three times the perplexity": rows(40),
    "more columns than rows": rows(10, 200),
    "sparse": sparse.random(N, 30, 0.1, format="csr", random_state=0),
    "sparse without any entry": sparse.csr_matrix((N, 8)),
}


def assert_finite(embedding, shape):
    assert embedding.shape == shape
    assert np.isfinite(np.asarray(embedding)).all()
    assert np.isfinite(embedding.kl_divergence)


@pytest.mark.parametrize("case", DATA)
@pytest.mark.parametrize("method", METHODS)
def test_finite_maps(method, case):
    X = DATA[case]
    before = X.copy()
    for initialization in INITIALIZATIONS:
        for d in (1, 2):
            model = TSNE(d, initialization=initialization, negative_gradient_method=method, **QUICK)
            assert_finite(model.fit(X), (X.shape[0], d))
    assert (before != X).sum() == 0


@pytest.mark.parametrize("neighbors", ["exact", "annoy", "forest", "hnsw", "pynndescent"])
@pytest.mark.parametrize("case", [case for case in DATA if "sparse" not in case])
def test_every_neighbor_search_gives_a_finite_map(neighbors, case):
    assert_finite(TSNE(neighbors=neighbors, **QUICK).fit(DATA[case]), (len(DATA[case]), 2))


@pytest.mark.parametrize("metric", ["cosine", "correlation", "manhattan", "chebyshev", "canberra"])
@pytest.mark.parametrize("case", [case for case in DATA if "sparse" not in case])
def test_other_metrics_give_a_finite_map_or_say_why_not(metric, case):
    try:
        embedding = TSNE(metric=metric, **QUICK).fit(DATA[case])
    except ValueError as error:
        assert "distances" in str(error)  # noqa: PT017
    else:
        assert_finite(embedding, (len(DATA[case]), 2))


@pytest.mark.parametrize("convert", [np.array, sparse.csr_matrix])
def test_rows_of_zeros_with_the_cosine_metric(convert):
    X = rows()
    X[[3, 9, 10]] = 0
    for metric in ("cosine", "euclidean"):
        embedding = TSNE(metric=metric, **QUICK).fit(convert(X))
        assert_finite(embedding, (N, 2))
        assert_finite(embedding.transform(convert(X[:12]), n_iter=5), (12, 2))


def test_huge_numbers_do_not_blur_the_others():
    """A single outlier must not reduce the precision of the other rows."""
    X = rows(200)
    X[0] = 1e30
    expected = PerplexityBasedNN(X[1:], perplexity=10).P.toarray()
    found = PerplexityBasedNN(X, perplexity=10).P.toarray()[1:, 1:]
    np.testing.assert_allclose(found * 200, expected * 199, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e-18, 1e18, 1e30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_unit_of_the_data_does_not_matter(scale, dtype):
    unit = 2.0 ** np.round(np.log2(scale))
    X = rows(200).astype(np.float32)
    expected = PerplexityBasedNN(X, perplexity=10).P
    found = PerplexityBasedNN((X * unit).astype(dtype), perplexity=10).P
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.data, expected.data, rtol=1e-4)


# -- What is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.where(rows() > 2, np.nan, rows()), "X contains NaN"),
        (np.where(rows() > 2, np.inf, rows()), "X contains infinity"),
        (sparse.csr_matrix(np.where(rows() > 2, np.nan, rows())), "X contains NaN"),
        (rows(1), "at least 2 rows"),
        (rows(0), "minimum of 1 is required"),
        (np.empty((5, 0)), "minimum of 1 is required"),
        (rows(scale=1e200), "too large"),
        (np.full((N, 2), "a"), "could not convert"),
    ],
)
def test_data_without_a_map_is_refused(X, message):
    for initialization in INITIALIZATIONS:
        with pytest.raises(ValueError, match=message):
            TSNE(initialization=initialization, **QUICK).fit(X)


def broken(**arrays):
    matrix = sparse.random(N, N, 0.2, format="csr", random_state=0)
    for name, value in arrays.items():
        getattr(matrix, name)[-1] = value
    return matrix


@pytest.mark.parametrize("matrix", [broken(indices=N), broken(indices=-1), broken(indptr=10**6)])
def test_broken_sparse_matrices_are_refused(matrix):
    with pytest.raises(ValueError, match="ind"):
        PrecomputedAffinities(matrix)
    with pytest.raises(ValueError, match="ind"):
        TSNE(**QUICK).fit(matrix)


# -- Starting positions ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def affinities():
    return PerplexityBasedNN(rows(), perplexity=10, random_state=0)


def spread(scale, d):
    return np.random.default_rng(1).normal(scale=scale, size=(N, d))


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("method", METHODS)
def test_any_start_leads_to_a_finite_map(affinities, method, d):
    starts = [np.zeros((N, d)), np.full((N, d), -7.3), spread(1e-30, d), spread(1e6, d)]
    starts += [spread(1e-40, d), spread(1e14, d), np.eye(N, d) * 1e12]
    for start in starts:
        embedding = TSNEEmbedding(start, affinities, negative_gradient_method=method)
        embedding = embedding.optimize(5, exaggeration=12).optimize(10)
        assert_finite(embedding, (N, d))


@pytest.mark.parametrize("far", [1e30, np.finfo(np.float32).max, np.inf, np.nan])
def test_starts_that_are_too_large_are_refused(affinities, far):
    start = spread(1, 2)
    start[3] = far
    with pytest.raises(ValueError, match="embedding holds"):
        TSNEEmbedding(start, affinities)


@pytest.mark.parametrize("method", METHODS)
def test_divergence_is_an_error(affinities, method):
    embedding = TSNEEmbedding(spread(1, 2), affinities, negative_gradient_method=method)
    with pytest.raises(ValueError, match=r"learning_rate|finite"):
        embedding.optimize(50, learning_rate=1e30, max_step_norm=None)


# -- Graphs ------------------------------------------------------------------------------------


def components(*sizes):
    blocks = [sparse.csr_matrix(np.ones((n, n)) - np.eye(n)) for n in sizes]
    return sparse.block_diag(blocks, format="csr")


GRAPHS = {
    "two components": components(30, 30),
    "many pairs": components(*[2] * 30),
    "isolated points": sparse.block_diag([components(50), sparse.csr_matrix((10, 10))]),
    "one edge": sparse.csr_matrix(([1.0, 1.0], ([0, 1], [1, 0])), (N, N)),
    "a star": sparse.csr_matrix(np.pad(np.ones((1, N - 1)), ((0, N - 1), (1, 0)))),
    "tiny weights": components(30, 30) * 1e-300,
    "denormal weights": components(30, 30) * 1e-42,
    "weights of every size": components(60).multiply(10.0 ** -np.arange(0, 300, 5)).tocsr(),
    "the diagonal alone": sparse.identity(N, format="csr"),
}


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("method", METHODS)
def test_any_graph_has_a_finite_map(method, graph):
    for initialization in ("spectral", "random"):
        for d in (1, 2):
            model = TSNE(d, initialization=initialization, negative_gradient_method=method, **QUICK)
            embedding = model.fit(affinities=PrecomputedAffinities(GRAPHS[graph]))
            assert_finite(embedding, (N, d))


# -- New rows ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_new_rows_of_any_kind(method):
    X = some_duplicates()
    embedding = TSNE(negative_gradient_method=method, **QUICK).fit(X)
    new = np.stack(
        [X[0], X[-1], np.zeros(5), np.full(5, 1e6), np.full(5, -1e15), np.full(5, 1e-310)]
    )
    before = np.array(embedding)
    for initialization in ("median", "weighted", "random"):
        for perplexity in (1, 5, 1000):
            partial = embedding.transform(new, perplexity, initialization=initialization, n_iter=10)
            assert_finite(partial, (6, 2))
    np.testing.assert_array_equal(embedding, before)
    assert_finite(embedding.extend(new, n_iter=10), (N + 6, 2))
    for bad in (np.nan, np.inf):
        for method_of in (embedding.transform, embedding.extend):
            with pytest.raises(ValueError, match=r"NaN|infinity"):
                method_of(np.full((1, 5), bad))
    with pytest.raises(ValueError, match="too large"):
        embedding.transform(np.full((1, 5), 1e300))
