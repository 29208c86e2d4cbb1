"""The conformance suite of neighbor searches."""

from __future__ import annotations

import pickle
import signal
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from scipy import sparse

from tsnekit._backends.contracts import check_graph
from tsnekit.interfaces import NeighborGraph, SupportsQuery
from tsnekit.testing._costs import CostUnderTest
from tsnekit.testing._rows import (
    city_block,
    claimed_metrics,
    recall,
    sample,
    true_distances,
    uncompilable,
)
from tsnekit.testing.base import untested

__all__ = ["NeighborSearchConformance"]

UNCLAIMED = "no-such-metric"

N_MANY = 4_000
"""Rows of the test of many rows."""


class NeighborSearchConformance(CostUnderTest):
    """Test a registered neighbor search for everything that its spec claims.

    Subclass it with a name that pytest collects::

        class TestFaiss(NeighborSearchConformance):
            name = "faiss"

    Attributes
    ----------
    name : str
        The registered name.
    options : mapping, default={}
        Options with which the search is built.
    n_samples : int, default=1200
        Rows of the data on which recall is measured.
    distance_tolerance : float, default=1e-5
        Largest error of a distance, relative to the largest distance that is found.
    interruptible : bool, default=True
        Whether Ctrl-C ends a search before it is done.
    metrics : tuple of str, optional
        The claimed metrics to test; all of them by default.
    references : mapping of str to callable, default={}
        For claimed metrics that neither SciPy nor scikit-learn defines: functions of two rows.
        Without its function, such a metric is not tested, and a warning says so. The method
        ``rows(n, metric, seed)`` may be overridden to give rows for which the metric is defined.
    cost_tolerance : float, default=1.7
        How many times the cost may be too high or too low.
    expected_failures : mapping of str to str, default={}
        See `tsnekit.testing.base.Conformance`.
    """

    n_samples: ClassVar[int] = 1200
    interruptible: ClassVar[bool] = True
    k: ClassVar[int] = 20

    def use(self) -> None:
        """Fit, search, and search for new rows if the spec claims so."""
        X = sample(300, "euclidean")
        metric = self.any_metric()
        search = self.fit(X, n_jobs=2)
        search.neighbors(self.k)
        if self.spec().query:
            search.query(self.given(sample(20, "euclidean", seed=1), X, metric), 5)

    # -- The graph, in every metric ------------------------------------------------------------

    def test_is_what_it_claims(self) -> None:
        """It has the methods of the interface, and `query` if the spec claims it."""
        assert isinstance(self.build(), SupportsQuery) or not self.spec().query

    def test_neighbors(self, metric: str) -> None:
        """Neighbors are the true ones, up to the recall claimed, at SciPy's distances."""
        X = self.rows(self.n_samples, metric)
        distances = self.truth(X, metric)
        assert self.spec().unmet(self.problem(X, metric)) == ()
        graph = self.fit(X, metric).neighbors(self.k)
        self.check(graph, distances, self.k)
        assert recall(graph, distances) >= self.claimed_recall()

    def test_neighbors_in_sparse_data(self, sparse_metric: str) -> None:
        """Sparse rows have the neighbors that the same rows have as an array."""
        X = self.rows(self.n_samples // 2, sparse_metric)
        if sparse_metric == "precomputed":
            given = sparse.csr_matrix(true_distances(X, X, "euclidean"))
        else:
            X = np.where(np.abs(X) > 0.7, X, 0)
            given = sparse.csr_matrix(X)
        distances = self.truth(X, sparse_metric)
        problem = self.problem(given, sparse_metric)
        assert self.spec().unmet(problem) == ()
        graph = self.build().fit(given, problem).neighbors(self.k)
        self.check(graph, distances, self.k)
        assert recall(graph, distances) >= self.claimed_recall()

    def test_queries(self, metric: str) -> None:
        """New rows get their nearest rows of the data."""
        if not self.spec().query:
            pytest.skip("finds no neighbors of new rows")
        X, new = self.rows(self.n_samples, metric), self.rows(100, metric, seed=1)
        plain = "euclidean" if metric == "precomputed" else metric
        distances = np.nan_to_num(self.measured(new, X, plain), nan=np.inf)
        queries = self.given(new, X, metric)
        queries.flags.writeable = False
        search = self.fit(X, metric)
        graph = search.query(queries, self.k)
        self.check(graph, distances, self.k, own=False)
        assert recall(graph, distances) >= self.claimed_recall()

    def test_many_rows(self) -> None:
        """A search that does otherwise for many rows finds the neighbors of many rows, too."""
        X = sample(N_MANY, "euclidean")
        metric = self.any_metric()
        graph = self.fit(X, n_jobs=2).neighbors(self.k)
        check_graph(graph, self.build(), (N_MANY, self.k), N_MANY, own=True)
        rows = np.arange(0, N_MANY, 16)
        plain = "euclidean" if metric == "precomputed" else metric
        distances = self.measured(X[rows], X, plain)
        distances[np.arange(len(rows)), rows] = np.inf
        part = NeighborGraph(graph.indices[rows], graph.distances[rows])
        self.check(part, distances, self.k, own=False)
        found = recall(part, distances)
        assert found >= self.claimed_recall(), (
            f"of {N_MANY} rows, it finds {found:.3f} of the neighbors, and claims "
            f"{self.claimed_recall():.3f}"
        )

    def test_claims_without_a_definition(self, unknown_metric: str) -> None:
        """Every claim is tested, or the report says which ones are not."""
        untested(
            f"metric {unknown_metric!r}, which neither SciPy nor scikit-learn defines; give the "
            "suite its function of two rows in `references`"
        )

    # -- Options of the metric -----------------------------------------------------------------

    def test_function_as_metric(self) -> None:
        """A function of two rows is a metric if the spec claims so."""
        X = sample(150, "euclidean")
        problem = self.problem(X, city_block)
        if self.spec().unmet(problem):
            assert self.spec().callable_metrics is False
            return
        graph = self.fit(X, city_block).neighbors(5)
        distances = self.truth(X, "manhattan")
        self.check(graph, distances, 5)
        assert recall(graph, distances) >= self.claimed_recall()

    def test_function_that_cannot_be_compiled(self) -> None:
        """A backend that compiles metrics refuses those that it cannot compile."""
        problem = self.problem(sample(50, "euclidean"), uncompilable)
        if isinstance(self.spec().callable_metrics, str):
            assert self.spec().unmet(problem)

    def test_parameters_of_the_metric(self) -> None:
        """Parameters of a metric have an effect if the spec claims them; else they are refused."""
        X = sample(self.n_samples, "minkowski")
        problem = self.problem(X, "minkowski", metric_params={"p": 3})
        if not self.spec().metric_params:
            assert self.spec().unmet(replace(problem, metric=self.any_metric()))
            return
        assert self.spec().unmet(problem) == ()
        graph = self.build().fit(X, problem).neighbors(self.k)
        self.check(graph, self.truth(X, "minkowski", p=3), self.k)

    def test_refuses_what_it_does_not_claim(self) -> None:
        """`unmet` gives a reason for everything else."""
        spec = self.spec()
        problem = self.problem(sample(50, "euclidean"), self.any_metric())
        assert spec.unmet(problem) == ()
        unclaimed = [replace(problem, metric=UNCLAIMED)]
        if not spec.sparse:
            unclaimed.append(replace(problem, sparse=True))
        if not spec.callable_metrics:
            unclaimed.append(replace(problem, metric=city_block))
        if not spec.query:
            unclaimed.append(replace(problem, needs_query=True))
        for refused in unclaimed:
            assert spec.unmet(refused), f"accepts {refused}"

    # -- Odd data ------------------------------------------------------------------------------

    @pytest.mark.parametrize("copies", [3, 40, 600])
    def test_duplicates(self, copies: int) -> None:
        """A row differs from its duplicates by its index."""
        rows = sample(self.n_samples // copies, "euclidean")
        X = np.repeat(rows, copies, axis=0)
        graph = self.fit(X).neighbors(self.k)
        distances = self.truth(X, self.any_metric())
        self.check(graph, distances, self.k)
        assert recall(graph, distances) >= self.floor()
        np.testing.assert_allclose(graph.distances[:, : min(copies - 1, self.k)], 0, atol=1e-6)

    @pytest.mark.parametrize("group", [2, 6, 15])
    def test_groups_smaller_than_k(self, group: int) -> None:
        """Neighbors are found beyond the gap around a small group of rows."""
        rng = np.random.default_rng(0)
        centers = rng.normal(size=(600 // group, 12)) * 1_000
        X = np.repeat(centers, group, axis=0) + rng.normal(size=(600 // group * group, 12))
        graph = self.fit(X).neighbors(self.k)
        distances = self.truth(X, self.any_metric())
        self.check(graph, distances, self.k)
        assert recall(graph, distances) >= self.floor()

    @pytest.mark.parametrize("n", [2, 3, 10])
    def test_few_rows(self, n: int) -> None:
        """All other rows can be neighbors."""
        X = sample(n, "euclidean")
        search = self.fit(X)
        for k in (1, n - 1):
            self.check(search.neighbors(k), self.truth(X, self.any_metric()), k)

    def test_all_rows_equal(self) -> None:
        """Rows that are all the same have neighbors at distance 0."""
        X = np.ones((300, 4))
        graph = self.fit(X).neighbors(self.k)
        self.check(graph, self.truth(X, self.any_metric()), self.k)

    def test_outlier(self) -> None:
        """A row far from all others spoils nothing."""
        X = sample(500, "euclidean")
        X[17] = 1e6
        graph = self.fit(X).neighbors(self.k)
        distances = self.truth(X, self.any_metric())
        self.check(graph, distances, self.k)
        near = np.arange(len(X)) != 17
        expected = np.take_along_axis(distances[near], graph.indices[near].astype(np.intp), axis=1)
        np.testing.assert_allclose(graph.distances[near], expected, rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("k", [0, -1, 50, 51])
    def test_number_of_neighbors_out_of_range(self, k: int) -> None:
        """Less than 1 or more than n - 1 neighbors is an error."""
        with pytest.raises(ValueError, match="k"):
            self.fit(sample(50, "euclidean")).neighbors(k)

    def test_number_of_neighbors_not_an_integer(self) -> None:
        """A fraction of a neighbor is an error."""
        with pytest.raises(TypeError, match="k"):
            self.fit(sample(50, "euclidean")).neighbors(2.5)

    # -- Types and layouts of data -------------------------------------------------------------

    @pytest.mark.parametrize("layout", ["float32", "float64", "fortran", "strided"])
    def test_data_types_and_layouts(self, layout: str) -> None:
        """Any float array is accepted, is not written to, and has the same neighbors."""
        X = sample(300, "euclidean").astype(np.float32).astype(np.float64)
        metric = self.any_metric()
        distances = self.truth(X, metric)
        data = self.given(X, X, metric)
        if layout == "float32":
            data = data.astype(np.float32)
        elif layout == "fortran":
            data = np.asfortranarray(data)
        elif layout == "strided":
            data = np.repeat(np.repeat(data, 2, axis=0), 2, axis=1)[::2, ::2]
        before = data.copy()
        data.flags.writeable = False
        graph = self.build().fit(data, self.problem(data, metric)).neighbors(self.k)
        self.check(graph, distances, self.k)
        assert recall(graph, distances) >= self.claimed_recall()
        np.testing.assert_array_equal(data, before)

    def test_sparse_data_is_left_as_it_is(self) -> None:
        """Unsorted indices of a sparse matrix stay unsorted."""
        if not claimed_metrics(self.spec(), sparse=True):
            pytest.skip("takes no sparse data")
        X = np.maximum(sample(200, "euclidean"), 0)
        metric = self.any_metric()
        X = sparse.csr_matrix(self.given(X, X, metric))
        # Each row back to front: the same matrix, with unsorted indices.
        ends = np.repeat(X.indptr[:-1] + X.indptr[1:] - 1, np.diff(X.indptr))
        order = ends - np.arange(X.nnz)
        X.data, X.indices = X.data[order], X.indices[order]
        X.has_sorted_indices = False
        parts = [part.copy() for part in (X.data, X.indices, X.indptr)]
        self.build().fit(X, self.problem(X, metric)).neighbors(5)
        for part, before in zip((X.data, X.indices, X.indptr), parts, strict=True):
            np.testing.assert_array_equal(part, before)

    # -- Repetition ----------------------------------------------------------------------------

    @pytest.mark.parametrize("n_jobs", [1, 2, 3])
    def test_same_result_for_the_same_seed(self, n_jobs: int) -> None:
        """The seed decides the result; threads do not change it if the spec claims so."""
        if n_jobs > 1 and not self.spec().deterministic:
            pytest.skip("depends on threads")
        X = sample(self.n_samples, "euclidean")
        first = self.fit(X, seed=5).neighbors(self.k)
        again = self.fit(X, seed=5, n_jobs=n_jobs).neighbors(self.k)
        np.testing.assert_array_equal(again.indices, first.indices)
        np.testing.assert_array_equal(again.distances, first.distances)

    def test_more_threads_than_rows(self) -> None:
        """Threads without work do no harm."""
        X = sample(5, "euclidean")
        graph = self.fit(X, n_jobs=16).neighbors(2)
        self.check(graph, self.truth(X, self.any_metric()), 2)

    def test_one_search_many_answers(self) -> None:
        """What was asked before does not matter."""
        X = sample(400, "euclidean")
        distances = self.truth(X, self.any_metric())
        search = self.fit(X)
        for k in (5, 30, 5):
            graph = search.neighbors(k)
            self.check(graph, distances, k)
            assert recall(graph, distances) >= self.claimed_recall()

    def test_two_searches_side_by_side(self) -> None:
        """Each keeps to its own data."""
        rows = [sample(300, "euclidean", seed=seed) for seed in (1, 2)]
        searches = [self.fit(X) for X in rows]
        for X, search in zip(rows, searches, strict=True):
            distances = self.truth(X, self.any_metric())
            graph = search.neighbors(self.k)
            self.check(graph, distances, self.k)
            assert recall(graph, distances) >= self.claimed_recall()

    def test_queries_before_neighbors(self) -> None:
        """Queries may come first, also for a single row; a row of the data is at distance 0."""
        if not self.spec().query:
            pytest.skip("finds no neighbors of new rows")
        X = sample(400, "euclidean")
        metric = self.any_metric()
        search = self.fit(X)
        graph = search.query(self.given(X[7:8], X, metric), 3)
        assert graph.indices.shape == (1, 3)
        assert graph.indices[0, 0] == 7
        np.testing.assert_allclose(graph.distances[0, 0], 0, atol=1e-5)
        self.check(search.neighbors(self.k), self.truth(X, metric), self.k)

    def test_pickles_in_memory(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """A pickled search gives the same answers, and no file is written for it."""
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        monkeypatch.chdir(tmp_path)
        X = sample(400, "euclidean")
        metric = self.any_metric()
        search = self.fit(X)
        before = search.neighbors(self.k)
        again = pickle.loads(pickle.dumps(search))
        graph = again.neighbors(self.k)
        np.testing.assert_array_equal(graph.indices, before.indices)
        np.testing.assert_array_equal(graph.distances, before.distances)
        if self.spec().query:
            queries = self.given(sample(20, "euclidean", seed=1), X, metric)
            np.testing.assert_array_equal(
                again.query(queries, 5).indices, search.query(queries, 5).indices
            )
        assert list(tmp_path.iterdir()) == []

    def test_ctrl_c(self) -> None:
        """Ctrl-C ends a search soon, and does not affect the next search."""
        if not self.interruptible:
            pytest.skip("cannot be interrupted")
        if not hasattr(signal, "pthread_kill"):
            pytest.skip("no signals for threads here")
        if threading.current_thread() is not threading.main_thread():
            pytest.skip("only the main thread is interrupted")
        X = sample(3000, "euclidean")
        X = self.given(X, X, self.any_metric())
        problem = self.problem(X, self.any_metric(), n_jobs=2)
        main = threading.get_ident()
        ended = threading.Event()
        pressed: list[float] = []

        def search() -> None:
            self.build().fit(X, problem).neighbors(90)

        # Processor time, which a busy machine does not stretch.
        start = time.process_time()
        search()
        half = (time.process_time() - start) / 2

        def press() -> None:
            """Interrupt a search about halfway through."""
            began = time.process_time()
            while time.process_time() - began < half and not ended.wait(0.001):
                pass
            if not ended.is_set():
                pressed.append(time.process_time())
                signal.pthread_kill(main, signal.SIGINT)

        def search_on() -> None:
            thread.start()
            while time.process_time() - start < 60:
                search()

        thread = threading.Thread(target=press)
        # A process that was started in the background may have been told to ignore Ctrl-C.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with pytest.raises(KeyboardInterrupt):
                search_on()
        finally:
            ended.set()
            thread.join()
            signal.signal(signal.SIGINT, before)
        assert time.process_time() - pressed[0] < 20
        self.test_few_rows(10)
