"""New points, and their affinities to the points of a map."""

import pickle

import numpy as np
import pytest
import scipy.sparse

from helpers.maps import using
from tsnekit import PartialTSNEEmbedding


def test_divergence_is_the_mean_of_those_of_the_points(embedding, data):
    partial = embedding.prepare_partial(data[1])
    Y, X = np.asarray(partial, dtype=float), np.asarray(embedding, dtype=float)
    w = 1 / (1 + ((Y[:, None] - X[None]) ** 2).sum(axis=2))
    Q = w / w.sum(axis=1, keepdims=True)
    P = partial.P.toarray().astype(float)
    expected = np.where(P > 0, P * np.log(np.where(P > 0, P, 1) / Q), 0).sum(axis=1).mean()
    assert using(partial, "exact").kl_divergence == pytest.approx(expected, rel=1e-5)


def test_optimization_lowers_the_divergence(embedding, data):
    partial = embedding.prepare_partial(data[1], initialization="random")
    assert partial.optimize(100).kl_divergence < partial.kl_divergence


def test_fault_11_partial_embeddings_are_pickled_whole(embedding, data):
    partial = embedding.prepare_partial(data[1]).optimize(5)
    other = pickle.loads(pickle.dumps(partial))
    assert type(other) is PartialTSNEEmbedding
    np.testing.assert_array_equal(other.reference_embedding, embedding)
    np.testing.assert_array_equal(other.optimize(10), partial.optimize(10))
    np.testing.assert_array_equal(
        other.reference_embedding.transform(data[1], n_iter=5),
        embedding.transform(data[1], n_iter=5),
    )


def test_dense_affinities_are_accepted(embedding, data):
    partial = embedding.prepare_partial(data[1])
    dense = PartialTSNEEmbedding(np.asarray(partial), embedding, partial.P.toarray())
    sparse = PartialTSNEEmbedding(np.asarray(partial), embedding, scipy.sparse.csc_array(partial.P))
    np.testing.assert_array_equal(dense.optimize(5), sparse.optimize(5))


def test_a_random_state_is_accepted_and_changes_nothing(embedding, data):
    partial = embedding.prepare_partial(data[1])
    seeded = PartialTSNEEmbedding(np.asarray(partial), embedding, partial.P, random_state=1)
    np.testing.assert_array_equal(seeded.optimize(5), partial.optimize(5))


@pytest.mark.parametrize(
    ("P", "message"),
    [
        (np.ones((60, 299)), r"P must have 300 columns, got shape \(60, 299\)"),
        (-np.ones((60, 300)), "P must not be negative"),
        (np.full((60, 300), np.nan), "P contains NaN"),
        (np.ones((59, 300)), r"embedding must have shape \(59, 2\)"),
    ],
)
def test_bad_affinities(embedding, P, message):
    with pytest.raises(ValueError, match=message):
        PartialTSNEEmbedding(np.zeros((60, 2)), embedding, P)
