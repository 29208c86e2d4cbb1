"""The gradient and the divergence against dense NumPy, and against each other."""

import numpy as np
import pytest
import scipy.sparse

from tsnekit._descent.gradient import KLGradient
from tsnekit._descent.map_order import reordering_pays
from tsnekit.interfaces import RepulsionProblem, SparseAffinities
from tsnekit.plugins.gradients.exact import ExactMethod


def random_affinities(n, m, *, seed=0, density=0.2):
    P = scipy.sparse.random(n, m, density, random_state=seed, format="csr", dtype=np.float64)
    if n == m:
        P -= scipy.sparse.diags(P.diagonal())
        P.eliminate_zeros()
        P = (P + P.T).tocsr()
        P /= P.sum()
    else:
        P = (P + scipy.sparse.csr_matrix(np.eye(n, m))).tocsr()
        P = scipy.sparse.csr_matrix(P.multiply(1 / P.sum(axis=1)))
    P.sort_indices()
    P.data = P.data.astype(np.float32)
    arrays = P.indptr.astype(np.int64), P.indices.astype(np.int32), P.data
    return SparseAffinities(*arrays, (n, m)), P.toarray().astype(np.float64)


def dense_kernel(Y, sources, dof, *, own):
    offset = Y[:, None, :].astype(np.float64) - sources[None, :, :]
    w = 1 / (1 + (offset**2).sum(axis=2) / dof)
    if own:
        np.fill_diagonal(w, 0)
    return offset, w


def planned(affinities, n, d, dof, n_jobs=1, reference=None):
    problem = RepulsionProblem(
        n_samples=n, n_components=d, dof=dof, n_jobs=n_jobs, reference=reference
    )
    plan = ExactMethod().plan(problem)
    return KLGradient(affinities, plan, dof=dof, n_jobs=n_jobs, reference=reference)


@pytest.mark.parametrize("dof", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("d", [1, 2, 3, 5])
@pytest.mark.parametrize("exaggeration", [1.0, 12.0])
def test_gradient_and_divergence_equal_dense_numpy(d, dof, exaggeration):
    n = 90
    affinities, P = random_affinities(n, n)
    Y = np.random.default_rng(1).normal(size=(n, d)).astype(np.float32)
    offset, w = dense_kernel(Y, Y, dof, own=True)
    q = w**dof / (w**dof).sum()
    expected = np.einsum("ij,ijc->ic", (exaggeration * P - q) * w, offset)

    gradient = planned(affinities, n, d, dof)
    out = np.full_like(Y, np.nan)
    gradient.gradient(Y, out, exaggeration)
    np.testing.assert_allclose(out, expected, atol=2e-6 * np.abs(expected).max())
    edges = P > 0
    kl = (P[edges] * np.log(P[edges] / q[edges])).sum()
    assert gradient.kl_divergence(Y) == pytest.approx(kl, abs=1e-6)


@pytest.mark.parametrize("dof", [0.5, 1.0, 2.0])
def test_gradient_with_a_reference_is_conditional(dof):
    n, m = 40, 70
    affinities, P = random_affinities(n, m)
    rng = np.random.default_rng(2)
    Y, reference = (rng.normal(size=(rows, 2)).astype(np.float32) for rows in (n, m))
    offset, w = dense_kernel(Y, reference, dof, own=False)
    q = w**dof / (w**dof).sum(axis=1, keepdims=True)
    expected = np.einsum("ij,ijc->ic", (P - q) * w, offset)

    gradient = planned(affinities, n, 2, dof, reference=reference)
    out = np.empty_like(Y)
    gradient.gradient(Y, out, 1.0)
    np.testing.assert_allclose(out, expected, atol=2e-6 * np.abs(expected).max())
    edges = P > 0
    kl = (P[edges] * np.log(P[edges] / q[edges])).sum() / n
    assert gradient.kl_divergence(Y) == pytest.approx(kl, abs=1e-6)


@pytest.mark.parametrize("dof", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_gradient_is_the_derivative_of_the_divergence(d, dof):
    n = 30
    affinities, P = random_affinities(n, n)
    Y = np.random.default_rng(3).normal(size=(n, d))

    def divergence(positions):
        _, w = dense_kernel(positions, positions, dof, own=True)
        q = w**dof / (w**dof).sum()
        edges = P > 0
        return (P[edges] * np.log(P[edges] / q[edges])).sum()

    out = np.empty((n, d), dtype=np.float32)
    planned(affinities, n, d, dof).gradient(Y.astype(np.float32), out, 1.0)
    step = 1e-5
    for i, c in [(0, 0), (7, d - 1), (n - 1, 0)]:
        moved = np.zeros((n, d))
        moved[i, c] = step
        slope = (divergence(Y + moved) - divergence(Y - moved)) / (2 * step)
        # The gradient is kept without its factor 4.
        assert 4 * out[i, c] == pytest.approx(slope, rel=1e-4, abs=1e-7)


def test_fault_20_divergence_is_never_negative_where_p_equals_q():
    rng = np.random.default_rng(4)
    Y = rng.normal(size=(60, 2)).astype(np.float32)
    for dof in (0.3, 1.0, 5.0):
        _, w = dense_kernel(Y, Y, dof, own=True)
        P = scipy.sparse.csr_matrix(w**dof / (w**dof).sum())
        arrays = P.indptr.astype(np.int64), P.indices.astype(np.int32), P.data.astype(np.float32)
        gradient = planned(SparseAffinities(*arrays, P.shape), 60, 2, dof)
        assert gradient.kl_divergence(Y) == pytest.approx(0, abs=1e-6)
        out = np.empty_like(Y)
        gradient.gradient(Y, out, 1.0)
        np.testing.assert_allclose(out, 0, atol=1e-8)


def test_nothing_but_out_is_changed_and_threads_give_the_same_bits():
    n = 2000
    affinities, _ = random_affinities(n, n, density=0.02)
    Y = np.random.default_rng(5).normal(size=(n, 2)).astype(np.float32)
    before = [array.copy() for array in (Y, affinities.data, affinities.indices)]
    outs, errors = [], []
    for n_jobs in (1, 2):
        gradient = planned(affinities, n, 2, 1.0, n_jobs=n_jobs)
        out = np.empty_like(Y)
        gradient.gradient(Y, out, 12.0)
        outs.append(out)
        errors.append(gradient.kl_divergence(Y))
    np.testing.assert_array_equal(*outs)
    assert errors[0] == errors[1]
    for array, copy in zip((Y, affinities.data, affinities.indices), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def both_at_once(gradient, Y, exaggeration):
    """The gradient and the divergence of one pass, checked against a pass for each."""
    out, joint = np.empty_like(Y), np.full_like(Y, np.nan)
    gradient.gradient(Y, out, exaggeration)
    divergence = gradient.gradient_and_divergence(Y, joint, exaggeration)
    np.testing.assert_array_equal(joint, out)
    return divergence


@pytest.mark.parametrize("dof", [1e-30, 0.5, 1.0, 1e30])
@pytest.mark.parametrize("d", [1, 2, 3, 5])
@pytest.mark.parametrize("referenced", [False, True])
def test_one_pass_has_gradient_and_divergence(d, dof, referenced):
    n, m = 300, 300 + 100 * referenced
    affinities, _ = random_affinities(n, m)
    rng = np.random.default_rng(8)
    Y, reference = (rng.normal(size=(rows, d)).astype(np.float32) for rows in (n, m))
    gradient = planned(affinities, n, d, dof, reference=reference if referenced else None)
    for exaggeration in (12.0, 1.0):
        found = both_at_once(gradient, Y, exaggeration)
        assert found == pytest.approx(gradient.kl_divergence(Y), rel=1e-6, abs=1e-6)


def test_one_pass_in_the_order_of_the_map_has_both(monkeypatch):
    n = 500
    affinities, _ = random_affinities(n, n, density=0.1)
    rng = np.random.default_rng(9)
    ordered = [planned_in_map_order(monkeypatch, affinities, n, 2, n_jobs) for n_jobs in (1, 2)]
    for _ in range(3):
        Y = rng.normal(size=(n, 2)).astype(np.float32)
        one, two = (both_at_once(gradient, Y, 3.0) for gradient in ordered)
        assert one == two
        # The divergence of rounded values, whose errors cancel.
        assert one == pytest.approx(ordered[0].kl_divergence(Y), rel=1e-4)


def planned_in_map_order(monkeypatch, affinities, n, d, n_jobs):
    monkeypatch.setattr("tsnekit._descent.map_order._cache_bytes", lambda: 800)
    monkeypatch.setattr("tsnekit._descent.map_order.FIRST_REFRESH", 2)
    return planned(affinities, n, d, 1.0, n_jobs=n_jobs)


@pytest.mark.parametrize(
    ("told", "first"),
    [(2**20, 2**17), (0, 200_000), (2**10, 2**15), (2**30, 2**19)],
    ids=["told", "not told", "too small", "too large"],
)
def test_the_second_cache_decides_on_the_order(monkeypatch, told, first):
    monkeypatch.setattr("tsnekit._native.system.second_cache_bytes", lambda: told)
    assert [reordering_pays(n) for n in (first - 1, first, 2**24, 2**24 + 1)] == [
        False, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_order_of_the_map_changes_no_bit_where_values_need_no_rounding(d, monkeypatch):
    n = 500
    affinities, _ = random_affinities(n, n, density=0.1)
    affinities.data.view(np.uint32)[:] &= 0xFFFF8000
    rng = np.random.default_rng(6)
    plain = planned(affinities, n, d, 1.0)
    ordered = planned_in_map_order(monkeypatch, affinities, n, d, n_jobs=2)
    for _ in range(6):
        Y = rng.normal(size=(n, d)).astype(np.float32)
        outs = [np.empty_like(Y), np.empty_like(Y)]
        for gradient, out in zip((plain, ordered), outs, strict=True):
            gradient.gradient(Y, out, 3.0)
        np.testing.assert_array_equal(*outs)
        assert plain.kl_divergence(Y) == ordered.kl_divergence(Y)


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_order_of_the_map_rounds_the_values_of_the_gradient_alone(d, monkeypatch):
    n = 500
    affinities, P = random_affinities(n, n, density=0.1)
    before = affinities.data.copy()
    Y = np.random.default_rng(7).normal(size=(n, d)).astype(np.float32)
    plain = planned(affinities, n, d, 1.0)
    expected = np.empty_like(Y)
    plain.gradient(Y, expected, 3.0)
    offset, w = dense_kernel(Y, Y, 1.0, own=True)
    rounding = 2**-9 * np.einsum("ij,ijc->ic", 3.0 * P * w, np.abs(offset))
    outs = [np.empty_like(Y), np.empty_like(Y)]
    for n_jobs, out in zip((1, 2), outs, strict=True):
        ordered = planned_in_map_order(monkeypatch, affinities, n, d, n_jobs)
        ordered.gradient(Y, out, 3.0)
        assert ordered.kl_divergence(Y) == plain.kl_divergence(Y)
    np.testing.assert_array_equal(*outs)
    error = np.abs(outs[0] - expected)
    assert (error <= rounding + 1e-6 * np.abs(expected).max()).all()
    # Edges are rounded independently, so that most of the errors cancel.
    assert 0 < error.mean() < rounding.mean() / 4
    np.testing.assert_array_equal(affinities.data, before)


@pytest.mark.parametrize(("block_size", "error"), [(0, ValueError), (2.5, TypeError)])
def test_the_block_size_of_exact_is_checked(block_size, error):
    with pytest.raises(error, match="block_size must be"):
        ExactMethod(block_size=block_size)
