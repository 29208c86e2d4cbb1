"""The gradient that ranks compute together, against that of the whole map and a dense oracle."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse
from sklearn.datasets import load_digits

from tsnekit._descent.course import Course
from tsnekit._descent.endings import FixedLength
from tsnekit._descent.gradient import KLGradient
from tsnekit._descent.loop import Centering, descend
from tsnekit.affinity import PerplexityBasedNN
from tsnekit.dask._channels import in_process
from tsnekit.dask._gradient import SharedGradient
from tsnekit.initialization import pca
from tsnekit.interfaces import Phase, RepulsionProblem, SparseAffinities
from tsnekit.plugins.gradients.barnes_hut import BarnesHutMethod
from tsnekit.plugins.gradients.exact import ExactMethod
from tsnekit.plugins.gradients.fft import FFTMethod
from tsnekit.plugins.gradients.mesh import MeshMethod
from tsnekit.plugins.optimizers.momentum import MomentumOptimizer

N = 400
CASES = [(MeshMethod, 1), (MeshMethod, 2), (MeshMethod, 3), (FFTMethod, 1), (FFTMethod, 2)]
CASES += [(method, d) for method in (BarnesHutMethod, ExactMethod) for d in (1, 2, 3)]
# Uneven shares, ranks without rows, and a rank of one row.
BOUNDS = [(0, N), (0, 130, N), (0, 0, 399, N), (0, 77, 77, 78, 300, N)]


def random_affinities(n, seed=0, density=0.1):
    P = scipy.sparse.random(n, n, density, random_state=seed, format="csr", dtype=np.float64)
    P -= scipy.sparse.diags(P.diagonal())
    P.eliminate_zeros()
    P = (P + P.T).tocsr()
    P /= P.sum()
    P.sort_indices()
    return affinities_of(P)


def affinities_of(P):
    arrays = P.indptr.astype(np.int64), P.indices.astype(np.int32), P.data.astype(np.float32)
    return SparseAffinities(*arrays, P.shape)


def rows_of(affinities, first, last):
    P = scipy.sparse.csr_matrix(
        (affinities.data, affinities.indices, affinities.indptr), affinities.shape
    )
    return affinities_of(P[first:last])


def on_ranks(bounds, work):
    """Return what `work(collective)` returns on each rank, all at once."""
    collectives = in_process(len(bounds) - 1)
    with ThreadPoolExecutor(len(collectives)) as pool:
        results = [pool.submit(work, each) for each in collectives]
        found = [each.result() for each in results]
    for each in collectives:
        each.close()
    return found


def shared(affinities, method, collective, bounds, Y, dof=1.0, n_jobs=1):
    own = rows_of(affinities, *bounds[collective.rank : collective.rank + 2])
    return SharedGradient(own, method(), collective, bounds, Y, dof=dof, n_jobs=n_jobs)


def evaluated(affinities, method, bounds, Y, exaggeration, dof=1.0, n_jobs=1):
    """Return the gradient of all rows, and the divergences that the ranks found."""

    def work(collective):
        gradient = shared(affinities, method, collective, bounds, Y, dof, n_jobs)
        own = Y[slice(*bounds[collective.rank : collective.rank + 2])].copy()
        out, joint = np.full_like(own, np.nan), np.full_like(own, np.nan)
        gradient.gradient(own, out, exaggeration)
        divergences = (
            gradient.gradient_and_divergence(own, joint, exaggeration),
            gradient.kl_divergence(own),
        )
        np.testing.assert_array_equal(joint, out)
        return out, divergences

    results = on_ranks(bounds, work)
    for _, divergences in results:
        assert divergences == results[0][1]
    return np.concatenate([out for out, _ in results]), results[0][1]


def whole(affinities, method, Y, exaggeration, dof=1.0):
    n, d = Y.shape
    plan = method().plan(RepulsionProblem(n_samples=n, n_components=d, dof=dof))
    gradient = KLGradient(affinities, plan, dof=dof, n_jobs=1)
    out = np.empty_like(Y)
    return out, gradient.gradient_and_divergence(Y, out, exaggeration)


def dense(affinities, Y, exaggeration, dof):
    """The gradient and the divergence by their definitions, in double precision."""
    P = scipy.sparse.csr_matrix(
        (affinities.data.astype(np.float64), affinities.indices, affinities.indptr)
    ).toarray()
    offset = Y[:, None, :].astype(np.float64) - Y[None, :, :]
    w = 1 / (1 + (offset**2).sum(axis=2) / dof)
    np.fill_diagonal(w, 0)
    q = w**dof / (w**dof).sum()
    edges = P > 0
    gradient = np.einsum("ij,ijc->ic", (exaggeration * P - q) * w, offset)
    return gradient, (P[edges] * np.log(P[edges] / q[edges])).sum()


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def positions(d, n=N):
    rng = np.random.default_rng(d)
    return (rng.normal(size=(n, d)) * rng.uniform(1, 8, size=(n, 1))).astype(np.float32)


@pytest.mark.parametrize("dof", [0.5, 1.0])
@pytest.mark.parametrize(("method", "d"), CASES)
def test_ranks_get_the_gradient_and_the_divergence_of_the_whole(method, d, dof):
    affinities, Y = random_affinities(N), positions(d)
    expected, kl = whole(affinities, method, Y, 3.0, dof)
    oracle, oracle_kl = dense(affinities, Y, 3.0, dof)
    for bounds in BOUNDS:
        found, divergences = evaluated(affinities, method, bounds, Y, 3.0, dof)
        assert relative(found, expected) <= 1e-5
        assert relative(found, oracle) <= 0.01
        for divergence in divergences:
            assert divergence == pytest.approx(kl, rel=1e-5)
            assert divergence == pytest.approx(oracle_kl, rel=2e-3)


@pytest.mark.parametrize("method", [MeshMethod, FFTMethod, BarnesHutMethod, ExactMethod])
def test_same_bits_on_repeat_and_for_any_threads(method):
    affinities, Y = random_affinities(N), positions(2)
    results = [
        evaluated(affinities, method, BOUNDS[-1], Y, 1.0, n_jobs=n_jobs) for n_jobs in (1, 1, 2)
    ]
    for other in results[1:]:
        np.testing.assert_array_equal(other[0], results[0][0])
        assert other[1] == results[0][1]


@pytest.mark.parametrize("what", ["outlier", "far too wide", "one place"])
@pytest.mark.parametrize("method", [MeshMethod, FFTMethod])
def test_odd_maps(method, what):
    Y = positions(2)
    if what == "outlier":
        Y[5] = 1e6
    elif what == "far too wide":
        Y *= np.float32(1e5)
    else:
        Y[:] = 3
    affinities = random_affinities(N)
    expected, kl = whole(affinities, method, Y, 1.0)
    found, divergences = evaluated(affinities, method, BOUNDS[2], Y, 1.0)
    np.testing.assert_allclose(found, expected, atol=1e-5 * max(np.abs(expected).max(), 1e-3))
    assert divergences == pytest.approx((kl, kl), rel=1e-5)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_large_maps_follow_the_order_of_the_map(d, monkeypatch):
    monkeypatch.setattr("tsnekit._descent.map_order._cache_bytes", lambda: 800)
    monkeypatch.setattr("tsnekit._descent.map_order.FIRST_REFRESH", 1)
    affinities, Y = random_affinities(N), positions(d)
    expected, kl = whole(affinities, MeshMethod, Y, 3.0)
    for bounds in BOUNDS:
        found, divergences = evaluated(affinities, MeshMethod, bounds, Y, 3.0)
        # Values are rounded in the same way, wherever their row is.
        assert relative(found, expected) <= 1e-5
        assert divergences[0] == pytest.approx(kl, rel=1e-5)


def test_a_method_of_whole_gradients_is_refused():
    class Whole:
        def plan(self, problem):
            return self

        def gradient(self, Y, out, exaggeration):
            raise AssertionError

        def kl_divergence(self, Y):
            raise AssertionError

    (collective,) = in_process(1)
    with pytest.raises(
        TypeError, match=r"Whole of .* computes whole gradients, which processes cannot"
    ):
        shared(random_affinities(N), Whole, collective, (0, N), positions(2))


def test_exchange_centers_the_map_with_the_bits_of_one_process():
    Y = positions(2) + np.float32(7)
    expected = Y.copy()
    Centering(2, 1)(expected)
    bounds = BOUNDS[-1]

    def work(collective):
        gradient = shared(random_affinities(N), MeshMethod, collective, bounds, np.zeros_like(Y))
        own = Y[slice(*bounds[collective.rank : collective.rank + 2])].copy()
        gradient.exchange(own)
        return own, gradient.positions

    results = on_ranks(bounds, work)
    np.testing.assert_array_equal(np.concatenate([own for own, _ in results]), expected)
    for _, everyone in results:
        np.testing.assert_array_equal(everyone, expected)


def test_an_exchange_that_fails_leaves_the_positions():
    (collective,) = in_process(1)
    Y = positions(2)
    gradient = shared(random_affinities(N), MeshMethod, collective, (0, N), Y)

    def allgather(own, out, bounds):
        out[:10] = 1
        raise ConnectionError("a rank is gone")

    collective.allgather = allgather
    moved = Y + 1
    before = moved.copy()
    with pytest.raises(ConnectionError):
        gradient.exchange(moved)
    np.testing.assert_array_equal(gradient.positions, Y)
    np.testing.assert_array_equal(moved, before)


@pytest.fixture(scope="module")
def digits():
    X = load_digits().data.astype(np.float32)
    P = PerplexityBasedNN(X, perplexity=30, method="exact", random_state=0).matrix
    return P, pca(X, random_state=0).astype(np.float32)


def course():
    def phase(name, n_iter, exaggeration):
        return Course(
            phase=Phase(
                name=name,
                n_iter=n_iter,
                learning_rate=1797 / exaggeration,
                momentum=0.8,
                exaggeration=exaggeration,
            ),
            ending=FixedLength(n_iter),
        )

    return phase("early exaggeration", 60, 12.0), phase("optimization", 140, 1.0)


def test_a_descent_of_three_ranks_is_as_good_as_one(digits):
    P, start = digits
    n = len(start)
    bounds = (0, 500, 1400, n)

    def descended(gradient, Y, recenter):
        optimizer = MomentumOptimizer()
        optimizer.start(Y)
        for phase in course():
            descend(Y, gradient, optimizer, phase, recenter=recenter)
        return Y, gradient.kl_divergence(Y)

    plan = MeshMethod().plan(RepulsionProblem(n_samples=n, n_components=2))
    _, expected = descended(KLGradient(P, plan, dof=1.0, n_jobs=1), start.copy(), Centering(2, 1))

    def work(collective):
        gradient = shared(P, MeshMethod, collective, bounds, start)
        own = start[slice(*bounds[collective.rank : collective.rank + 2])].copy()
        return (*descended(gradient, own, gradient.exchange), gradient.positions)

    results = on_ranks(bounds, work)
    everyone = results[0][2]
    np.testing.assert_array_equal(np.concatenate([own for own, _, _ in results]), everyone)
    np.testing.assert_allclose(everyone.mean(axis=0, dtype=np.float64), 0, atol=1e-4)
    assert results[0][1] == pytest.approx(expected, rel=0.005)
