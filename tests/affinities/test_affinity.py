"""The documented affinity classes, with a neighbor search by brute force."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from helpers.brute_force import BruteForce, brute
from tsnekit.affinity import (
    Affinities,
    FixedSigmaNN,
    Multiscale,
    MultiscaleMixture,
    PerplexityBasedNN,
    Uniform,
)
from tsnekit.errors import ConvergenceWarning
from tsnekit.plugins.affinities.perplexity import PerplexityKernel

KINDS = [
    lambda **options: PerplexityBasedNN(perplexity=10, **options),
    lambda **options: FixedSigmaNN(sigma=1.5, **options),
    lambda **options: MultiscaleMixture(perplexities=[5, 20], **options),
    lambda **options: Multiscale(perplexities=[5, 20], **options),
    lambda **options: Uniform(k_neighbors=12, **options),
]


def dense_oracle(X, perplexity, k):
    """Return P in double precision, written independently."""
    n = len(X)
    squared = ((X[:, None] - X) ** 2).sum(axis=2)
    np.fill_diagonal(squared, np.inf)
    conditional = np.zeros((n, n))
    for i in range(n):
        near = np.argsort(squared[i])[:k]
        low, high = -20.0, 20.0
        for _ in range(70):
            middle = (low + high) / 2
            p = np.exp(-np.exp(middle) * (squared[i, near] - squared[i, near].min()))
            p /= p.sum()
            entropy = -np.sum(p * np.log(np.maximum(p, 1e-300)))
            low, high = (middle, high) if entropy > np.log(perplexity) else (low, middle)
        conditional[i, near] = p
    return (conditional + conditional.T) / (2 * n)


# -- P ---------------------------------------------------------------------------------------------


def test_perplexity_based_against_double_precision(X):
    P = brute(X).P
    np.testing.assert_allclose(P.toarray(), dense_oracle(X, 10, 30), atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_p_is_symmetric_and_sums_to_one(kind, X):
    P = kind(data=X, method=BruteForce()).P
    assert P.dtype == np.float32
    assert P.sum(dtype=np.float64) == pytest.approx(1, abs=1e-6)
    assert abs(P - P.T).max() == 0
    assert P.diagonal().max() == 0
    assert P.has_sorted_indices


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("symmetrize", [False, "none"])
def test_not_symmetrized(kind, symmetrize, X):
    P = kind(data=X, method=BruteForce(), symmetrize=symmetrize).P
    np.testing.assert_allclose(P.sum(axis=1), 1 / len(X), rtol=1e-5)
    assert abs(P - P.T).max() > 0


def test_max_of_uniform_is_all_equal(X):
    P = Uniform(X, k_neighbors=8, method=BruteForce(), symmetrize="max").P
    np.testing.assert_allclose(P.data, 1 / P.nnz, rtol=1e-6)


@pytest.mark.parametrize("symmetrize", ["sum", 1, None, 0.5])
def test_bad_symmetrize(symmetrize, X):
    with pytest.raises(ValueError, match="symmetrize must be True, False, 'mean', 'max' or 'none'"):
        brute(X, symmetrize=symmetrize)


def test_p_is_read_only(X):
    affinities = brute(X)
    with pytest.raises(ValueError, match="read-only"):
        affinities.P.data *= 12
    assert np.shares_memory(affinities.P.data, affinities.matrix.data)


def test_perplexity_above_a_hundred_has_finite_p():
    X = np.random.default_rng(0).normal(size=(700, 3))
    P = brute(X, perplexity=150).P
    assert np.isfinite(P.data).all()
    assert P.sum(dtype=np.float64) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_same_bits_for_any_n_jobs(kind, X):
    first, second = (kind(data=X, method=BruteForce(), n_jobs=n).matrix for n in (1, 3))
    np.testing.assert_array_equal(first.data, second.data)
    np.testing.assert_array_equal(first.indices, second.indices)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [0.0, 3.0])
@pytest.mark.filterwarnings("ignore::tsnekit.errors.ConvergenceWarning")
def test_nothing_but_duplicates(kind, value):
    P = kind(data=np.full((120, 3), value), method=BruteForce()).P
    np.testing.assert_allclose(P.sum(dtype=np.float64), 1, rtol=1e-6)
    assert (P.data > 0).all()


def test_rows_out_of_reach_of_the_perplexity_are_reported_once(X):
    X[:40] = X[0]
    with pytest.warns(ConvergenceWarning, match=r"not reached in 4\d of 120 rows") as record:
        brute(X)
    assert len(record) == 1


# -- What data may be ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "convert",
    [
        lambda X: X.tolist(),
        pd.DataFrame,
        sparse.csr_matrix,
        sparse.coo_array,
        np.asfortranarray,
        lambda X: np.repeat(X, 2, axis=1)[:, ::2],
        lambda X: X.astype(np.float32),
    ],
)
def test_kinds_of_data(convert, X):
    np.testing.assert_allclose(brute(convert(X)).P.toarray(), brute(X).P.toarray(), atol=1e-7)


def test_float32_stays_float32_and_is_not_copied(X):
    search = BruteForce()
    single = X.astype(np.float32)
    single.setflags(write=False)
    brute(single, method=search)
    (used,) = search.data
    assert used is single or np.shares_memory(used, single)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ([[1.0, np.nan]] * 20, ValueError, "Input data contains NaN"),
        ([[1.0, np.inf]] * 20, ValueError, "Input data contains infinity"),
        ([["a", "b"]] * 20, ValueError, "could not convert"),
        (np.ones(20), ValueError, "Expected 2D array"),
        (np.ones((1, 3)), ValueError, "at least 2 rows"),
    ],
)
def test_bad_data(data, error, message):
    with pytest.raises(error, match=message):
        brute(data, perplexity=2)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda X: PerplexityBasedNN(), ValueError, "give either data or knn_index, got neither"),
        (lambda X: PerplexityBasedNN(X, perplexity=0), ValueError, "perplexity must be at least 1"),
        (lambda X: PerplexityBasedNN(X, n_jobs=0), ValueError, "n_jobs=0"),
        (lambda X: FixedSigmaNN(X), TypeError, "sigma must be a real number, got None"),
        (lambda X: FixedSigmaNN(X, sigma=1, k=0), ValueError, "k must be at least 1"),
        (lambda X: Multiscale(X), TypeError, "perplexities must be a number or a seq"),
        (lambda X: MultiscaleMixture(X, perplexities=[]), TypeError, "perplexities"),
        (lambda X: Uniform(X, k_neighbors=0), ValueError, "k_neighbors must be at least 1"),
        (lambda X: Uniform(X, method="anoy"), ValueError, "did you mean 'annoy'"),
        (lambda X: Uniform(X, knn_index=3), ValueError, "got both"),
        (lambda X: Uniform(knn_index=3), TypeError, "knn_index must be a NeighborIndex"),
    ],
)
def test_bad_parameters(build, error, message, X):
    with pytest.raises(error, match=message):
        build(X)


# -- Other perplexities ----------------------------------------------------------------------------


def test_set_perplexity_searches_only_for_more_neighbors(X):
    search = BruteForce()
    affinities = brute(X, method=search)
    assert search.searches == [30]
    affinities.set_perplexity(5)
    assert affinities.perplexity == 5
    np.testing.assert_allclose(affinities.P.toarray(), dense_oracle(X, 5, 15), atol=1e-8)
    assert search.searches == [30]
    affinities.set_perplexity(20)
    np.testing.assert_allclose(affinities.P.toarray(), dense_oracle(X, 20, 60), atol=1e-8)
    assert search.searches == [30, 60]


def test_a_bad_set_perplexity_changes_nothing(X):
    affinities = brute(X)
    before = affinities.P
    with pytest.raises(ValueError, match="perplexity must be at least 1"):
        affinities.set_perplexity(0)
    assert affinities.perplexity == 10
    assert abs(affinities.P - before).max() == 0


@pytest.mark.parametrize("kind", [Multiscale, MultiscaleMixture])
def test_set_perplexities(kind, X):
    search = BruteForce()
    affinities = kind(X, perplexities=[5, 20], method=search)
    affinities.set_perplexities([3, 10])
    assert affinities.perplexities == (3, 10)
    assert search.searches == [60]
    expected = kind(X, perplexities=[3, 10], method=BruteForce()).P
    assert abs(affinities.P - expected).max() < 1e-9


# -- New rows --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_to_new(kind, X, new):
    affinities = kind(data=X, method=BruteForce())
    P, neighbors, distances = affinities.to_new(new, return_distances=True)
    assert P.shape == (7, 120)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-5)
    expected = np.sqrt(((new[:, None] - X) ** 2).sum(axis=2))
    np.testing.assert_array_equal(neighbors[:, 0], expected.argmin(axis=1))
    np.testing.assert_allclose(distances[:, 0], expected.min(axis=1), rtol=1e-5)
    assert abs(affinities.to_new(new) - P).max() == 0
    for row, columns in zip(P, neighbors, strict=True):
        np.testing.assert_array_equal(np.sort(columns), row.nonzero()[1])


@pytest.mark.parametrize("kind", KINDS)
def test_to_new_takes_a_perplexity_whether_the_kernel_has_one_or_not(kind, X, new):
    P = kind(data=X, method=BruteForce()).to_new(new, perplexity=5)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-5)


def test_to_new_with_another_perplexity(X, new):
    P, neighbors, distances = brute(X).to_new(new, 5, return_distances=True)
    assert neighbors.shape == (7, 15)
    weights = PerplexityKernel(perplexity=5).weights(distances)
    np.testing.assert_array_equal(P[0, neighbors[0]].toarray()[0], weights[0])
    assert brute(X).to_new(new, k_neighbors=25).getnnz(axis=1).tolist() == [25] * 7


def test_to_new_with_other_options(X, new):
    affinities = Uniform(X, k_neighbors=12, method=BruteForce())
    assert affinities.to_new(new, k_neighbors=3).getnnz(axis=1).tolist() == [3] * 7
    with pytest.raises(TypeError, match=r"'k' is not an option of UniformKernel.*: k_neighbors"):
        affinities.to_new(new, k=3)


def test_to_new_of_fixed_sigma_takes_k(X, new):
    affinities = FixedSigmaNN(X, sigma=1.5, k=12, method=BruteForce())
    assert affinities.to_new(new).getnnz(axis=1).tolist() == [12] * 7
    P, neighbors, _ = affinities.to_new(new, k=5, return_distances=True)
    assert neighbors.shape == (7, 5)
    expected = FixedSigmaNN(X, sigma=1.5, k=5, method=BruteForce()).to_new(new)
    assert abs(P - expected).max() == 0
    assert abs(affinities.to_new(new, 5, sigma=0.7) - expected).max() > 0
    with pytest.raises(TypeError, match="k must be an integer, got True"):
        affinities.to_new(new, True)


def test_effective_perplexities():
    X = np.random.default_rng(0).normal(size=(31, 3))
    with pytest.warns(UserWarning, match="too large for 30 neighbors"):
        affinities = PerplexityBasedNN(X, perplexity=25)
    assert affinities.effective_perplexity_ == 10
    affinities.set_perplexity(8)
    assert affinities.effective_perplexity_ == 8
    assert affinities.effective_perplexities_ == (8,)
    several = Multiscale(X, perplexities=[5, 8])
    assert several.effective_perplexities_ == (5, 8)
    with pytest.raises(AttributeError, match="several perplexities"):
        _ = several.effective_perplexity_
    one = MultiscaleMixture(X, perplexities=8)
    assert one.effective_perplexity_ == 8
    assert abs(one.P - affinities.P).max() < 1e-8


def test_to_new_of_other_kinds_of_data(X, new):
    expected = brute(X).to_new(new).toarray()
    for convert in (list, pd.DataFrame, sparse.csr_matrix, lambda X: X.astype(np.float32)):
        got = brute(X).to_new(convert(new))
        np.testing.assert_allclose(got.toarray(), expected, atol=1e-4)
        got = brute(sparse.csr_matrix(X)).to_new(convert(new))
        np.testing.assert_allclose(got.toarray(), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("rows", "message"),
    [(np.ones((3, 5)), "5 features, but the fitted data has 4"), (np.full((3, 4), np.nan), "NaN")],
)
def test_fault_33_bad_new_rows(rows, message, X):
    with pytest.raises(ValueError, match=message):
        brute(X).to_new(rows)


def test_to_new_without_queries(X, new):
    search = BruteForce()
    affinities = brute(X, method=search)
    affinities.knn_index.search = type("Deaf", (), {"fit": None, "neighbors": None})()
    with pytest.raises(ValueError, match="Deaf cannot find neighbors of new rows"):
        affinities.to_new(new)


def test_to_new_takes_no_number_for_return_distances():
    X = np.random.default_rng(0).normal(size=(60, 3))
    with pytest.raises(TypeError, match="return_distances must be True or False, got 30"):
        Uniform(X, k_neighbors=5).to_new(X[:2], 30)


# -- Saving ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_affinities_pickle(kind, X, new):
    affinities = kind(data=X, method=BruteForce())
    again = pickle.loads(pickle.dumps(affinities))
    assert isinstance(again, Affinities)
    np.testing.assert_array_equal(again.matrix.data, affinities.matrix.data)
    assert abs(again.to_new(new) - affinities.to_new(new)).max() == 0
