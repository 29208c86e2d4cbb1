"""Points that keep no more neighbors than chance would are told from the others."""

import numpy as np
import pytest
from scipy import sparse

from tsnekit import TSNE, TSNEEmbedding
from tsnekit.affinity import PrecomputedAffinities
from tsnekit.cli import main
from tsnekit.diagnostics import PointTrust, diagnose
from tsnekit.diagnostics._trust import shuffled

QUICK = {"early_exaggeration_iter": 100, "n_iter": 100, "random_state": 0, "perplexity": 10}


@pytest.fixture(scope="module")
def embedding(blobs):
    return TSNE(**QUICK, learning_rate=20).fit(blobs)


def moved(embedding, rows):
    """Return the map with some points in the places of others that are far away."""
    positions = np.array(embedding)
    positions[rows] = positions[np.roll(rows, 1)]
    parameters = embedding.gradient_descent_params
    found = TSNEEmbedding(positions, embedding.affinities, random_state=0, **parameters)
    found.state.endings = embedding.endings
    return found


def test_points_in_wrong_places_are_doubtful(embedding):
    rows = np.arange(15)  # neighboring rows belong to different clusters
    # Within a cluster there is only noise; neighborhoods of its size are those of the cluster.
    report = diagnose(moved(embedding, rows), n_shuffled=1, n_neighbors=58)
    doubtful = np.zeros(300, dtype=bool)
    doubtful[report.sampled] = report.trust.doubtful
    assert doubtful[rows].mean() > 0.8
    assert doubtful[15:].mean() < 0.1
    assert report.summary()["doubtful_points"] == pytest.approx(doubtful.mean())
    assert "doubtful" in str(report)
    assert report.plot().axes[0].get_title().endswith("of the points are doubtful")


def test_a_map_of_noise_is_doubtful():
    noise = np.random.default_rng(0).normal(size=(200, 10))
    report = diagnose(TSNE(**QUICK, learning_rate=20).fit(noise), n_shuffled=1)
    assert report.trust.doubtful.mean() > 0.8
    # Of points that differ from those of the null by chance alone, p-values are even.
    assert 0.3 < report.trust.p_values.mean() < 0.75


def test_p_values():
    trust = PointTrust(kept=np.array([0, 0.5, 1]), kept_by_chance=np.array([0, 0.1, 0.5, 0.6]))
    np.testing.assert_allclose(trust.p_values, [1, 3 / 5, 1 / 5])
    assert trust.doubtful.tolist() == [True, True, True]
    assert "100.0% of 3 points are doubtful" in repr(trust)


@pytest.mark.parametrize("kind", [np.array, sparse.csr_matrix])
def test_shuffled_columns_keep_their_values(kind):
    X = np.arange(40.0).reshape(10, 4) * (np.arange(40).reshape(10, 4) % 3 > 0)
    given = kind(X)
    found = shuffled(given, np.random.RandomState(0))
    dense = found.toarray() if sparse.issparse(found) else found
    np.testing.assert_array_equal(np.sort(dense, axis=0), np.sort(X, axis=0))
    assert not np.array_equal(dense, X)
    np.testing.assert_array_equal(given.toarray() if sparse.issparse(given) else given, X)


def test_where_nothing_can_be_shuffled(blobs, embedding):
    ring = np.roll(np.eye(60), 1, axis=1)
    of_matrix = TSNE(**QUICK, learning_rate=20).fit(affinities=PrecomputedAffinities(ring + ring.T))
    with pytest.raises(ValueError, match=r"n_shuffled must be 0 .* computed from data"):
        diagnose(of_matrix, blobs[:60], n_shuffled=1)
    D = np.linalg.norm(blobs[:60, None] - blobs[None, :60], axis=2)
    of_distances = TSNE(**QUICK, learning_rate=20, metric="precomputed").fit(D)
    with pytest.raises(ValueError, match="its data are distances"):
        diagnose(of_distances, n_shuffled=1)
    with pytest.raises(ValueError, match="n_shuffled must be"):
        diagnose(embedding, n_shuffled=-1)


def test_on_the_command_line(embedding, tmp_path, capsys):
    embedding.save(tmp_path / "map.tsnekit")
    command = ["diagnose", str(tmp_path / "map.tsnekit"), "--n-shuffled", "1"]
    assert main([*command, "--report", str(tmp_path / "map.png")]) == 0
    assert "doubtful_points" in capsys.readouterr().out
    assert (tmp_path / "map.png").stat().st_size > 1000
