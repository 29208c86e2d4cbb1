"""Tests of the options, of maps of several times, and of maps of batches."""

import numpy as np
import pytest
from tsnekit_aligned import Aligned, fit_in_turn

from tsnekit import TSNE, load

QUICK = {"perplexity": 15, "random_state": 0}


@pytest.fixture(scope="module")
def times():
    """Return four clusters at two times, between which the last one moves to the first."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(4, 8)) * 12
    label = np.arange(240) % 4
    first = centers[label] + rng.normal(size=(240, 8))
    second = first + 0.5 * rng.normal(size=(240, 8))
    second[label == 3] += centers[0] - centers[3]
    return first, second, label


def moved(one, other, rows=slice(None)):
    """Return how far rows moved on average, as a share of the width of the map."""
    lengths = np.linalg.norm(np.asarray(other)[rows] - np.asarray(one)[rows], axis=1)
    return float(lengths.mean() / np.asarray(one).std())


def test_maps_of_two_times_are_near_each_other(times):
    first, second, label = times
    one, other = fit_in_turn([first, second], **QUICK)
    alone, only_start = TSNE(**QUICK).fit(second), fit_in_turn(times[:2], weight=0, **QUICK)[1]
    stayed = label != 3
    assert moved(one, other, stayed) < 0.45
    assert moved(one, other, stayed) < 0.8 * moved(one, only_start, stayed)
    assert moved(one, alone, stayed) > 0.6
    # The cluster that moved in the data also moves in the map, and the map is one of the data.
    centers = [other[label == c].mean(axis=0) for c in range(4)]
    before = [one[label == c].mean(axis=0) for c in range(4)]
    apart, apart_before = (np.linalg.norm(c[3] - c[0]) for c in (centers, before))
    assert apart < 0.3 * apart_before
    assert other.kl_divergence < alone.kl_divergence + 0.1
    assert other.losses["aligned"] < only_start.losses["aligned"]


def test_rows_are_matched_by_their_ids(times):
    first, second, _ = times
    ids = [np.arange(200), np.arange(239, 39, -1)]
    data = [first[ids[0]], second[ids[1]]]
    one, other = fit_in_turn(data, ids, n_iter=100, **QUICK)
    _, rows, known = np.intersect1d(ids[1], ids[0], return_indices=True)
    assert len(rows) == 160
    # Rows without an earlier place come along.
    assert moved(one[known], other[rows]) < 0.6
    assert np.isfinite(np.asarray(other)).all()


def test_matched_rows_of_batches_come_together(times):
    first, second, _ = times
    batches = np.concatenate([first, second + 20])  # a batch effect keeps them apart
    matches = np.stack([np.arange(240), 240 + np.arange(240)], axis=1)
    plain = TSNE(**QUICK).fit(batches)
    forces = ("aligned", {"matches": matches, "weight": 0.05})
    joint = TSNE(**QUICK, forces=forces).fit(batches)
    assert moved(plain[:240], plain[240:]) > 1
    assert moved(joint[:240], joint[240:]) < 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"positions": np.zeros(3)}, "positions must be an array of numbers of shape"),
        ({"positions": np.array([["a"]])}, "positions must be an array of numbers of shape"),
        ({"positions": [[np.inf, 0]]}, "positions must have finite rows, or rows of NaN"),
        ({"positions": [[np.nan, 0]]}, "positions must have finite rows, or rows of NaN"),
        ({"matches": [1, 2]}, "matches must be an array of integers of shape"),
        ({"matches": [[0.5, 1]]}, "matches must be an array of integers of shape"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Aligned(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"positions": np.zeros((300, 2))}, r"\(300, 2\) do not fit a map of 240 points in 2-D"),
        ({"positions": np.zeros((240, 3))}, r"\(240, 3\) do not fit a map of 240 points in 2-D"),
        ({"matches": [[0, 240]]}, "matches name row 240 of a map of 240 points"),
        ({"matches": [[-1, 0]]}, "matches name row -1 of a map of 240 points"),
    ],
)
def test_options_that_do_not_fit_the_data_are_refused_before_any_work(times, options, message):
    with pytest.raises(ValueError, match=message):
        TSNE(forces=("aligned", options)).fit(times[0])


def test_data_sets_without_a_common_row_are_refused(times):
    with pytest.raises(ValueError, match="must have a row in common"):
        fit_in_turn([times[0][:60]] * 2, [range(60), range(60, 120)], n_iter=0, **QUICK)
    with pytest.raises(ValueError, match="one value for each of their rows"):
        fit_in_turn([times[0]], [range(3)])


def test_a_saved_map_goes_on_to_the_bit_and_grows(times, tmp_path):
    first, second, _ = times
    forces = ("aligned", {"positions": np.zeros((100, 2)), "matches": [[0, 1]]})
    embedding = TSNE(**QUICK, n_iter=20, forces=forces).fit(first[:100])
    embedding.save(tmp_path / "map.tsne")
    again = load(tmp_path / "map.tsne")
    np.testing.assert_array_equal(again.optimize(10), embedding.optimize(10))
    assert again.extend(second[:10], n_iter=5).shape == (110, 2)
