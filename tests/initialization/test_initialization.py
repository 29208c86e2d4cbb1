"""Starting positions."""

import numpy as np
import pytest
from scipy import sparse

from tsnekit import initialization
from tsnekit.errors import ConvergenceWarning

# -- Small helpers ---------------------------------------------------------------------------------


def test_rescale():
    x = np.random.default_rng(0).normal(size=(50, 3)) * 7
    before = x.copy()
    scaled = initialization.rescale(x)
    np.testing.assert_array_equal(x, before)
    assert scaled[:, 0].std() == pytest.approx(1e-4)
    np.testing.assert_allclose(scaled / scaled[0, 0], x / x[0, 0])
    assert initialization.rescale(x, target_std=2.5)[:, 0].std() == pytest.approx(2.5)


def test_rescale_in_place():
    x = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    assert initialization.rescale(x, inplace=True) is x
    assert x[:, 0].std() == pytest.approx(1e-4)


@pytest.mark.parametrize("value", [1.0, 0.1, 7.3])
def test_rescale_of_a_constant_changes_nothing(value):
    """This includes constants whose standard deviation is not 0 because of rounding."""
    constant = np.full((1001, 2), value)
    np.testing.assert_array_equal(initialization.rescale(constant), constant)
    assert initialization.jitter(constant, random_state=0).std() == pytest.approx(1e-6, rel=0.1)


@pytest.mark.parametrize("function", [initialization.rescale, initialization.jitter])
def test_in_place_needs_a_float_array(function):
    with pytest.raises(TypeError, match="x must be a float array"):
        function([[1, 2], [3, 4]], inplace=True)
    with pytest.raises(TypeError, match="x must be a float array"):
        function(np.ones((2, 2), dtype=int), inplace=True)


def test_jitter_moves_exact_ties_only():
    x = np.random.default_rng(0).normal(size=(60, 2))
    x[[3, 17, 40]] = x[3]
    x[[5, 6]] = x[5]
    before = x.copy()
    moved = initialization.jitter(x, random_state=0)
    np.testing.assert_array_equal(x, before)
    tied = np.zeros(60, dtype=bool)
    tied[[3, 17, 40, 5, 6]] = True
    np.testing.assert_array_equal(moved[~tied], x[~tied])
    assert len(np.unique(moved, axis=0)) == 60
    assert 0 < np.abs(moved[tied] - x[tied]).max() < 0.1 * x[:, 0].std()
    np.testing.assert_array_equal(moved, initialization.jitter(x, random_state=0))


def test_jitter_in_place_and_of_equal_points():
    x = np.zeros((30, 2))
    assert initialization.jitter(x, inplace=True, random_state=0) is x
    assert len(np.unique(x, axis=0)) == 30


def test_random():
    positions = initialization.random(2_000, 3, random_state=0)
    assert positions.shape == (2_000, 3)
    np.testing.assert_allclose(positions.std(axis=0), 1e-4, rtol=0.05)
    np.testing.assert_array_equal(positions, initialization.random(2_000, 3, random_state=0))
    assert initialization.random(np.ones((7, 4))).shape == (7, 2)


# -- Principal components --------------------------------------------------------------------------


def data(n=300, p=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, p)) * np.linspace(5, 1, p) @ np.linalg.qr(rng.normal(size=(p, p)))[0]


def expected_pca(X, n_components):
    X = np.asarray(X, dtype=np.float64)
    _, _, components = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    components = components[:n_components]
    largest = np.abs(components).argmax(axis=1)
    components *= np.sign(components[np.arange(n_components), largest])[:, None]
    scores = (X - X.mean(axis=0)) @ components.T
    return scores / scores[:, 0].std() * 1e-4


@pytest.mark.parametrize("n_components", [1, 2, 3])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_pca_against_svd(n_components, dtype):
    X = data()
    np.testing.assert_allclose(
        initialization.pca(X.astype(dtype), n_components), expected_pca(X, n_components), atol=1e-8
    )


@pytest.mark.parametrize("offset", [1e3, -1e5])
@pytest.mark.parametrize("unit", [1e-25, 1.0, 1e30])
def test_pca_far_from_the_origin_and_in_any_unit(offset, unit):
    X = data() + offset
    shifted = (X * unit).astype(np.float32)
    expected = expected_pca(shifted.astype(np.float64) / unit, 2)
    np.testing.assert_allclose(initialization.pca(shifted), expected, atol=3e-7)


@pytest.mark.parametrize("solver", ["full", "arpack", "randomized"])
def test_pca_by_another_solver(solver):
    X = data()
    np.testing.assert_allclose(
        initialization.pca(X, svd_solver=solver, random_state=0), expected_pca(X, 2), atol=1e-7
    )


def test_pca_of_more_columns_than_rows():
    X = data(40, 200)
    np.testing.assert_allclose(initialization.pca(X, random_state=0), expected_pca(X, 2), atol=2e-6)


@pytest.mark.parametrize("shape", [(300, 40), (30, 3), (60, 300)])
def test_pca_of_sparse_data(shape):
    X = data(*shape)
    X[X < 0.5] = 0
    np.testing.assert_allclose(
        initialization.pca(sparse.csr_matrix(X), random_state=0), expected_pca(X, 2), atol=2e-6
    )


def test_pca_fills_what_does_not_vary():
    X = np.zeros((100, 5))
    X[:, 2] = np.arange(100)
    positions = initialization.pca(X, 3, random_state=0)
    assert positions[:, 0].std() == pytest.approx(1e-4)
    np.testing.assert_allclose(positions[:, 1:].std(axis=0), 1e-6, rtol=0.3)


@pytest.mark.parametrize(
    "X", [np.ones((50, 4)), np.ones((50, 1)), np.ones((3, 20)), np.zeros((5, 9))]
)
@pytest.mark.parametrize("as_sparse", [False, True])
def test_pca_of_constant_data(X, as_sparse):
    positions = initialization.pca(sparse.csr_matrix(X) if as_sparse else X, random_state=0)
    assert np.isfinite(positions).all()
    assert len(np.unique(positions, axis=0)) == len(X)


@pytest.mark.parametrize("shape", [(2, 10), (3, 2), (4, 1), (1, 5)])
def test_pca_of_fewer_rows_or_columns_than_components(shape):
    positions = initialization.pca(np.random.default_rng(0).normal(size=shape), 4, random_state=0)
    assert positions.shape == (shape[0], 4)
    assert np.isfinite(positions).all()
    assert (positions.std(axis=0) > 0).all() or shape[0] == 1


def test_pca_moves_duplicates_apart():
    X = np.repeat(data(20), 3, axis=0)
    assert len(np.unique(initialization.pca(X, random_state=0), axis=0)) == 60
    without = initialization.pca(X, add_jitter=False)
    assert len(np.unique(np.round(without, 12), axis=0)) == 20


def test_pca_is_deterministic():
    X = data(9_000, 30)
    first = initialization.pca(X, random_state=0)
    np.testing.assert_array_equal(initialization.pca(X, random_state=0), first)
    np.testing.assert_array_equal(initialization.pca(X, random_state=0, n_jobs=3), first)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_fault_33_data_that_is_not_finite(bad):
    X = data()
    X[5, 2] = bad
    with pytest.raises(ValueError, match=r"Input X contains"):
        initialization.pca(X)


@pytest.mark.parametrize("n_components", [0, -1])
@pytest.mark.parametrize("function", ["pca", "spectral", "random"])
def test_fault_36_no_components(function, n_components):
    argument = 10 if function == "random" else np.ones((10, 10))
    with pytest.raises(ValueError, match="n_components must be at least 1"):
        getattr(initialization, function)(argument, n_components)


# -- Diffusion map ---------------------------------------------------------------------------------


def ring(n=200, reach=3):
    """Return a ring of points, each linked to its nearest points on both sides."""
    offsets = np.arange(1, reach + 1)
    rows = np.repeat(np.arange(n), reach)
    columns = (rows + np.tile(offsets, n)) % n
    graph = sparse.coo_matrix((np.ones(len(rows)), (rows, columns)), (n, n))
    return (graph + graph.T).tocsr()


def path(n=200):
    return sparse.diags([np.ones(n - 1), np.ones(n - 1)], [-1, 1]).tocsr()


def blob_graph(n=150, seed=0):
    X = np.random.default_rng(seed).normal(size=(n, 3)) * [3, 1.5, 1]
    squared = ((X[:, None] - X) ** 2).sum(axis=2)
    return np.exp(-squared / 8) * ~np.eye(n, dtype=bool)


def expected_spectral(A, n_components):
    """Return eigenvectors of the random walk, largest eigenvalue first, without the trivial one."""
    degree = A.sum(axis=1, keepdims=True)
    values, vectors = np.linalg.eig(A / degree)
    vectors /= np.sqrt(np.sum(degree * vectors.real**2, axis=0))
    order = np.argsort(-values.real)[1 : n_components + 1]
    return vectors[:, order].real * values[order].real


def test_spectral_against_dense_eigenvectors():
    A = blob_graph()
    found = initialization.spectral(A, 3, tol=1e-9)
    expected = expected_spectral(A, 3)
    assert found[:, 0].std() == pytest.approx(1e-4)
    scale = 1e-4 / expected[:, 0].std()
    for axis in range(3):
        direction = expected[:, axis] * scale
        sign = np.sign(direction @ found[:, axis])
        np.testing.assert_allclose(found[:, axis], direction * sign, atol=1e-6)


def test_spectral_of_a_ring_is_a_circle():
    radius = np.linalg.norm(initialization.spectral(ring(), tol=1e-8), axis=1)
    np.testing.assert_allclose(radius, radius.mean(), rtol=1e-3)


def test_spectral_finds_both_vectors_of_a_double_eigenvalue():
    # A square grid with a hole in its middle looks the same after a quarter turn.
    side = 20
    i, j = np.divmod(np.arange(side * side), side)
    kept = (np.abs(i - 9.5) > 4) | (np.abs(j - 9.5) > 4)
    places = np.stack([i, j], axis=1)[kept]
    A = (np.abs(places[:, None] - places).sum(axis=2) == 1).astype(float)
    root = np.sqrt(A.sum(axis=1))
    values = np.linalg.eigvalsh(A / root / root[:, None])[::-1]
    assert values[1] == pytest.approx(values[2])
    Y = initialization.spectral(sparse.csr_matrix(A), 2, random_state=0, tol=1e-8, add_jitter=False)
    walked = A @ Y / A.sum(axis=1)[:, None]
    found = (walked * Y).sum(axis=0) / (Y * Y).sum(axis=0)
    np.testing.assert_allclose(found, values[1], rtol=1e-4)
    assert np.linalg.matrix_rank(Y / np.abs(Y).max(), tol=0.1) == 2


def test_spectral_of_a_path_is_in_order():
    first = initialization.spectral(path(60), 1)[:, 0]
    assert (np.diff(first) > 0).all() or (np.diff(first) < 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_fault_18_spectral_is_the_same_in_every_run(seed):
    A = sparse.csr_matrix(blob_graph())
    np.random.seed(seed)  # noqa: NPY002
    np.random.normal()  # noqa: NPY002
    np.testing.assert_array_equal(
        initialization.spectral(A), initialization.spectral(A, random_state=seed)
    )


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.coo_matrix])
def test_spectral_leaves_the_graph_as_it_is(kind):
    A = blob_graph()
    given = kind(A)
    initialization.spectral(given)
    np.testing.assert_array_equal(given.toarray() if sparse.issparse(given) else given, A)


def test_spectral_of_weights_that_are_not_symmetric():
    A = blob_graph()
    np.testing.assert_allclose(
        initialization.spectral(np.triu(A) * 2, tol=1e-8),
        initialization.spectral(A, tol=1e-8),
        atol=1e-7,
    )


def test_fault_34_spectral_with_isolated_points():
    A = np.zeros((160, 160))
    A[:150, :150] = blob_graph()
    positions = initialization.spectral(A, random_state=0)
    assert np.isfinite(positions).all()
    assert len(np.unique(positions, axis=0)) == 160
    assert positions[:, 0].std() == pytest.approx(1e-4, rel=0.05)
    alone = initialization.spectral(blob_graph(), random_state=0)
    assert abs(np.corrcoef(positions[:150, 0], alone[:, 0])[0, 1]) > 0.99


@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_spectral_of_a_disconnected_graph(n_components):
    parts = [blob_graph(150), blob_graph(120, 1), path(30).toarray(), np.ones((2, 2)) - np.eye(2)]
    A = sparse.block_diag([sparse.csr_matrix(part) for part in parts], format="csr")
    positions = initialization.spectral(A, n_components, random_state=0)
    assert np.isfinite(positions).all()
    assert len(np.unique(positions, axis=0)) == A.shape[0]
    ends = np.cumsum([len(part) for part in parts])
    boxes = [
        (positions[end - len(part) : end].min(axis=0), positions[end - len(part) : end].max(axis=0))
        for part, end in zip(parts, ends, strict=True)
    ]
    for i, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[:i]:
            assert ((high < other_low) | (other_high < low)).any()


def test_spectral_without_any_edge():
    positions = initialization.spectral(np.zeros((9, 9)), random_state=0)
    assert np.isfinite(positions).all()
    assert len(np.unique(positions, axis=0)) == 9


@pytest.mark.parametrize("n", [1, 2, 3])
def test_spectral_of_very_few_points(n):
    positions = initialization.spectral(np.ones((n, n)) - np.eye(n), 4, random_state=0)
    assert positions.shape == (n, 4)
    assert np.isfinite(positions).all()


def test_spectral_is_random_where_the_solver_fails():
    with pytest.warns(ConvergenceWarning, match="the initialization is random"):
        positions = initialization.spectral(path(2_000), tol=1e-12, max_iter=1, random_state=0)
    np.testing.assert_array_equal(positions, initialization.random(2_000, random_state=0))


@pytest.mark.parametrize(
    ("A", "message"),
    [
        (np.ones((3, 4)), "A must be square"),
        (-np.ones((3, 3)), "A must not be negative"),
        (np.full((3, 3), np.nan), "A contains NaN"),
        (np.full((3, 3), np.inf), "A contains infinity"),
    ],
)
def test_spectral_of_bad_matrices(A, message):
    with pytest.raises(ValueError, match=message):
        initialization.spectral(A)


@pytest.mark.parametrize("scale", [1, 1e6])
def test_spectral_of_a_directed_graph_with_an_edge_that_dominates(scale):
    """The result is that of the mean of both directions, even if one edge is very large."""
    A = sparse.random(300, 300, 0.05, random_state=0, format="lil")
    A[7, 8] = A[8, 7] = scale
    A = A.tocsr()
    before = A.copy()
    found = initialization.spectral(A, random_state=0)
    np.testing.assert_array_equal(found, initialization.spectral(A.T, random_state=0))
    symmetric = initialization.spectral((A + A.T) / 2, random_state=0)
    np.testing.assert_allclose(found, symmetric, rtol=1e-3, atol=1e-8)
    assert abs(A - before).max() == 0


def test_spectral_ignores_edges_of_weight_0():
    apart = sparse.csr_matrix(sparse.block_diag([np.ones((20, 20)), np.ones((20, 20))]))
    joined = sparse.csr_matrix(np.ones((40, 40)))
    joined.data[:] = apart.toarray().ravel()
    assert joined.nnz == 1600
    np.testing.assert_array_equal(
        initialization.spectral(joined, random_state=0),
        initialization.spectral(apart, random_state=0),
    )


# -- New points ------------------------------------------------------------------------------------


def test_median():
    embedding = np.array([[0.0, 0], [1, 10], [5, 2], [9, 9]])
    neighbors = np.array([[0, 1, 2], [3, 3, 3]])
    np.testing.assert_array_equal(initialization.median(embedding, neighbors), [[1, 2], [9, 9]])


def test_fault_35_near_neighbors_count_more():
    embedding = np.array([[0.0, 0], [1, 1]])
    placed = initialization.weighted_mean(
        np.zeros((2, 3)), embedding, np.array([[0, 1], [1, 0]]), np.array([[1.0, 3], [1, 3]])
    )
    np.testing.assert_allclose(placed, [[0.25, 0.25], [0.75, 0.75]])


def test_weighted_mean_at_distance_0():
    embedding = np.array([[0.0, 0], [1, 1], [4, 4]])
    neighbors = np.array([[0, 1, 2], [0, 1, 2]])
    distances = np.array([[0.0, 0, 2], [0, 1, 2]])
    placed = initialization.weighted_mean(None, embedding, neighbors, distances)
    np.testing.assert_allclose(placed, [[0.5, 0.5], [0, 0]])
