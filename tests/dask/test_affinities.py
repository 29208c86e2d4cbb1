"""P computed by a cluster is that of one machine."""

import numpy as np
import pytest

from helpers.neighbors import exact

pytest.importorskip("distributed", reason="dask and distributed are missing")

from tsnekit.affinity._matrix import joint_affinities
from tsnekit.affinity._search import build_kernel
from tsnekit.dask import _affinities
from tsnekit.dask._affinities import affinities
from tsnekit.dask._blocks import Blocks
from tsnekit.interfaces import NeighborGraph


def by_blocks(client, graph, blocks, kernel):
    graphs = [
        NeighborGraph(graph.indices[blocks.range(b)], graph.distances[blocks.range(b)])
        for b in range(len(blocks))
    ]
    return client.gather(affinities(client, client.scatter(graphs), blocks, kernel))


def check_equal(parts, blocks, whole):
    """Columns are equal, and values up to the rounding of float32."""
    for b, part in enumerate(parts):
        rows = blocks.range(b)
        places = slice(whole.indptr[rows.start], whole.indptr[rows.stop])
        assert part.shape == (rows.stop - rows.start, blocks.n_samples)
        types = part.indptr.dtype, part.indices.dtype, part.data.dtype
        assert types == (np.int64, np.int32, np.float32)
        assert np.array_equal(part.indptr, whole.indptr[rows.start : rows.stop + 1] - places.start)
        assert np.array_equal(part.indices, whole.indices[places])
        assert np.allclose(part.data, whole.data[places], rtol=3e-7, atol=0)


@pytest.mark.parametrize("bounds", [(0, 300), (0, 1, 2, 150, 299, 300), tuple(range(0, 301, 20))])
@pytest.mark.parametrize("name", ["perplexity", "uniform"])
def test_p_is_that_of_one_machine(client, blobs, bounds, name):
    blocks = Blocks(bounds)
    kernel = build_kernel(name, **({"perplexity": 10} if name == "perplexity" else {}))
    graph = exact(blobs).neighbors(kernel.n_neighbors(300))
    parts = by_blocks(client, graph, blocks, kernel)
    whole = joint_affinities(graph.indices, kernel.weights(graph.distances))
    check_equal(parts, blocks, whole)
    assert sum(part.data.sum(dtype=np.float64) for part in parts) == pytest.approx(1, abs=1e-6)


def test_p_is_symmetric_to_the_bit(client, digits):
    blocks = Blocks.even(1797, 5)
    kernel = build_kernel("perplexity", perplexity=20)
    parts = by_blocks(client, exact(digits[0]).neighbors(60), blocks, kernel)
    dense = np.zeros((1797, 1797), dtype=np.float32)
    for b, part in enumerate(parts):
        rows = np.repeat(np.arange(len(part.indptr) - 1), np.diff(part.indptr))
        dense[rows + blocks.range(b).start, part.indices] = part.data
    assert np.array_equal(dense, dense.T)


def test_equal_rows_and_edges_without_weight_are_those_of_one_machine(client):
    X = np.zeros((40, 3), dtype=np.float32)
    X[30:] = np.random.default_rng(0).normal(size=(10, 3)) * 1e4
    graph = exact(X).neighbors(39)
    kernel = build_kernel("fixed_sigma", sigma=1.0)
    weights = kernel.weights(graph.distances)
    assert (weights == 0).any()
    blocks = Blocks((0, 7, 31, 40))
    check_equal(
        by_blocks(client, graph, blocks, kernel), blocks, joint_affinities(graph.indices, weights)
    )


@pytest.mark.parametrize("at_once", [1, 50, 1000])
def test_rows_may_be_joined_a_few_at_a_time(blobs, at_once, monkeypatch):
    monkeypatch.setattr(_affinities, "ENTRIES_AT_ONCE", at_once)
    graph, blocks = exact(blobs).neighbors(9), Blocks.even(300, 2)
    kernel = build_kernel("perplexity", perplexity=3, k_neighbors=9)
    parts = [
        NeighborGraph(graph.indices[blocks.range(b)], graph.distances[blocks.range(b)])
        for b in (0, 1)
    ]
    sent = [_affinities._weighed(parts[b], blocks, b, kernel, 1) for b in (0, 1)]
    total = sum(_affinities._sum(part[0]) for part in sent)
    joined = [
        _affinities._joined(sent[b][0], [part[1 + b] for part in sent], blocks.bounds[b], total)
        for b in (0, 1)
    ]
    check_equal(joined, blocks, joint_affinities(graph.indices, kernel.weights(graph.distances)))


class Negative:
    def n_neighbors(self, n_samples):
        return 5

    def weights(self, distances, *, n_jobs=1):
        return -distances


def test_weights_of_a_kernel_are_checked(client, blobs):
    with pytest.raises(ValueError, match=r"Negative .* returned negative weights"):
        by_blocks(client, exact(blobs).neighbors(5), Blocks.even(300, 2), Negative())
