"""Maps in tests/data/maps, which an earlier version saved, can still be read."""

from pathlib import Path

import numpy as np
import pytest

import tsnekit

MAPS = Path(__file__).parents[1] / "data" / "maps"


@pytest.fixture(scope="module")
def expected():
    with np.load(MAPS / "expected.npz") as arrays:
        return dict(arrays)


def test_a_full_map(expected, digits):
    embedding = tsnekit.load(MAPS / "full.tsnekit")
    np.testing.assert_array_equal(embedding, expected["full"])
    assert embedding.kl_divergence == pytest.approx(float(expected["full_kl"]), rel=1e-5)
    # The earlier version saved the random state as a tuple.
    draws = np.random.RandomState(1)
    draws.set_state(embedding.random_state.get_state())
    assert draws.normal() == embedding.random_state.normal()
    new = digits[0][:4, ::5].astype(np.float32) + 0.5
    np.testing.assert_allclose(embedding.transform(new), expected["transformed"], atol=1e-3)


def test_a_partial_map_of_a_map_that_has_moved(expected):
    partial = tsnekit.load(MAPS / "partial.tsnekit")
    np.testing.assert_array_equal(partial, expected["partial"])
    assert partial.kl_divergence == pytest.approx(float(expected["partial_kl"]), rel=1e-5)
    assert np.isfinite(partial.optimize(5)).all()
