"""Lists from several searches, merged: the nearest, each once, ties by index."""

import numpy as np
import pytest

from tsnekit.dask import _candidates
from tsnekit.dask._candidates import Candidates, check_complete, merge


def by_definition(parts, rows, k):
    """The k nearest of each row, by a dictionary."""
    lists = []
    for row in range(rows.start, rows.stop):
        known = {}
        for part in parts:
            for place in np.flatnonzero(part.rows == row):
                for j, d in zip(part.indices[place], part.distances[place], strict=True):
                    if j >= 0 and np.isfinite(d):
                        known[int(j)] = min(float(d), known.get(int(j), np.inf))
        found = sorted((d, j) for j, d in known.items())[:k]
        lists.append(found + [(np.inf, -1)] * (k - len(found)))
    return (
        np.array([[j for _, j in found] for found in lists]),
        np.array([[d for d, _ in found] for found in lists]),
    )


def random_parts(rng, rows, n, count):
    parts = []
    for _ in range(count):
        some = np.flatnonzero(rng.random(rows.stop - rows.start) < 0.7) + rows.start
        shape = (len(some), int(rng.integers(1, 9)))
        indices = rng.integers(-1, n, shape).astype(np.int32)
        # Few values, so that there are ties; some are not finite.
        distances = rng.choice([0.0, -0.0, 0.25, 0.5, 1.0, 3.0, np.inf, -0.5], shape)
        parts.append(Candidates(some, indices, distances.astype(np.float32)))
    return parts


@pytest.mark.parametrize("seed", range(10))
def test_the_nearest_are_those_by_definition(seed, monkeypatch):
    monkeypatch.setattr(_candidates, "ROWS_AT_ONCE", 7)
    rng = np.random.default_rng(seed)
    rows = slice(5, 38)
    parts = random_parts(rng, rows, 40, int(rng.integers(1, 5)))
    found = merge(parts, rows, 6)
    indices, distances = by_definition(parts, rows, 6)
    assert np.array_equal(found.indices, indices)
    assert np.array_equal(found.distances, distances)
    assert np.array_equal(found.rows, np.arange(5, 38))


def test_the_order_of_the_parts_does_not_matter():
    parts = random_parts(np.random.default_rng(0), slice(0, 30), 40, 4)
    one, other = (merge(given, slice(0, 30), 5) for given in (parts, parts[::-1]))
    assert np.array_equal(one.indices, other.indices)
    assert np.array_equal(one.distances, other.distances)


def test_a_candidate_with_two_roundings_of_its_distance_counts_once():
    one = Candidates(np.array([0]), np.array([[7, 3]], np.int32), np.array([[1, 2]], np.float32))
    above = np.nextafter(np.float32(1), np.float32(2))
    far = np.array([[above, 3]], np.float32)
    two = Candidates(np.array([0]), np.array([[7, 9]], np.int32), far)
    found = merge([two, one], slice(0, 1), 3)
    assert found.indices.tolist() == [[7, 3, 9]]
    assert found.distances.tolist() == [[1, 2, 3]]


def test_the_largest_row_number_is_a_candidate_like_others():
    last = 2**31 - 1
    part = Candidates(np.array([4]), np.array([[last]], np.int32), np.array([[np.float32(3e38)]]))
    assert merge([part], slice(4, 5), 1).indices.tolist() == [[last]]


def test_too_few_candidates_are_an_error_that_names_the_row():
    part = Candidates(np.array([3]), np.array([[4, 3]], np.int32), np.zeros((1, 2), np.float32))
    found = merge([part.without_self()], slice(3, 5), 2)
    with pytest.raises(ValueError, match=r"row 3 has only 1 neighbors at a finite.*\(2 such rows"):
        check_complete(found, "cosine")
    assert check_complete(merge([part.without_self()], slice(3, 4), 1), "cosine").indices == [[4]]
