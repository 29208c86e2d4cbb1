"""Tests of the formula, and of maps of clusters whose densities differ."""

import numpy as np
import pytest
from tsnekit_density import Density, density_correlation, log_radii

from tsnekit import TSNE, load
from tsnekit.errors import BackendUnavailableError
from tsnekit.forces import ForceProblem
from tsnekit.interfaces import NeighborGraph, SparseAffinities


@pytest.fixture(scope="module")
def clusters():
    """Five clusters in ten dimensions, the widest eight times as wide as the narrowest."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(5, 10)) * 30
    label = np.arange(400) % 5
    widths = np.array([0.5, 1, 2, 3, 4])
    return centers[label] + widths[label, None] * rng.normal(size=(400, 10)), label


def fitted(X, **parameters):
    return TSNE(perplexity=15, random_state=0, **parameters).fit(X)


@pytest.fixture(scope="module")
def maps(clusters):
    """Return a map without the term and one with it."""
    return fitted(clusters[0]), fitted(clusters[0], forces="density")


def test_the_map_shows_the_densities(clusters, maps):
    plain, dense = maps
    assert density_correlation(plain) < 0.4
    assert density_correlation(dense) > 0.85
    assert dense.losses["density"] < -0.5
    # The map still is one of the data.
    assert dense.kl_divergence < plain.kl_divergence + 0.25
    label = clusters[1]
    narrow, wide = (np.asarray(dense)[label == c].std(axis=0).mean() for c in (0, 4))
    assert wide > 1.3 * narrow


def test_a_stronger_weight_correlates_more(clusters, maps):
    weak = fitted(clusters[0], forces=("density", {"weight": 0.02}))
    found = [density_correlation(each) for each in (maps[0], weak, maps[1])]
    assert found == sorted(found)


def by_definition(P, squared_in_data, Y, dof, shift):
    """Return the loss by its definition, point by point."""
    n = len(P)
    of_data, of_map = np.empty(n), np.empty(n)
    for i in range(n):
        near = P[i] > 0
        of_data[i] = (P[i] * squared_in_data[i])[near].sum() / P[i][near].sum()
        squared = ((Y[i] - Y[near]) ** 2).sum(axis=1)
        kernel = (1 + squared / dof) ** -dof
        of_map[i] = (kernel * squared).sum() / kernel.sum()
    a, b = np.log(of_data), np.log(of_map)
    a = (a - a.mean()) / a.std()
    return -((a * (b - b.mean())).mean()) / np.sqrt(b.var() + shift)


@pytest.mark.parametrize("dof", [0.5, 1.0, 2.0])
def test_the_loss_is_that_of_the_paper(dof):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(40, 5)) * rng.gamma(2, size=(40, 1)), rng.normal(size=(40, 2)) * 3
    squared = ((X[:, None] - X) ** 2).sum(axis=2)
    np.fill_diagonal(squared, np.inf)
    indices = np.argsort(squared, axis=1)[:, :6].astype(np.int32)
    distances = np.sqrt(np.take_along_axis(squared, indices, axis=1)).astype(np.float32)
    P = np.zeros((40, 40))
    np.put_along_axis(P, indices, rng.uniform(0.5, 1, size=indices.shape), axis=1)
    P = (P + P.T) / (2 * P.sum())
    rows, columns = np.nonzero(P)
    affinities = SparseAffinities(
        indptr=np.concatenate([[0], np.cumsum((P > 0).sum(axis=1))]).astype(np.int64),
        indices=columns.astype(np.int32),
        data=P[rows, columns].astype(np.float32),
        shape=P.shape,
        symmetric=True,
    )
    problem = ForceProblem(
        n_samples=40,
        n_components=2,
        dof=dof,
        affinities=affinities,
        neighbors=NeighborGraph(indices, distances),
    )
    np.fill_diagonal(squared, 0)
    found = Density(shift=0.3).prepare(problem).loss(Y.astype(np.float32))
    assert found == pytest.approx(by_definition(P, squared, Y, dof, 0.3), rel=1e-3)


def test_radii_follow_the_scale_of_the_data(clusters, maps):
    of_data, of_map = log_radii(maps[1])
    label = clusters[1]
    medians = [np.median(of_data[label == c]) for c in range(5)]
    assert medians == sorted(medians)
    assert of_map.shape == (400,)


@pytest.mark.parametrize("shift", [0, -1, float("nan")])
def test_bad_options_are_refused(shift):
    with pytest.raises(ValueError, match="shift must be greater than 0"):
        Density(shift=shift)


def test_new_points_are_refused_and_may_come_without_the_term(clusters, maps):
    X = clusters[0][:5]
    with pytest.raises(BackendUnavailableError, match="forces=None leaves the term out"):
        maps[1].transform(X)
    assert maps[1].transform(X, n_iter=5, forces=None).shape == (5, 2)


def test_a_saved_map_goes_on_to_the_bit(maps, tmp_path):
    maps[1].save(tmp_path / "map.tsne")
    loaded = load(tmp_path / "map.tsne")
    np.testing.assert_array_equal(loaded.optimize(10), maps[1].optimize(10))


def test_duplicates_and_equal_radii():
    X = np.repeat(np.eye(20), 10, axis=0)
    embedding = fitted(X, n_iter=50, forces=("density", {"start": 0}))
    assert np.isfinite(np.asarray(embedding)).all()
