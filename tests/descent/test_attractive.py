"""The attraction that plugins may use is that of the core, and right."""

import dataclasses

import numpy as np
import pytest

from tsnekit._descent.gradient import KLGradient
from tsnekit.affinity import PerplexityBasedNN
from tsnekit.interfaces import RepulsionProblem
from tsnekit.plugins.gradients.exact import ExactMethod
from tsnekit.testing import _oracle
from tsnekit.testing._points import clusters
from tsnekit.toolkit import AttractiveForces


@pytest.fixture(scope="module")
def P(blobs):  # noqa: N802
    return PerplexityBasedNN(blobs, perplexity=10, method="exact").matrix


def by_definition(P, Y, targets, dof, exaggeration):
    """Return attractive forces and costs by row, in float64."""
    rows = np.repeat(np.arange(len(Y)), np.diff(P.indptr))
    offset = Y[rows].astype(np.float64) - targets[P.indices]
    w = 1 / (1 + (offset**2).sum(axis=1) / dof)
    forces, cost = np.zeros(Y.shape), np.zeros(len(Y))
    np.add.at(forces, rows, exaggeration * (P.data * w)[:, None] * offset)
    np.add.at(cost, rows, P.data * np.log(P.data / w**dof))
    return forces, cost


@pytest.mark.parametrize("d", [1, 2, 3, 5])
@pytest.mark.parametrize("dof", [0.5, 1.0, 3.0])
def test_forces_and_cost(P, d, dof):
    Y = clusters(300, d) * np.float32(0.1)
    attraction = AttractiveForces(P, dof=dof, n_jobs=2)
    out = np.full_like(Y, np.nan)
    assert attraction.forces(Y, out, 4.0) is out
    forces, cost = by_definition(P, Y, Y, dof, 4.0)
    np.testing.assert_allclose(out, forces, rtol=1e-4, atol=1e-6 * np.abs(forces).max())
    np.testing.assert_allclose(attraction.cost(Y), cost, rtol=1e-4, atol=1e-8)


def test_a_whole_gradient_with_it_is_that_of_the_core(P):
    Y = clusters(300, 2)
    problem = RepulsionProblem(n_samples=300, n_components=2, affinities=P)
    repulsion = ExactMethod().plan(problem)
    expected, kl = np.empty_like(Y), KLGradient(P, repulsion, dof=1.0, n_jobs=1)
    kl.gradient(Y, expected, 12.0)
    attraction = AttractiveForces(P)
    out = np.empty_like(Y)
    z = repulsion(Y, out)
    attraction.subtract_repulsion(Y, out, z, 12.0)
    np.testing.assert_array_equal(out, expected)
    divergence = attraction.cost(Y).sum() + P.data.sum(dtype=np.float64) * np.log(z)
    assert divergence == pytest.approx(kl.kl_divergence(Y), rel=1e-12)


def test_in_the_order_of_the_map(P, monkeypatch):
    Y = clusters(300, 2)
    expected = AttractiveForces(P).forces(Y, np.empty_like(Y))
    monkeypatch.setattr("tsnekit._descent.map_order._cache_bytes", lambda: 800)
    found = AttractiveForces(P).forces(Y, np.empty_like(Y))
    assert not np.array_equal(found, expected)
    np.testing.assert_allclose(found, expected, rtol=2**-8, atol=1e-3 * np.abs(expected).max())


def test_with_a_reference():
    reference, Y = clusters(40, 2), clusters(25, 2, seed=1)
    P = _oracle.ring(25, reference)
    attraction = AttractiveForces(P, reference=reference)
    forces, cost = by_definition(P, Y, reference, 1.0, 2.0)
    np.testing.assert_allclose(
        attraction.forces(Y, np.empty_like(Y), 2.0), forces, rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(attraction.cost(Y), cost, rtol=1e-5)
    out = np.ones_like(Y)
    attraction.subtract_repulsion(Y, out, np.arange(1.0, 26), 2.0)
    expected = forces - 1 / np.arange(1.0, 26)[:, None]
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-6)


def wrong(P, **changes):
    return dataclasses.replace(P, **changes)


@pytest.mark.parametrize(
    ("error", "message", "change"),
    [
        (TypeError, r"affinities\.data must be an array of float32", {"data": np.ones(3)}),
        (ValueError, r"affinities\.indices must be from 0 to 299, got 0 to 300", {"indices": 300}),
        (ValueError, r"affinities\.indices must be from 0 to 299, got -1 to 299", {"indices": -1}),
        (ValueError, "ascend from 0 to the number of indices", {"indptr": "ends early"}),
        (ValueError, "ascend from 0 to the number of indices", {"indptr": "descends"}),
        (ValueError, "must be square", {"shape": (300, 301)}),
    ],
)
def test_wrong_matrices_are_refused(P, error, message, change):
    [(field, value)] = change.items()
    if field == "indices":
        change = {"indices": P.indices.copy()}
        change["indices"][5] = value
    elif field == "indptr":
        change = {"indptr": P.indptr.copy()}
        change["indptr"][-1 if value == "ends early" else 10] -= 1000
    with pytest.raises(error, match=message):
        AttractiveForces(wrong(P, **change))


def test_wrong_positions_are_refused(P):
    attraction, Y = AttractiveForces(P), clusters(300, 2)
    out = np.empty_like(Y)
    for bad, error, message in (
        (Y.astype(np.float64), TypeError, "Y must be an array of float32"),
        (Y[:5], ValueError, "Y must be a C-contiguous array of 300 points"),
        (np.asfortranarray(Y), ValueError, "Y must be a C-contiguous array"),
    ):
        with pytest.raises(error, match=message):
            attraction.forces(bad, out)
    with pytest.raises(ValueError, match="out must be a C-contiguous array of 300 points"):
        attraction.forces(Y, out[:5])
    with pytest.raises(ValueError, match="z must be a number"):
        attraction.subtract_repulsion(Y, out, np.ones(300))
    with pytest.raises(TypeError, match="affinities must be SparseAffinities"):
        AttractiveForces("P")
    with pytest.raises(ValueError, match="dof must be"):
        AttractiveForces(P, dof=0)
    with pytest.raises(ValueError, match="reference must be a C-contiguous array of 300 points"):
        AttractiveForces(P, reference=Y[:3])
