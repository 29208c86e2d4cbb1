"""Blocks of rows: their ranges, owners and shares."""

import pickle

import numpy as np
import pytest

from tsnekit.dask._blocks import Blocks


def test_ranges_hold_every_row_once():
    blocks = Blocks.even(103, 8)
    rows = np.arange(103)
    assert len(blocks) == 8
    assert np.array_equal(np.concatenate([rows[blocks.range(b)] for b in range(8)]), rows)
    assert sum(blocks.sizes) == blocks.n_samples == 103
    assert max(blocks.sizes) - min(blocks.sizes) <= 1


def test_owners_are_the_blocks_whose_ranges_hold_the_rows():
    blocks = Blocks((0, 1, 5, 6, 20))
    owners = blocks.owners(np.arange(20))
    for row, owner in enumerate(owners):
        assert blocks.range(int(owner)).start <= row < blocks.range(int(owner)).stop


def test_there_are_no_more_blocks_than_rows():
    assert Blocks.even(3, 10).sizes == (1, 1, 1)
    assert Blocks.for_workers(2, 4).sizes == (1, 1)


def test_workers_get_a_few_blocks_that_a_task_can_hold():
    assert len(Blocks.for_workers(10_000, 3)) == 12
    assert max(Blocks.for_workers(10_000_001, 3).sizes) <= 100_000
    # Each block has tasks with each other one, so that there are not too many.
    assert len(Blocks.for_workers(10**9, 100)) == 1_000
    assert len(Blocks.for_workers(10**9, 500)) == 1_000
    assert len(Blocks.for_workers(10**9, 2_000)) == 2_000


@pytest.mark.parametrize("n_ranks", [1, 2, 3, 5, 12])
def test_shares_are_consecutive_and_of_similar_sizes(n_ranks):
    blocks = Blocks.even(1201, 12)
    shares = blocks.shares(n_ranks)
    assert [first for first, _ in shares] == [0, *(stop for _, stop in shares[:-1])]
    assert shares[-1][1] == len(blocks)
    rows = [blocks.bounds[stop] - blocks.bounds[first] for first, stop in shares]
    assert min(rows) >= 1201 / n_ranks - 101
    assert max(rows) <= 1201 / n_ranks + 101


def test_every_rank_has_a_block_however_uneven_they_are():
    blocks = Blocks((0, 1, 2, 3, 1000))
    assert blocks.shares(4) == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert blocks.shares(2) == [(0, 3), (3, 4)]
    assert Blocks((0, 1000, 1001, 1002)).shares(3) == [(0, 1), (1, 2), (2, 3)]


@pytest.mark.parametrize("bounds", [(), (0,), (1, 2), (0, 2, 2), (0, 3, 1)])
def test_bounds_are_checked(bounds):
    with pytest.raises(ValueError, match="must start at 0 and increase"):
        Blocks(bounds)


def test_numbers_are_checked():
    with pytest.raises(ValueError, match="at least 1 row and 1 block, got 0 and 2"):
        Blocks.even(0, 2)
    with pytest.raises(ValueError, match="n_ranks must be from 1 to 2, got 3"):
        Blocks.even(5, 2).shares(3)
    with pytest.raises(IndexError, match="block must be from 0 to 1, got 2"):
        Blocks.even(5, 2).range(2)


def test_blocks_are_values():
    blocks = Blocks.even(10, 3)
    assert pickle.loads(pickle.dumps(blocks)) == blocks == Blocks(blocks.bounds)
    assert hash(blocks) == hash(Blocks(blocks.bounds))
    assert blocks != Blocks.even(10, 2)
    assert repr(blocks) == "Blocks(3 of 10 rows)"
