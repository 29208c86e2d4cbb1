"""The pipeline, with data that Hypothesis generates."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tsnekit import TSNE
from tsnekit.affinity import FixedSigmaNN, Multiscale, PerplexityBasedNN, Uniform
from tsnekit.affinity._matrix import from_scipy, joint_affinities, to_scipy
from tsnekit.initialization import pca, spectral

QUIET = settings(max_examples=30)
NUMBERS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 1e-310, 1e-30, -1e15, 1e30]),
    st.floats(-100, 100),
    st.floats(-1e30, 1e30),
)


@pytest.fixture(autouse=True)
def _expected_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def tables(least_rows=2, elements=NUMBERS):
    shapes = st.tuples(st.integers(least_rows, 30), st.integers(1, 6))
    dtypes = st.sampled_from([np.float32, np.float64])
    return shapes.flatmap(
        lambda shape: dtypes.flatmap(
            lambda dtype: hnp.arrays(np.float64, shape, elements=elements).map(
                lambda X: X.astype(dtype)
            )
        )
    )


@QUIET
@given(
    X=tables(),
    method=st.sampled_from(["exact", "barnes_hut", "fft", "mesh", "auto"]),
    initialization=st.sampled_from(["pca", "spectral", "random"]),
    neighbors=st.sampled_from(["exact", "annoy", "forest", "hnsw"]),
    d=st.integers(1, 3),
    dof=st.sampled_from([0.5, 1, 2]),
    perplexity=st.floats(1, 50),
)
def test_any_table_has_a_finite_map(X, method, initialization, neighbors, d, dof, perplexity):
    if method == "fft" and d == 3:
        method = "mesh"
    before = X.copy()
    embedding = TSNE(
        d,
        perplexity,
        dof=dof,
        initialization=initialization,
        negative_gradient_method=method,
        neighbors=neighbors,
        early_exaggeration_iter=4,
        n_iter=8,
        random_state=0,
    ).fit(X)
    assert embedding.shape == (len(X), d)
    assert np.isfinite(np.asarray(embedding)).all()
    assert np.isfinite(embedding.kl_divergence)
    np.testing.assert_array_equal(X, before)
    P = embedding.affinities.P
    assert abs(P - P.T).max() < 1e-7
    assert P.sum() == pytest.approx(1, rel=1e-5)


@QUIET
@given(X=tables(), scale=st.integers(-20, 20))
def test_the_unit_of_a_table_does_not_matter(X, scale):
    X = np.clip(X, -1e6, 1e6).astype(np.float32)
    expected = PerplexityBasedNN(X, 5).P.toarray()
    found = PerplexityBasedNN(X * np.float32(2.0**scale), 5).P.toarray()
    np.testing.assert_allclose(found, expected, atol=1e-6)


@QUIET
@given(X=tables(least_rows=3, elements=st.floats(-100, 100)), seed=st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(X, seed):
    order = np.random.default_rng(seed).permutation(len(X))
    # Among rows at equal distances, the order decides which are neighbors. Noise breaks such ties.
    X = X + np.random.default_rng(seed).normal(size=X.shape).astype(X.dtype)
    expected = Uniform(X, k_neighbors=len(X) // 2).P.toarray()
    found = Uniform(X[order], k_neighbors=len(X) // 2).P.toarray()
    np.testing.assert_array_equal(found, expected[np.ix_(order, order)])


@QUIET
@given(
    X=tables(elements=st.floats(-100, 100)),
    new=tables(1, st.floats(-1e6, 1e6)),
    kind=st.sampled_from([PerplexityBasedNN, FixedSigmaNN, Multiscale, Uniform]),
)
def test_affinities_of_any_new_rows_sum_to_one(X, new, kind):
    required = {FixedSigmaNN: {"sigma": 1.0}, Multiscale: {"perplexities": [2, 5]}}
    affinities = kind(X, **required.get(kind, {}))
    new = np.resize(new, (len(new), X.shape[1]))
    try:
        P = affinities.to_new(new)
    except ValueError as error:  # for example rows of 1e-300 and a new row of 1
        assert "single precision" in str(error)  # noqa: PT017
        return
    assert P.shape == (len(new), len(X))
    np.testing.assert_allclose(np.asarray(P.sum(axis=1)).ravel(), 1, rtol=1e-4)
    assert P.min() >= 0


@QUIET
@given(X=tables(least_rows=1), d=st.integers(1, 8))
def test_principal_components_of_any_table_are_finite(X, d):
    positions = pca(X, d, random_state=0)
    assert positions.shape == (len(X), d)
    assert np.isfinite(positions).all()


@QUIET
@given(
    A=st.integers(1, 25).flatmap(
        lambda n: hnp.arrays(
            np.float64, (n, n), elements=st.sampled_from([0, 0, 0, 1e-30, 0.5, 1, 1e6])
        )
    ),
    d=st.integers(1, 4),
)
def test_diffusion_map_of_any_graph_is_finite(A, d):
    positions = spectral(A + A.T, d, random_state=0)
    assert positions.shape == (len(A), d)
    assert np.isfinite(positions).all()


@QUIET
@given(data=st.data(), n=st.integers(2, 40))
def test_sparse_matrices_survive_a_round_trip(data, n):
    k = data.draw(st.integers(1, n - 1))
    seed = data.draw(st.integers(0, 99))
    order = np.argsort(np.random.default_rng(seed).random((n, n - 1)), axis=1)[:, :k]
    indices = (order + (order >= np.arange(n)[:, None])).astype(np.int32)
    weights = np.random.default_rng(seed).random((n, k), dtype=np.float32) + np.float32(1e-3)
    P = joint_affinities(indices, weights)
    again = from_scipy(to_scipy(P))
    for name in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(again, name), getattr(P, name))
