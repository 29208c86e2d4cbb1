"""The search by PyNNDescent, in cases that compile nothing."""

import logging
import operator
import os
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist, pdist

from helpers.neighbors import exact, problem
from tsnekit.errors import ConvergenceWarning
from tsnekit.plugins.neighbors import _descent, _numba
from tsnekit.plugins.neighbors._descent import DescentInAnyMetric
from tsnekit.plugins.neighbors._rows import approximate
from tsnekit.plugins.neighbors.pynndescent import PyNNDescentSearch, can_compile, has_metric


class FakeIndex:
    """A result of PyNNDescent with gaps, which it may have."""

    def __init__(self, X, k, metric="euclidean"):
        D = cdist(X, X, metric)
        indices = np.argsort(D, axis=1, kind="stable")[:, :k].astype(np.int32)
        self.neighbor_graph = indices, np.take_along_axis(D, indices, axis=1).astype(np.float32)
        self.n_neighbors = k
        for row in (3, 50):
            for part, gap in zip(self.neighbor_graph, (-1, np.inf), strict=True):
                part[row, k // 2 :] = gap


@pytest.mark.parametrize("metric", ["euclidean", "minkowski"])
def test_fault_16_gaps_are_filled_by_true_neighbors(metric):
    """An index of -1 marks a gap."""
    X = np.random.default_rng(0).normal(size=(120, 5)).astype(np.float32)
    search = PyNNDescentSearch(min_rows=0).fit(X, problem(X, metric=metric))
    search._search.descent.index = FakeIndex(X, 13)
    graph = search.neighbors(12)
    truth = exact(X, metric=metric).neighbors(12)
    np.testing.assert_array_equal(graph.indices, truth.indices)
    np.testing.assert_allclose(graph.distances, truth.distances, rtol=1e-5)
    assert search.estimated_recall == 1  # of the lists without gaps


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "minkowski", "chebyshev"])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix])
def test_rows_are_shifted_before_they_are_rounded(metric, make):
    """PyNNDescent works on float32, which holds no fractions of seconds since 1970."""
    X = np.random.default_rng(0).normal(size=(60, 4))
    X[:, 0] += 1.7e9
    search = PyNNDescentSearch(min_rows=0).fit(make(X), problem(make(X), metric=metric))
    rows = search._search.descent._rows
    rows = rows.toarray() if sparse.issparse(rows) else rows
    assert rows.dtype == np.float32
    np.testing.assert_allclose(pdist(rows), pdist(X), rtol=1e-5)


@pytest.mark.parametrize("metric", ["chebyshev", "minkowski"])
def test_distances_are_measured_again_in_float64(metric):
    X = np.random.default_rng(0).normal(size=(120, 5)) + 1e3
    search = PyNNDescentSearch(min_rows=0).fit(X, problem(X, metric=metric))
    search._search.descent.index = FakeIndex(X.astype(np.float32), 41, metric)
    graph = search.neighbors(40)
    truth = exact(X, metric=metric).neighbors(40)
    np.testing.assert_allclose(graph.distances, truth.distances, rtol=1e-6)


class Blind(FakeIndex):
    """An index that misses most neighbors."""

    def __init__(self, X, k):
        indices, distances = FakeIndex(X, 60).neighbor_graph
        every_fifth = np.s_[:, : 5 * k : 5]
        self.neighbor_graph = indices[every_fifth], distances[every_fifth]
        self.n_neighbors = k


@pytest.mark.parametrize("most", [0.0, 30.0])
@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_matrix])
def test_neighbors_that_descent_misses_are_measured_or_warned_of(convert, most, monkeypatch):
    """The many columns of a sparse table do not make an exact search longer."""
    monkeypatch.setattr(_descent, "MOST_SECONDS", most)
    monkeypatch.setattr(approximate, "MOST_SCANNED_PRECISELY", 0)
    X = np.random.default_rng(0).normal(size=(120, 5)).astype(np.float32)
    rows = convert(X)
    metric = "minkowski" if rows is X else "euclidean"
    search = PyNNDescentSearch(min_rows=0).fit(rows, problem(rows, metric=metric))
    search._search.descent.index = Blind(X, 11)
    if most:
        found, truth = search.neighbors(10), exact(X).neighbors(10)
        np.testing.assert_allclose(found.distances, truth.distances, rtol=1e-5)
        assert search.estimated_recall == 1
    else:
        with pytest.warns(ConvergenceWarning, match=r"found only about 0\.\d+ of the 10 nearest"):
            search.neighbors(10)
        assert 0.1 < search.estimated_recall < 0.5


def test_few_rows_are_searched_exhaustively(caplog):
    X = np.random.default_rng(0).normal(size=(300, 5))
    with caplog.at_level(logging.INFO, "tsnekit"):
        graph = PyNNDescentSearch().fit(X, problem(X)).neighbors(7)
    assert "too few rows" in caplog.text
    truth = exact(X).neighbors(7)
    np.testing.assert_array_equal(graph.indices, truth.indices)


def test_metrics_are_those_that_mean_what_scipy_means():
    for name in ("euclidean", "cosine", "correlation", "canberra", "jaccard", "haversine"):
        assert has_metric(name)
    # Inner products are not distances. SciPy takes the scale of seuclidean from the data. In its
    # russellrao, the distance from a row to itself is not 0.
    for name in ("dot", "inner_product", "seuclidean", "russellrao", "nonsense"):
        assert not has_metric(name)
    assert has_metric("jaccard", True)
    assert not has_metric("haversine", True)


def test_functions_that_can_be_compiled():
    import numba

    def plain(a, b):
        total = 0.0
        for i in range(a.shape[0]):
            total += abs(a[i] - b[i])
        return total

    assert can_compile(plain)
    assert can_compile(numba.njit(plain))
    assert not can_compile(lambda a, b: operator.length_hint(a) + object())
    assert not can_compile(print)


@pytest.mark.parametrize("option", ["n_trees", "n_iters"])
def test_options_are_checked(option):
    with pytest.raises(ValueError, match=f"{option} must be at least 1"):
        PyNNDescentSearch(**{option: 0})
    with pytest.raises(TypeError, match="min_rows must be an integer"):
        PyNNDescentSearch(min_rows=None)


# -- Threads and forks -------------------------------------------------------------------------


def test_overlapping_searches_leave_the_warning_filters_as_they_were():
    before = list(warnings.filters)
    began, overlaps = threading.Event(), threading.Event()

    def first():
        with _numba.quiet_numba(1):
            began.set()
            overlaps.wait(0.2)

    def second():
        began.wait()
        with _numba.quiet_numba(1):
            overlaps.set()
            threads[0].join()  # the first to begin is the first to end

    threads = [threading.Thread(target=each) for each in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before


def test_ctrl_c_in_compiled_code_is_a_keyboard_interrupt():
    """Numba turns Ctrl-C into a SystemError with other errors as its causes."""

    def search(cause):
        with _numba.quiet_numba(1):
            error = SystemError("returned a result with an exception set")
            error.__cause__ = cause
            raise SystemError("returned a result with an exception set") from error

    with pytest.raises(KeyboardInterrupt):
        search(KeyboardInterrupt())
    with pytest.raises(SystemError):
        search(ValueError())


@pytest.mark.parametrize("metric", ["euclidean", "minkowski"])
def test_a_process_cut_off_from_threads_searches_exhaustively(metric, monkeypatch, caplog):
    monkeypatch.setattr(_numba, "_threads_stayed_behind", True)
    monkeypatch.setattr(DescentInAnyMetric, "MAX_PAIRS", 0)
    X = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    search = PyNNDescentSearch(min_rows=0).fit(X, problem(X, metric=metric))
    truth = exact(X, metric=metric)
    for found, expected in [
        (search.neighbors(7), truth.neighbors(7)),
        (search.query(X[:9] + 1, 7), truth.query(X[:9] + 1, 7)),
    ]:
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_allclose(found.distances, expected.distances, rtol=1e-5)
    assert "'spawn' or 'forkserver'" in caplog.text


FORK = """
import os, sys, threading, warnings
import numba, numpy as np
from tsnekit.interfaces import SearchProblem
from tsnekit.plugins.neighbors import _numba, pynndescent
rng = np.random.default_rng(0)
X = rng.normal(size=(5000, 5)).astype(np.float32)
search = pynndescent.PyNNDescentSearch(min_rows=0)
search.fit(X, SearchProblem(n_samples=5000, n_features=5, sparse=False, metric="euclidean"))
{before}
child = os.fork()
if child == 0:
    {within}
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""

HOLD = """
held = threading.Event()
def hold():
    with _numba._lock:
        held.set()
        threading.Event().wait()
threading.Thread(target=hold, daemon=True).start()
held.wait()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
@pytest.mark.parametrize(
    ("before", "within"),
    [
        pytest.param("numba.get_num_threads()", "search.neighbors(5)", id="threads started"),
        pytest.param(HOLD, "assert _numba._lock.acquire(timeout=5)", id="lock held"),
        pytest.param(
            "search.neighbors(5)",
            "search.neighbors(5); search.query(X[:50], 5); search.neighbors(9)",
            id="after a search",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_forked_processes_can_search(before, within):
    """GNU OpenMP ends a child process that uses the threads of its parent."""
    code = FORK.format(before=before, within=within)
    subprocess.run([sys.executable, "-I", "-c", code], check=True, timeout=120)
