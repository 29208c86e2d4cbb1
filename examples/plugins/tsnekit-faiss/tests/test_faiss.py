"""Tests of the parts that only these searches have."""

import subprocess
import sys

import faiss
import numpy as np
import pytest
from tsnekit_faiss.search import FlatSearch, HNSWSearch, IVFSearch

from tsnekit import TSNE
from tsnekit._backends.registry import default_registry
from tsnekit._backends.rules import choose_fastest_neighbors
from tsnekit.interfaces import SearchProblem

X = np.random.default_rng(0).normal(size=(2000, 8)).astype(np.float32)
PROBLEM = SearchProblem(n_samples=len(X), n_features=8, n_jobs=2, seed=0)


def recall(search):
    found = search.fit(X, PROBLEM).neighbors(15).indices
    true = FlatSearch().fit(X, PROBLEM).neighbors(15).indices
    return np.mean([np.isin(a, b).mean() for a, b in zip(found, true, strict=True)])


def test_looking_harder_finds_more():
    assert recall(IVFSearch(n_lists=40, n_probes=1)) < recall(IVFSearch(n_lists=40, n_probes=10))
    assert recall(IVFSearch(n_lists=40, n_probes=40)) == 1
    assert recall(HNSWSearch(M=4, ef_construction=8, ef=24)) < recall(HNSWSearch(ef=400))


@pytest.mark.parametrize(
    ("search", "options", "message"),
    [
        (IVFSearch, {"n_lists": 0}, "n_lists must be at least 1, got 0"),
        (IVFSearch, {"n_probes": -1}, "n_probes must be at least 1"),
        (HNSWSearch, {"M": 1}, "M must be at least 2"),
        (HNSWSearch, {"ef": 0}, "ef must be at least 1"),
    ],
)
def test_bad_options_are_refused(search, options, message):
    with pytest.raises(ValueError, match=message):
        search(**options)


def test_options_of_the_wrong_type_are_refused():
    with pytest.raises(TypeError, match=r"n_lists must be an integer, got 2\.5"):
        IVFSearch(n_lists=2.5)


def test_rows_that_are_far_from_the_origin():
    far = X.astype(np.float64) + 1e6
    graph = FlatSearch().fit(far, PROBLEM).neighbors(15)
    near = FlatSearch().fit(X, PROBLEM).neighbors(15)
    np.testing.assert_allclose(graph.distances, near.distances, rtol=1e-4)


def test_rows_of_zeros_have_a_cosine_distance_of_one():
    rows = X[:100].copy()
    rows[[3, 40]] = 0
    problem = SearchProblem(n_samples=100, n_features=8, metric="cosine")
    graph = FlatSearch().fit(rows, problem).neighbors(99)
    assert graph.indices[3, 0] == 40
    assert graph.distances[3, 0] == 0
    position = np.flatnonzero(graph.indices[3] == 7)
    np.testing.assert_allclose(graph.distances[3, position], 1, rtol=1e-6)


def test_the_threads_of_faiss_stay_as_they_were():
    before = faiss.omp_get_max_threads()
    IVFSearch().fit(X, PROBLEM).neighbors(5)
    assert faiss.omp_get_max_threads() == before


@pytest.mark.parametrize("name", ["faiss", "faiss_hnsw", "faiss_flat"])
def test_makes_a_map_that_takes_new_points(name):
    embedding = TSNE(neighbors=name, perplexity=10, n_iter=20, random_state=0).fit(X[:300])
    assert embedding.backends["neighbors"].name == name
    assert np.isfinite(np.asarray(embedding.transform(X[300:320]))).all()


def test_listing_plugins_imports_no_faiss():
    code = (
        "import sys; from tsnekit._backends.registry import default_registry; "
        "assert default_registry().get('neighbors', 'faiss').spec.missing() == (); "
        "assert 'faiss' not in sys.modules and 'tsnekit_faiss.search' not in sys.modules"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True)


def test_fastest_may_choose_faiss():
    # Compared with exact search only: the approximate searches have similar times.
    found = {found.spec.name: found.spec for found in default_registry().all("neighbors")}
    specs = {name: found[name] for name in found if name == "exact" or name.startswith("faiss")}
    name, reason = choose_fastest_neighbors(
        SearchProblem(n_samples=70_000, n_features=784, n_jobs=2), specs
    )
    assert name.startswith("faiss")
    assert "least expected time" in reason
    assert not choose_fastest_neighbors(
        SearchProblem(n_samples=70_000, n_features=784, metric="manhattan"), specs
    )[0].startswith("faiss")
