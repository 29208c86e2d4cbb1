"""Maps that grow."""

import numpy as np
import pytest
import scipy.sparse

from tsnekit import TSNE, TSNEEmbedding
from tsnekit.affinity import PerplexityBasedNN, PrecomputedAffinities


@pytest.mark.parametrize("neighbors", ["exact", "annoy"])
def test_affinities_of_the_grown_map_are_those_of_all_the_data(data, neighbors):
    settings = {"perplexity": 15, "method": neighbors, "random_state": 0}
    old = PerplexityBasedNN(data[0], **settings)
    P = old.P.toarray()
    grown = old.extended(data[1])
    assert type(grown) is PerplexityBasedNN
    assert grown.n_samples == 360
    expected = PerplexityBasedNN(np.concatenate(data), **settings)
    np.testing.assert_array_equal(grown.P.toarray(), expected.P.toarray())
    np.testing.assert_array_equal(old.P.toarray(), P)
    assert old.n_samples == 300


def test_extended_map(embedding, data):
    before = np.array(embedding)
    grown = embedding.extend(data[1])
    assert type(grown) is TSNEEmbedding
    assert grown.shape == (360, 2)
    assert grown.state.iteration == 250
    assert {"neighbors", "affinities", "optimization"} <= set(grown.seconds)
    np.testing.assert_array_equal(embedding, before)
    model = TSNE(n_iter=250, early_exaggeration_iter=80, random_state=0, perplexity=15)
    whole = model.fit(np.concatenate(data))
    assert grown.kl_divergence < 1.05 * whole.kl_divergence
    # Old points stay on their side of the map, and new points lie in their cluster.
    for axis in (0, 1):
        assert np.corrcoef(grown[:300, axis], before[:, axis])[0, 1] > 0.95
    distances = np.linalg.norm(grown[300:, None] - grown[None, :300], axis=2)
    np.testing.assert_array_equal(distances.argmin(axis=1) % 6, np.arange(60) % 6)
    assert np.isfinite(grown.transform(data[1], n_iter=5)).all()


def test_old_points_can_stay(embedding, data):
    grown = embedding.extend(data[1], fixed=True, n_iter=30)
    np.testing.assert_array_equal(grown[:300], embedding)
    half = embedding.extend(data[1], fixed=np.arange(300) < 150, n_iter=30)
    np.testing.assert_array_equal(half[:150], embedding[:150])
    assert (half[150:300] != embedding[150:]).any()


def test_new_points_form_a_cluster_of_their_own(embedding, data):
    rng = np.random.default_rng(5)
    new = (rng.normal(size=(60, 12)) - 12).astype(np.float32)
    grown = embedding.extend(new, n_iter=300)
    between = np.linalg.norm(grown[300:, None] - grown[None, :300], axis=2)
    within = np.linalg.norm(grown[300:, None] - grown[None, 300:], axis=2)
    assert np.median(within) < np.median(between) / 2
    assert (np.sort(within, axis=1)[:, 1] < between.min(axis=1)).mean() > 0.9


def test_equal_new_rows_do_not_end_in_one_place(embedding, data):
    grown = embedding.extend(np.repeat(data[1][:1], 10, axis=0), n_iter=0)
    assert len(np.unique(np.asarray(grown)[300:], axis=0)) == 10
    assert np.linalg.norm(np.ptp(grown[300:], axis=0)) < embedding.std()


def test_optimizers_start_afresh(embedding, data):
    before = embedding.optimizer.state()
    grown = embedding.extend(data[1], n_iter=0)
    assert grown.optimizer is not embedding.optimizer
    np.testing.assert_array_equal(grown.optimizer.state()["update"], np.zeros((360, 2)))
    np.testing.assert_array_equal(embedding.optimizer.state()["gains"], before["gains"])


def test_affinities_of_all_points_can_be_given(embedding, data):
    joint = PerplexityBasedNN(np.concatenate(data), perplexity=15, random_state=0)
    np.testing.assert_array_equal(
        embedding.extend(data[1], affinities=joint, n_iter=5), embedding.extend(data[1], n_iter=5)
    )
    start = np.random.default_rng(0).normal(size=(60, 2))
    grown = embedding.extend(affinities=joint, initialization=start, n_iter=0)
    np.testing.assert_array_equal(grown[300:], start.astype(np.float32))


def test_sparse_rows(data):
    sparse = [scipy.sparse.csr_matrix(np.maximum(X, 0)) for X in data]
    model = TSNE(n_iter=10, early_exaggeration_iter=5, initialization="random", random_state=0)
    embedding = model.set_params(neighbors="exact").fit(sparse[0])
    assert embedding.extend(sparse[1], n_iter=5).shape == (360, 2)
    assert embedding.extend(sparse[1].toarray(), n_iter=5).shape == (360, 2)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"X": None}, ValueError, "extend needs X, or else"),
        ({"X": np.zeros((3, 11))}, ValueError, "has 11 features"),
        ({"fixed": np.zeros(5)}, ValueError, "fixed must have a value for each of the 300"),
        ({"initialization": "pca"}, ValueError, "initialization must be one of"),
        ({"initialization": np.zeros((3, 2))}, ValueError, r"must have shape \(60, 2\)"),
        ({"k": 0}, ValueError, "k must be at least 1"),
        ({"n_iter": -1}, ValueError, "n_iter must be at least 0"),
        ({"learning_rat": 1}, TypeError, "did you mean 'learning_rate'"),
    ],
)
def test_bad_parameters(embedding, data, parameters, error, message):
    with pytest.raises(error, match=message):
        embedding.extend(**({"X": data[1]} | parameters))


def test_affinities_of_another_number_of_points(embedding, data, fitted):
    with pytest.raises(ValueError, match="affinities must be those of 300 old and then 60 new"):
        embedding.extend(data[1], affinities=fitted.affinities)


def test_affinities_that_cannot_grow_say_so(fitted, data):
    given = TSNEEmbedding(np.asarray(fitted), PrecomputedAffinities(fitted.affinities.P))
    with pytest.raises(NotImplementedError, match="no affinities of new rows"):
        given.extend(data[1])
    with pytest.raises(NotImplementedError, match="cannot be extended by new rows"):
        given.affinities.extended(data[1])
