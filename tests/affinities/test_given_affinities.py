"""Affinities that users make: matrices, and classes that compute P by themselves."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse

from tsnekit import TSNE, TSNEEmbedding
from tsnekit.affinity import Affinities, PerplexityBasedNN, PrecomputedAffinities
from tsnekit.interfaces import SparseAffinities

QUICK = {"early_exaggeration_iter": 5, "n_iter": 5, "random_state": 0}


def ring(n=50):
    one_way = np.roll(np.eye(n), 1, axis=1)
    return sparse.csr_matrix((one_way + one_way.T) / (2 * n))


class WithInit(Affinities):
    def __init__(self, P):
        super().__init__(verbose=False)
        self.P = P


class WithoutInit(Affinities):
    def __init__(self, P):
        self.P = P

    def to_new(self, data, return_distances=False, *, perplexity=None):
        P = sparse.csr_matrix(np.full((len(data), self.n_samples), 1 / self.n_samples))
        neighbors = np.tile(np.arange(3), (len(data), 1))
        return (P, neighbors, np.ones(neighbors.shape)) if return_distances else P


class Matrix(Affinities):
    def __init__(self, P):
        super().__init__(P)


@pytest.mark.parametrize("kind", [WithInit, WithoutInit, Matrix])
@pytest.mark.parametrize("convert", [lambda P: P, sparse.coo_array, lambda P: P.toarray()])
def test_custom_affinities(kind, convert):
    given = convert(ring())
    affinities = kind(given)
    expected = PrecomputedAffinities(ring(), normalize=False)
    assert abs(affinities.P - expected.P).max() == 0
    assert not np.shares_memory(affinities.matrix.data, getattr(given, "data", np.zeros(1)))
    fitted = TSNE(initialization="spectral", **QUICK).fit(affinities=affinities)
    np.testing.assert_array_equal(
        fitted, TSNE(initialization="spectral", **QUICK).fit(affinities=expected)
    )
    start = np.random.default_rng(0).normal(size=(50, 2)) * 1e-4
    assert TSNEEmbedding(start, affinities).optimize(5).shape == (50, 2)


def test_new_points_by_custom_affinities():
    fitted = TSNE(initialization="spectral", **QUICK).fit(affinities=WithoutInit(ring()))
    assert fitted.transform(np.zeros((4, 2)), n_iter=5).shape == (4, 2)
    with pytest.raises(NotImplementedError, match="WithInit has no affinities of new rows"):
        WithInit(ring()).to_new(np.zeros((4, 2)))


def test_affinities_without_p_say_so():
    class Empty(Affinities):
        def __init__(self):
            pass

    assert Empty().P is None
    for use in (lambda: TSNE().fit(affinities=Empty()), lambda: Empty().n_samples):
        with pytest.raises(ValueError, match=r"Empty has no affinities: its __init__ must set"):
            use()


@pytest.mark.parametrize(
    "given",
    [np.eye(50), ring(), [[0, 1], [1, 0]], PerplexityBasedNN, ring],
    ids=["array", "sparse", "list", "class", "function"],
)
def test_other_objects_are_refused_as_affinities_with_advice(given):
    start = np.zeros((50, 2))
    for use in (
        lambda: TSNE().fit(affinities=given),
        lambda: TSNE().fit(start, given),
        lambda: TSNEEmbedding(start, given),
        lambda: (
            TSNE(**QUICK)
            .fit(affinities=WithInit(ring()))
            .extend(affinities=given, initialization=start)
        ),
    ):
        with pytest.raises(TypeError, match=r"affinities must be .*PrecomputedAffinities\(matrix"):
            use()


def parts(**changes):
    whole = {
        "indptr": np.array([0, 1, 2, 2]),
        "indices": np.array([1, 0], dtype=np.int32),
        "data": np.ones(2, dtype=np.float32),
        "shape": (3, 3),
    }
    return SparseAffinities(**(whole | changes))


BROKEN = [
    ({"indptr": np.array([0, 1, 2])}, "3 rows need 4 entries of indptr, got 3"),
    ({"indptr": np.array([1, 1, 2, 2])}, "indptr must start at 0"),
    ({"indptr": np.array([0, 2, 1, 2])}, "never decrease"),
    ({"indptr": np.array([0, 1, 2, 9])}, "indptr ends at 9, but there are 2 indices"),
    ({"indptr": np.array([0.0, 1, 2, 2])}, "indptr must be .* integers, got .* float64"),
    ({"indices": np.array([1, 3])}, "indices must be from 0 to 2"),
    ({"indices": np.array([1, -1])}, "indices must be from 0 to 2"),
    ({"indices": np.array([1, 2**40])}, "indices must be from 0 to 2"),
    ({"indices": np.array([[1, 0]])}, "indices must be a one-dimensional array"),
    ({"indices": np.array([1])}, "there are 1 indices and 2 values"),
    ({"data": np.ones(1)}, "there are 2 indices and 1 values"),
    ({"data": np.array([1, np.nan])}, "NaN"),
    ({"data": np.array([1, np.inf])}, "infinity"),
    ({"data": np.array([1, -1.0])}, "must not be negative, got -1"),
    ({"data": np.array([1, 1e300])}, "single precision, got 1e"),
    ({"data": np.array([1j, 1])}, "data must be a one-dimensional array of numbers"),
    ({"data": np.array(["a", "b"])}, "data must be a one-dimensional array of numbers"),
    ({"shape": (3, 4)}, r"must be square, got shape \(3, 4\)"),
    ({"shape": (2**40, 2**40)}, "rows need"),
    ({"shape": (-1, 3)}, "rows need"),
    ({"shape": 3}, "shape must be two integers, got 3"),
]


@pytest.mark.parametrize(("changes", "message"), BROKEN)
def test_a_broken_matrix_is_refused(changes, message):
    with pytest.raises(ValueError, match=f"P.*{message}"):
        Affinities(parts(**changes))
    affinities = Affinities(parts())
    with pytest.raises(ValueError, match=message):
        affinities.matrix = parts(**changes)
    assert affinities.P.nnz == 2


def test_a_matrix_is_copied_and_brought_into_order():
    given = parts(
        indptr=np.array([0, 3, 4, 4]),
        indices=[2, 1, 2, 0],
        data=[1, 2, 3, 4],
    )
    P = Affinities(given).P
    np.testing.assert_array_equal(P.toarray(), [[0, 2, 4], [4, 0, 0], [0, 0, 0]])
    assert P.has_canonical_format
    data = np.ones(2, dtype=np.float32)
    kept = Affinities(parts(data=data))
    data[:] = np.nan
    assert kept.P.sum() == 2


def test_columns_out_of_range_do_not_crash_the_process():
    code = """
import numpy as np
from tsnekit import TSNEEmbedding
from tsnekit.affinity import Affinities
from tsnekit.interfaces import SparseAffinities
n = 200
columns = np.full(n, 2**31 - 7, dtype=np.int32)
P = SparseAffinities(np.arange(n + 1), columns, np.ones(n, dtype=np.float32), (n, n))
try:
    TSNEEmbedding(np.random.default_rng(0).normal(size=(n, 2)), Affinities(P)).optimize(20)
except ValueError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "indices must be from 0 to 199" in done.stdout
