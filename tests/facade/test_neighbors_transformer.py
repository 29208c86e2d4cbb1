"""The search for neighbors in the place of scikit-learn's transformer."""

import inspect

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.manifold import Isomap
from sklearn.neighbors import KNeighborsTransformer as Theirs
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from tsnekit.sklearn import KNeighborsTransformer


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([KNeighborsTransformer(n_neighbors=2)])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("mode", ["distance", "connectivity"])
@pytest.mark.parametrize("sparse", [False, True])
def test_the_graph_of_scikit_learn(blobs, mode, sparse):
    import scipy.sparse

    X = scipy.sparse.csr_matrix(np.maximum(blobs, 0)) if sparse else blobs
    ours = KNeighborsTransformer(n_neighbors=6, mode=mode)
    theirs = Theirs(n_neighbors=6, mode="distance").fit(X)
    found = ours.fit_transform(X)
    assert found.nnz == 300 * 7
    wanted = theirs.transform(X)
    if mode == "distance":
        np.testing.assert_allclose(found.toarray(), wanted.toarray(), atol=1e-3)
    else:
        wanted.data[:] = 1
        np.testing.assert_array_equal(found.toarray(), wanted.toarray())
    new = ours.transform(X[:9])
    assert new.shape == (9, 300)
    assert new.nnz == 9 * 7
    # Each row first finds itself.
    np.testing.assert_array_equal(new.indices.reshape(9, 7)[:, 0], np.arange(9))


def test_in_a_pipeline(blobs):
    pipeline = make_pipeline(
        KNeighborsTransformer(n_neighbors=10), Isomap(n_neighbors=9, metric="precomputed")
    )
    ours = pipeline.fit_transform(blobs[::5] / 10)
    theirs = Isomap(n_neighbors=9).fit_transform(blobs[::5] / 10)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-3)


def test_options_reach_the_search(blobs):
    model = KNeighborsTransformer(
        n_neighbors=5, metric="cosine", neighbors="hnsw", neighbors_params={"M": 8}, random_state=0
    )
    wanted = Theirs(n_neighbors=5, metric="cosine").fit_transform(blobs)
    found = model.fit_transform(blobs)
    assert (np.abs((found - wanted).toarray()) < 1e-3).mean() > 0.99
    assert clone(model).get_params() == model.get_params()
    for name in ("n_neighbors", "mode"):
        ours, theirs = (inspect.signature(each).parameters[name] for each in (type(model), Theirs))
        assert ours.default == theirs.default


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_neighbors": 0}, "n_neighbors must be at least 1"),
        ({"n_neighbors": 300}, "n_neighbors must be less than n_samples=300, got 300"),
        ({"mode": "weights"}, "mode must be 'distance' or 'connectivity', got 'weights'"),
        ({"neighbors": "anoy"}, "did you mean 'annoy'"),
        ({"metric": "x"}, "metric='x'"),
    ],
)
def test_bad_options(blobs, options, message):
    with pytest.raises(ValueError, match=message):
        KNeighborsTransformer(**options).fit(blobs)
