"""Neighbors found by a cluster, against exact search on one machine."""

import logging

import numpy as np
import pytest
from scipy import sparse

from helpers.delayed_rows import delayed_rows
from helpers.neighbors import exact, problem, share_found

pytest.importorskip("distributed", reason="dask and distributed are missing")

from tsnekit.dask import _partitioned
from tsnekit.dask._blocks import Blocks
from tsnekit.dask._neighbors import find_neighbors
from tsnekit.errors import BackendUnavailableError, UnknownPluginError
from tsnekit.interfaces import NeighborGraph


@pytest.fixture(scope="module")
def cloud():
    """Rows in twelve clusters of different sizes, (3000, 8)."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(12, 8)) * 3
    cluster = rng.choice(12, 3000, p=np.arange(1, 13) / 78)
    return (centers[cluster] + rng.normal(size=(3000, 8))).astype(np.float32)


def whole(client, found):
    graphs = client.gather(found.graphs)
    return NeighborGraph(
        np.concatenate([graph.indices for graph in graphs]),
        np.concatenate([graph.distances for graph in graphs]),
    )


def check_graph(graph, X, **facts):
    """Distances are true and ascend; no neighbor comes twice, and no row is its own."""
    n, k = graph.indices.shape
    assert graph.indices.dtype == np.int32
    assert graph.distances.dtype == np.float32
    assert (np.diff(graph.distances, axis=1) >= 0).all()
    assert (graph.indices != np.arange(n)[:, None]).all()
    assert all(len(set(row)) == k for row in graph.indices.tolist())
    rows = np.random.default_rng(0).choice(n, 20)
    for row in rows:
        near = exact(X[graph.indices[row]], **facts).query(X[[row]], k)
        assert np.allclose(near.distances[0], graph.distances[row], rtol=1e-5, atol=1e-6)


def test_partitions_find_nearly_all_neighbors(client, cloud):
    rows, blocks = delayed_rows(cloud, [700, 1, 1500, 799]), Blocks.even(3000, 5)
    found = find_neighbors(client, rows, blocks, k=15, partition_rows=900)
    graph = whole(client, found)
    check_graph(graph, cloud)
    recall = share_found(graph, exact(cloud).neighbors(15))
    assert found.n_partitions > 4
    assert found.overlap >= 2
    assert recall >= 0.94
    assert found.estimated_recall == pytest.approx(recall, abs=0.03)
    assert found.choice.recall == found.estimated_recall


@pytest.mark.parametrize("metric", ["cosine", "manhattan"])
def test_partitions_serve_any_metric(client, cloud, metric):
    rows, blocks = delayed_rows(cloud, 3), Blocks.even(3000, 2)
    found = find_neighbors(client, rows, blocks, k=10, metric=metric, partition_rows=1000)
    graph = whole(client, found)
    check_graph(graph, cloud, metric=metric)
    assert share_found(graph, exact(cloud, metric=metric).neighbors(10)) >= 0.94


def furthest(a, b):
    return float(np.abs(a - b).max())


@pytest.mark.parametrize("case", ["sparse", "jaccard", "function"])
def test_partitions_serve_sparse_rows_sets_and_functions(client, cloud, case):
    X, metric = cloud[:400], "euclidean"
    if case == "sparse":
        X = sparse.csr_matrix(np.maximum(X, 0))
    elif case == "jaccard":
        X, metric = sparse.csr_matrix((X > 0).astype(np.float32)), "jaccard"
    else:
        X, metric = X[:120], furthest
    n = X.shape[0]
    found = find_neighbors(
        client,
        delayed_rows(X, 3),
        Blocks.even(n, 3),
        neighbors=Exhaustive(),
        metric=metric,
        k=5,
        partition_rows=n // 2,
        overlap=3,
    )
    graph = whole(client, found)
    assert found.n_partitions > 2
    truth = exact(X, metric=metric).neighbors(5)
    reached = graph.distances <= truth.distances[:, -1:] * (1 + 1e-5)
    assert reached.mean() >= 0.94
    assert found.estimated_recall == pytest.approx(reached.mean(), abs=0.03)


class Exhaustive:
    """A search of a plugin, which cannot be told to be exact."""

    def fit(self, X, problem):
        from tsnekit.plugins.neighbors.exact import ExactSearch

        self.search = ExactSearch().fit(X, problem)
        return self

    def neighbors(self, k):
        return self.search.neighbors(k)


class Lossy(Exhaustive):
    """A search that finds the nearer half of the neighbors only."""

    def neighbors(self, k):
        found = self.search.neighbors(k)
        found.indices[:, k // 2 :] = -1
        return found


def test_an_instance_serves_each_partition(client, cloud):
    rows = delayed_rows(cloud[:1000], 4)
    search = Exhaustive()
    found = find_neighbors(
        client, rows, Blocks.even(1000, 3), neighbors=search, k=10, partition_rows=400
    )
    assert found.choice.name == "Exhaustive"
    assert found.n_partitions > 2
    assert not hasattr(search, "search")
    assert share_found(whole(client, found), exact(cloud[:1000]).neighbors(10)) >= 0.94
    with pytest.raises(ValueError, match="Exhaustive cannot find neighbors of new rows"):
        client.compute(found.query(rows.chunks[:1], rows.sizes[:1], 3)[0]).result()


def test_too_few_neighbors_are_an_error(client, cloud):
    with pytest.raises(ValueError, match="has only 5 neighbors at a finite distance, but 10"):
        find_neighbors(
            client, delayed_rows(cloud[:300], 2), Blocks.even(300, 2), neighbors=Lossy(), k=10
        )


def test_one_partition_gives_the_graph_of_one_machine(client, cloud):
    X = cloud[:1500]
    found = find_neighbors(
        client, delayed_rows(X, 3), Blocks.even(1500, 4), neighbors="annoy", k=12, seed=7
    )
    assert found.n_partitions == 1
    from tsnekit.plugins.neighbors.annoy import AnnoySearch

    one = AnnoySearch().fit(X, problem(X, seed=7)).neighbors(12)
    graph = whole(client, found)
    assert np.array_equal(graph.indices, one.indices)
    assert np.array_equal(graph.distances, one.distances)


@pytest.mark.parametrize("case", ["digits", "sparse", "cosine", "few rows"])
def test_exact_search_finds_what_it_finds_on_one_machine(client, digits, cloud, case):
    X, metric, neighbors = digits[0], "euclidean", "exact"
    if case == "sparse":
        X = sparse.csr_matrix(np.maximum(cloud[:500] - 1, 0))
    elif case == "cosine":
        X, metric = cloud[:700], "cosine"
    elif case == "few rows":
        X, neighbors = cloud[:90], "auto"
    n = X.shape[0]
    sizes = [1, n // 3, n // 2, n - 1 - n // 3 - n // 2]
    found = find_neighbors(
        client,
        delayed_rows(X, sizes),
        Blocks((0, n // 2 + 3, n)),
        neighbors=neighbors,
        metric=metric,
        k=20,
    )
    graph, truth = whole(client, found), exact(X, metric=metric).neighbors(20)
    assert found.choice.name == "exact"
    assert found.estimated_recall == 1.0
    assert np.allclose(graph.distances, truth.distances, rtol=1e-6, atol=1e-6)
    if case == "digits":  # integers, so that no distance is rounded in two ways
        assert np.array_equal(graph.indices, truth.indices)
    assert share_found(graph, truth) > 0.999


def test_equal_rows_are_dealt_out_and_found(client):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 4)).astype(np.float32)
    X[100:800] = X[100]
    found = find_neighbors(
        client, delayed_rows(X, 3), Blocks.even(900, 2), neighbors=Exhaustive(), k=10,
        partition_rows=200,
    )  # fmt: skip
    graph = whole(client, found)
    assert found.n_partitions >= 8
    assert (graph.distances[100:800] == 0).all()
    assert found.estimated_recall >= 0.95


def test_the_same_seed_gives_the_same_graph(client, cloud):
    rows, blocks = delayed_rows(cloud[:2400], 3), Blocks.even(2400, 2)
    graphs = [
        whole(client, find_neighbors(client, rows, blocks, k=8, partition_rows=1500, seed=seed))
        for seed in (1, 1)
    ]
    assert np.array_equal(graphs[0].indices, graphs[1].indices)
    assert np.array_equal(graphs[0].distances, graphs[1].distances)


def test_partitions_that_do_not_fit_at_once_are_searched_in_turn(client, cloud, monkeypatch):
    rows, blocks = delayed_rows(cloud[:1200], 3), Blocks.even(1200, 3)
    graphs = []
    for share in (1.0, 1e-9):
        monkeypatch.setattr(_partitioned, "WAVE_SHARE", share)
        found = find_neighbors(
            client, rows, blocks, neighbors=Exhaustive(), k=8, partition_rows=500
        )
        graphs.append(whole(client, found))
    assert np.array_equal(graphs[0].indices, graphs[1].indices)
    assert np.array_equal(graphs[0].distances, graphs[1].distances)


def test_waves_hold_no_more_than_their_limit():
    sizes = np.array([3.0, 3.0, 1.0, 9.0, 2.0, 2.0])
    assert _partitioned._waves(sizes, 6.0) == [[0, 1], [2], [3], [4, 5]]


def ancestors(graph, key):
    """Return the keys of all tasks that must end before a task begins."""
    found, left = set(), [key]
    while left:
        for each in graph.get_all_dependencies()[left.pop()] - found:
            found.add(each)
            left.append(each)
    return found


@pytest.mark.parametrize("neighbors", ["auto", "exact"])
def test_new_rows_find_their_neighbors(client, cloud, neighbors, monkeypatch):
    X, new = cloud[:2500], cloud[2500:]
    found = find_neighbors(
        client, delayed_rows(X, 3), Blocks.even(2500, 3), neighbors=neighbors, k=8,
        partition_rows=900,
    )  # fmt: skip
    rows = delayed_rows(new, 5)
    graphs = client.gather(client.compute(found.query(rows.chunks, rows.sizes, 5)))
    indices = np.concatenate([graph.indices for graph in graphs])
    truth = exact(X).query(new, 5)
    assert share_found(NeighborGraph(indices, None), truth) >= (0.94 if neighbors == "auto" else 1)
    if neighbors == "exact":
        return
    # Where memory is short, a partition is only gathered when the one before it was queried.
    of_a_row = 2 * 32 + 8 * 5 * (found.overlap + 1)
    memory = 2 * max(rows.sizes) * of_a_row
    monkeypatch.setattr(
        _partitioned, "WAVE_SHARE", memory / _partitioned.capacity_of(client).total_bytes
    )
    tasks = found.query(rows.chunks, rows.sizes, 5)
    for one, other in zip(client.gather(client.compute(tasks)), graphs, strict=True):
        np.testing.assert_array_equal(one.indices, other.indices)
        np.testing.assert_array_equal(one.distances, other.distances)
    graph = tasks[1].dask
    fits = {key for key in graph if key.startswith("tsnekit-query-fit-")}
    queries = {key for key in graph if key.startswith("tsnekit-query-query-")}
    assert len(fits) == found.n_partitions
    before = max((ancestors(graph, key) for key in fits), key=lambda keys: len(keys & fits))
    assert len(before & fits) >= found.n_partitions - 2
    assert len(before & queries) == 2 * len(before & fits)  # those of two chunks


def test_overlap_grows_where_too_few_neighbors_are_found(client, caplog):
    # Rows without clusters, in many small partitions.
    X = np.random.default_rng(0).normal(size=(2000, 10)).astype(np.float32)
    with caplog.at_level(logging.INFO, logger="tsnekit"):
        found = find_neighbors(
            client, delayed_rows(X, 2), Blocks.even(2000, 2), neighbors=Exhaustive(), k=10,
            partition_rows=500, recall_floor=0.9,
        )  # fmt: skip
    assert found.overlap > 2
    assert found.estimated_recall >= 0.9
    assert "with 2 partitions for each row" in caplog.text
    assert f"each row in {found.overlap} of them, {found.estimated_recall:.3f}" in caplog.text


def test_a_search_that_misses_too_many_is_reported(client, cloud, caplog):
    class Careless(Exhaustive):
        def neighbors(self, k):
            found = self.search.neighbors(k + 20)
            return NeighborGraph(found.indices[:, 20:], found.distances[:, 20:])

    with caplog.at_level(logging.WARNING, logger="tsnekit"):
        found = find_neighbors(
            client, delayed_rows(cloud[:500], 2), Blocks.even(500, 2), neighbors=Careless(), k=10
        )
    assert found.estimated_recall < 0.1
    assert "a more accurate search would find more" in caplog.text


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"k": 100}, ValueError, "k=100 neighbors need more than 100 rows"),
        ({"overlap": 1}, ValueError, "overlap must be at least 2, got 1"),
        ({"recall_floor": 1.5}, ValueError, "recall_floor must be at most 1, got 1.5"),
        ({"partition_rows": 3}, ValueError, "partition_rows must be at least 6, got 3"),
        ({"metric": "precomputed"}, ValueError, "cannot be precomputed on a cluster"),
        ({"neighbors": "precomputed"}, ValueError, "cannot be precomputed on a cluster"),
        ({"metric": "seuclidean"}, ValueError, "'seuclidean' needs V in metric_params"),
        ({"metric": "mahalanobis"}, ValueError, "'mahalanobis' needs VI in metric_params"),
        ({"metric": "unheard"}, UnknownPluginError, "unheard"),
        ({"neighbors": "annoy", "metric": "jaccard"}, BackendUnavailableError, "jaccard"),
        ({"neighbors": "annoy", "neighbors_params": {"trees": 3}}, TypeError, "trees"),
    ],
)
def test_bad_input_is_refused_before_any_work(options, error, message):
    rows = delayed_rows(np.eye(100, dtype=np.float32), 2)
    with pytest.raises(error, match=message):
        find_neighbors(None, rows, Blocks.even(100, 2), **{"k": 5, **options})


@pytest.mark.parametrize(("overlap", "count"), [(2, 8), (3, 12)])
def test_cells_fit_without_being_many(overlap, count):
    from tsnekit.dask._centers import choose_centers, nearest_centers
    from tsnekit.dask._searches import Recipe

    rng = np.random.default_rng(0)
    sizes = (800, 400, 200, 100, 100, 100, 100, 50, 50, 50, 25, 25)
    middles = rng.normal(size=(len(sizes), 8)) * 3
    X = np.repeat(middles, sizes, axis=0) + rng.normal(size=(sum(sizes), 8))
    ruler = Recipe(method="exact")
    # With cells of one size, `count` of them would do.
    centers = choose_centers(X, count, overlap=overlap, most=0.25, least=0.01, ruler=ruler, seed=0)
    cells = nearest_centers(X, centers, ruler, overlap)
    assert np.bincount(cells.ravel()).max() <= 0.25 * len(X)
    assert len(centers) <= 1.7 * count
