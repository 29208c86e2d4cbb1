"""Faults of other packages that tsnekit must not have, by their number in the list of faults."""

import subprocess
import sys
import tempfile

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist

from tsnekit._backends.registry import default_registry
from tsnekit.affinity._search import resolve_search
from tsnekit.errors import BackendUnavailableError
from tsnekit.interfaces import SearchProblem

SEARCHES = ("exact", "annoy", "hnsw", "pynndescent")


def search(name, X, metric="euclidean", **facts):
    backend, problem = resolve_search(name, X, metric=metric, **facts)
    return backend.instance.fit(X, problem)


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(600, 8)) * 3


@pytest.mark.parametrize("name", SEARCHES)
def test_fault_2_distances_are_not_squared(name, rows):
    graph = search(name, rows).neighbors(10)
    expected = np.take_along_axis(cdist(rows, rows), graph.indices.astype(int), axis=1)
    np.testing.assert_allclose(graph.distances, expected, rtol=1e-5)


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "manhattan", "hamming", "correlation"])
def test_fault_3_a_metric_means_the_same_everywhere(metric, rows):
    rows = np.round(rows)
    problem = SearchProblem(n_samples=600, n_features=8, metric=metric)
    able = [
        name
        for name in SEARCHES
        if not default_registry().get("neighbors", name).spec.unmet(problem)
    ]
    assert "exact" in able
    assert len(able) > 1
    graphs = [search(name, rows, metric).neighbors(10) for name in able]
    name = "cityblock" if metric == "manhattan" else metric
    D = cdist(rows, rows, name)
    for graph in graphs:
        expected = np.take_along_axis(D, graph.indices.astype(int), axis=1)
        np.testing.assert_allclose(graph.distances, expected, atol=2e-6)
        assert np.isclose(graph.distances, graphs[0].distances, atol=2e-6).mean() > 0.99


@pytest.mark.parametrize("name", SEARCHES)
def test_fault_7_self_is_dropped_by_index(name, rows):
    X = np.repeat(rows[:100], 6, axis=0)
    graph = search(name, X).neighbors(5)
    assert not (graph.indices == np.arange(600)[:, None]).any()
    np.testing.assert_array_equal(graph.indices // 6, np.arange(600)[:, None] // 6 + [0] * 5)


@pytest.mark.parametrize("name", SEARCHES)
def test_fault_13_types_and_layouts(name, rows):
    rows = rows.astype(np.float32).astype(np.float64)
    expected = search(name, rows).neighbors(10).distances
    given = [
        rows.astype(np.float32),
        np.asfortranarray(rows),
        np.repeat(rows, 2, axis=0)[::2],
    ]
    for X in given:
        X.flags.writeable = False
        np.testing.assert_allclose(search(name, X).neighbors(10).distances, expected, rtol=1e-5)


def test_fault_14_sparse_data(rows):
    X = sparse.csr_matrix(np.where(rows > 0, rows, 0))
    expected = search("exact", X.toarray()).neighbors(10).distances
    for name in ("exact", "pynndescent"):
        found = search(name, X).neighbors(10).distances
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    for name in ("annoy", "hnsw"):
        with pytest.raises(BackendUnavailableError, match=r"sparse.*Usable here: exact, pynn"):
            search(name, X)


def test_fault_15_functions_go_where_they_work(rows):
    def opaque(a, b):
        return float(eval("abs(a - b).max()", {"a": a, "b": b}))

    for name in ("annoy", "hnsw", "pynndescent"):
        with pytest.raises(BackendUnavailableError, match=r"Usable here: exact$"):
            search(name, rows[:60], opaque)
    found = search("exact", rows[:60], opaque).neighbors(4).distances
    expected = search("exact", rows[:60], "chebyshev").neighbors(4).distances
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_fault_15_functions_do_not_go_with_sparse_data(rows):
    X = sparse.csr_matrix(rows)
    with pytest.raises(BackendUnavailableError, match="dense"):
        search("exact", X, lambda a, b: 1.0)


@pytest.mark.parametrize("name", SEARCHES)
def test_fault_17_threads_change_nothing(name, rows):
    if not default_registry().get("neighbors", name).spec.deterministic:
        pytest.skip("does not claim it")
    graphs = [search(name, rows, n_jobs=n_jobs).neighbors(10) for n_jobs in (1, 2, 5)]
    for graph in graphs[1:]:
        np.testing.assert_array_equal(graph.indices, graphs[0].indices)
        np.testing.assert_array_equal(graph.distances, graphs[0].distances)


def test_fault_24_no_file_is_written_to_pickle_annoy(rows, monkeypatch):
    import pickle

    def refuse(*args, **kwargs):
        raise AssertionError("a temporary file")

    for name in ("mkstemp", "mkdtemp", "TemporaryFile", "NamedTemporaryFile"):
        monkeypatch.setattr(tempfile, name, refuse)
    fitted = search("annoy", rows)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.neighbors(5).indices, fitted.neighbors(5).indices)


def test_fault_28_backends_are_imported_when_used():
    code = (
        "import sys, tsnekit._backends.registry\n"
        "tsnekit._backends.registry.default_registry()\n"
        "loaded = {'numba', 'pynndescent', 'annoy', 'hnswlib', 'sklearn'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True)
