"""Blocks of P that become parts of one matrix."""

import itertools

import numpy as np
from scipy.sparse import csr_matrix, random

from tsnekit.dask._stack import stacked
from tsnekit.interfaces import SparseAffinities


def blocks_of(P, bounds):
    parts = [P[first:last] for first, last in itertools.pairwise(bounds)]
    return [
        SparseAffinities(
            part.indptr.astype(np.int64), part.indices.copy(), part.data.copy(), part.shape
        )
        for part in parts
    ]


def as_csr(matrix):
    return csr_matrix((matrix.data, matrix.indices, matrix.indptr), matrix.shape)


def test_blocks_share_the_memory_of_the_whole():
    P = random(50, 80, density=0.2, format="csr", dtype=np.float32, random_state=0)
    blocks = blocks_of(P, [0, 10, 11, 40, 50])
    before = [as_csr(block).toarray() for block in blocks]
    given = list(blocks)
    whole = stacked(given)
    assert given == []
    np.testing.assert_array_equal(as_csr(whole).toarray(), P.toarray())
    for block, values in zip(blocks, before, strict=True):
        np.testing.assert_array_equal(as_csr(block).toarray(), values)
        assert np.shares_memory(block.data, whole.data)
        assert np.shares_memory(block.indices, whole.indices)
    again = stacked(list(blocks))
    assert np.shares_memory(again.data, whole.data)
    np.testing.assert_array_equal(as_csr(again).toarray(), P.toarray())
    # Another rank has only some of them, or some in another order.
    some = stacked(blocks[1:3])
    assert np.shares_memory(some.data, whole.data)
    np.testing.assert_array_equal(as_csr(some).toarray(), P[10:40].toarray())
    turned = stacked([blocks[2], blocks[0]])
    np.testing.assert_array_equal(
        as_csr(turned).toarray(), np.vstack([P[11:40].toarray(), P[:10].toarray()])
    )


def test_blocks_without_entries():
    P = csr_matrix((6, 6), dtype=np.float32)
    whole = stacked(blocks_of(P, [0, 2, 6]))
    assert whole.shape == (6, 6)
    assert whole.indptr.tolist() == [0] * 7
    again = blocks_of(random(4, 9, density=0.5, format="csr", dtype=np.float32), [0, 4])
    assert stacked(again[:1]).data is again[0].data
