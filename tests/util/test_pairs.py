"""Distances of given pairs are those of SciPy, for any kind and scale of rows."""

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist

from tsnekit.toolkit import measure

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 7))
NEW = RNG.normal(size=(9, 7))
CANDIDATES = np.array([RNG.permutation(60)[:8] for _ in range(60)])


def picked(distances, candidates):
    return np.take_along_axis(distances, np.asarray(candidates), axis=1)


@pytest.mark.parametrize("n_jobs", [1, 3])
@pytest.mark.parametrize(
    "metric",
    [
        "euclidean",
        "sqeuclidean",
        "cityblock",
        "l1",
        "chebyshev",
        "cosine",
        "correlation",
        "canberra",
        "braycurtis",
    ],
)
def test_metrics(metric, n_jobs, monkeypatch):
    monkeypatch.setattr("tsnekit._util.pairs.BLOCK_BYTES", 2000)
    name = {"l1": "cityblock"}.get(metric, metric)
    for dtype, rtol in ((np.float64, 1e-12), (np.float32, 1e-12)):
        rows, new = X.astype(dtype), NEW.astype(dtype)
        found = measure(rows, CANDIDATES, metric, n_jobs=n_jobs)
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, picked(cdist(rows, rows, name), CANDIDATES), rtol, 1e-15)
        found = measure(rows, CANDIDATES[:9], metric, queries=new, n_jobs=n_jobs)
        np.testing.assert_allclose(found, picked(cdist(new, rows, name), CANDIDATES[:9]), rtol)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev", "cosine", "canberra"])
def test_sparse_rows(metric):
    rows = np.where(np.abs(X) > 0.7, X, 0)
    rows[3] = 0
    found = measure(sparse.csr_matrix(rows), CANDIDATES, metric)
    np.testing.assert_allclose(found, measure(rows, CANDIDATES, metric), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e300])
@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "cosine"])
def test_any_scale(metric, scale):
    found = measure(X * scale, CANDIDATES, metric)
    expected = measure(X, CANDIDATES, metric)
    factor = 1 if metric == "cosine" else scale
    np.testing.assert_allclose(found, expected * factor, rtol=1e-10)


def test_far_offsets_lose_no_digits():
    rows = X + 2.0**30
    found = measure(rows, CANDIDATES)
    np.testing.assert_allclose(found, picked(cdist(rows, rows), CANDIDATES), rtol=1e-14)


def test_functions_and_parameters():
    def function(a, b, power=1):
        return float((np.abs(a - b) ** power).sum())

    expected = picked(cdist(X, X, "cityblock"), CANDIDATES)
    np.testing.assert_allclose(measure(X, CANDIDATES, function), expected, rtol=1e-12)
    cubes = picked(cdist(X, X, "minkowski", p=3), CANDIDATES)
    found = measure(X, CANDIDATES, function, metric_params={"power": 3})
    np.testing.assert_allclose(found, cubes**3, rtol=1e-12)
    found = measure(X, CANDIDATES, "minkowski", metric_params={"p": 3})
    np.testing.assert_allclose(found, cubes, rtol=1e-12)
    weights = np.arange(7.0)
    found = measure(X, CANDIDATES, "euclidean", metric_params={"w": weights})
    expected = picked(cdist(X, X, "euclidean", w=weights), CANDIDATES)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_given_distances():
    table = cdist(X, X)
    np.testing.assert_array_equal(
        measure(table, CANDIDATES, "precomputed"), picked(table, CANDIDATES)
    )
    new = cdist(NEW, X)
    found = measure(table, CANDIDATES[:9], "precomputed", queries=new)
    np.testing.assert_array_equal(found, picked(new, CANDIDATES[:9]))


def test_missing_candidates_and_zero_rows():
    rows = X.copy()
    rows[:2] = 0
    found = measure(rows[:3], [[1, 2], [0, -1], [0, 1]], "cosine")
    np.testing.assert_allclose(found, [[0, 1], [0, np.inf], [1, 1]])
    assert measure(rows, np.empty((60, 0), dtype=int)).shape == (60, 0)


def test_writes_to_nothing():
    rows, candidates = X.copy(), CANDIDATES.copy()
    rows.flags.writeable = candidates.flags.writeable = False
    for metric in ("euclidean", "manhattan", "cosine", "correlation", "canberra"):
        measure(rows, candidates, metric)


@pytest.mark.parametrize(
    ("error", "message", "arguments", "options"),
    [
        (TypeError, "candidates must be integers", (X, X), {}),
        (ValueError, "a row for each of the 60 queries", (X, CANDIDATES[:3]), {}),
        (ValueError, "candidates must be from 0 to 59, or -1", (X, CANDIDATES + 1), {}),
        (ValueError, "queries must have 7 columns", (X, CANDIDATES), {"queries": X[:, :3]}),
        (TypeError, "of the same kind", (sparse.csr_matrix(X), CANDIDATES), {"queries": X}),
        (ValueError, "metric 'nothing' cannot be computed", (X, CANDIDATES, "nothing"), {}),
        (ValueError, "depends on all rows; give 'V'", (X, CANDIDATES, "seuclidean"), {}),
        (ValueError, "n_jobs must be", (X, CANDIDATES), {"n_jobs": 0}),
    ],
)
def test_bad_input(error, message, arguments, options):
    with pytest.raises(error, match=message):
        measure(*arguments, **options)
