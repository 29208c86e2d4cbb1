"""t-SNE as an estimator of scikit-learn."""

import functools
import inspect
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import sklearn
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from tsnekit import TSNE as Facade  # noqa: N811
from tsnekit import TSNEEmbedding
from tsnekit.affinity import PerplexityBasedNN
from tsnekit.diagnostics import neighbors_kept, neighbors_kept_scorer
from tsnekit.sklearn import TSNE

QUICK = {"n_iter": 30, "early_exaggeration_iter": 20, "perplexity": 5, "random_state": 0}

NOT_THE_SAME = (
    "transform places each row by the fixed map alone, while fit moves all rows together: the "
    "training data comes to lie near its embedding, not within 0.01 of it"
)
EXPECTED_FAILURES = {
    "check_transformer_data_not_an_array": NOT_THE_SAME,
    "check_transformer_general": NOT_THE_SAME,
}

# Before scikit-learn 1.6, an estimator had to list its expected failures itself.
if "expected_failed_checks" in inspect.signature(parametrize_with_checks).parameters:
    checks = functools.partial(
        parametrize_with_checks, expected_failed_checks=lambda estimator: EXPECTED_FAILURES
    )
else:
    checks = parametrize_with_checks


# The data of these checks has many equal rows.
@pytest.mark.filterwarnings("ignore::tsnekit.errors.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@checks([TSNE(**QUICK | {"perplexity": 3})])
def test_scikit_learns_checks(estimator, check):
    if getattr(check, "func", check).__name__ in EXPECTED_FAILURES:
        pytest.xfail(NOT_THE_SAME)
    check(estimator)


@pytest.fixture
def fitted(blobs):
    return TSNE(**QUICK).fit(blobs)


def test_fitted_attributes(fitted, blobs):
    assert type(fitted.embedding_) is TSNEEmbedding
    assert fitted.affinities_ is fitted.embedding_.affinities
    assert fitted.kl_divergence_ == fitted.embedding_.kl_divergence
    assert fitted.n_iter_ == 50
    assert fitted.n_features_in_ == 10
    assert not hasattr(fitted, "feature_names_in_")
    np.testing.assert_array_equal(fitted.embedding_, Facade(**QUICK).fit(blobs))


def test_fit_transform_is_the_embedding_as_a_plain_array(fitted, blobs):
    model = TSNE(**QUICK)
    positions = model.fit_transform(blobs)
    assert type(positions) is np.ndarray
    np.testing.assert_array_equal(positions, fitted.embedding_)
    assert not np.shares_memory(positions, model.embedding_)


def test_transform(fitted, blobs):
    placed = fitted.transform(blobs[:7] + 0.01, n_iter=20)
    assert type(placed) is np.ndarray
    assert placed.base is None
    np.testing.assert_array_equal(placed, fitted.embedding_.transform(blobs[:7] + 0.01, n_iter=20))


def test_affinities_by_position_are_not_taken_for_y(blobs):
    affinities = PerplexityBasedNN(blobs, perplexity=5)
    for call in (TSNE(**QUICK).fit, TSNE(**QUICK).fit_transform):
        with pytest.raises(TypeError, match=r"give them by name: fit\(X, affinities=\.\.\.\)"):
            call(blobs, affinities)
        call(blobs, np.arange(300))  # which is ignored, as in a pipeline


def test_transform_needs_fit_and_the_same_features(fitted, blobs):
    with pytest.raises(NotFittedError):
        TSNE().transform(blobs)
    with pytest.raises(ValueError, match="X has 9 features, but TSNE is expecting 10"):
        fitted.transform(blobs[:, :9])


def test_clone_and_parameters():
    model = TSNE(perplexity=[5, 50], learning_rate="auto", gradient_params={"theta": 0.3})
    copied = clone(model)
    assert copied.get_params() == model.get_params()
    assert copied.set_params(n_iter=3).n_iter == 3
    assert "perplexity=[5, 50]" in repr(model)


@pytest.mark.parametrize("dump", [pickle.dumps, None])
def test_pickle_and_joblib(fitted, blobs, tmp_path, dump):
    if dump is None:
        joblib.dump(fitted, tmp_path / "model.joblib")
        other = joblib.load(tmp_path / "model.joblib")
    else:
        other = pickle.loads(dump(fitted))
    np.testing.assert_array_equal(other.embedding_, fitted.embedding_)
    np.testing.assert_array_equal(other.transform(blobs[:5]), fitted.transform(blobs[:5]))


def test_annoy_models_are_pickled_too(blobs):
    model = TSNE(**QUICK, neighbors="annoy").fit(blobs)
    other = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(other.transform(blobs[:5]), model.transform(blobs[:5]))


def test_frames_in_and_out(blobs):
    frame = pd.DataFrame(blobs, columns=[f"gene{i}" for i in range(10)])
    frame.index = [f"cell{i}" for i in range(300)]
    model = TSNE(**QUICK).set_output(transform="pandas").fit(frame)
    assert list(model.feature_names_in_) == list(frame.columns)
    assert list(model.get_feature_names_out()) == ["tsne0", "tsne1"]
    placed = model.transform(frame[:5])
    assert isinstance(placed, pd.DataFrame)
    assert list(placed.columns) == ["tsne0", "tsne1"]
    assert list(placed.index) == list(frame.index[:5])
    all_placed = clone(model).set_output(transform="pandas").fit_transform(frame)
    np.testing.assert_array_equal(all_placed.to_numpy(), model.embedding_)
    with pytest.raises(ValueError, match="feature names should match"):
        model.transform(frame[:5].rename(columns={"gene0": "other"}))


def test_polars_in_and_out(blobs):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(blobs, schema=[f"gene{i}" for i in range(10)])
    model = TSNE(**QUICK).set_output(transform="polars")
    placed = model.fit_transform(frame)
    assert isinstance(placed, polars.DataFrame)
    assert placed.columns == ["tsne0", "tsne1"]
    np.testing.assert_array_equal(placed.to_numpy(), TSNE(**QUICK).fit(blobs).embedding_)
    new = model.transform(frame[:5])
    assert isinstance(new, polars.DataFrame)
    np.testing.assert_array_equal(new.to_numpy(), TSNE(**QUICK).fit(blobs).transform(blobs[:5]))
    # scikit-learn finds the names. Version 1.7 does not find them in the newest frames of polars.
    if hasattr(StandardScaler().fit(frame), "feature_names_in_"):
        assert list(model.feature_names_in_) == frame.columns
        with pytest.raises(ValueError, match="feature names should match"):
            model.transform(frame[:5].rename({"gene0": "other"}))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_columns_that_are_not_numbers(blobs, library):
    frames = pytest.importorskip(library)
    frame = frames.DataFrame({"x": blobs[:, 0], "y": blobs[:, 1], "type": ["a", "b", "c"] * 100})
    for model in (TSNE(**QUICK), Facade(**QUICK)):
        with pytest.raises(ValueError, match=r"X must have columns of numbers only, but 'type'"):
            model.fit(frame)
    fitted = TSNE(**QUICK).fit(frame[["x", "y"]])
    with pytest.raises(ValueError, match=r"but 'y' .* is not"):
        fitted.transform(frames.DataFrame({"x": [1.0], "y": ["one"]}))


def test_sparse_columns_are_the_same_rows(blobs):
    rows = scipy.sparse.csr_matrix(np.maximum(blobs, 0))
    settings = QUICK | {"initialization": "random", "neighbors": "exact"}
    for model in (TSNE(**settings), Facade(**settings)):
        columns = rows.tocsc()
        wanted, found = (clone(model).fit(X) for X in (rows, columns))
        wanted, found = (getattr(each, "embedding_", each) for each in (wanted, found))
        np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(found.transform(columns[:5]), wanted.transform(rows[:5]))
        assert columns.format == "csc"


def test_sparse_rows(blobs):
    model = TSNE(**QUICK, initialization="random", neighbors="exact")
    sparse = scipy.sparse.csr_array(np.maximum(blobs, 0))
    assert model.fit_transform(sparse).shape == (300, 2)
    assert model.transform(sparse[:5]).shape == (5, 2)
    assert model.transform(sparse[:5].toarray()).shape == (5, 2)


def test_in_a_pipeline(blobs):
    pipeline = make_pipeline(StandardScaler(), PCA(5), TSNE(**QUICK))
    positions = pipeline.fit_transform(blobs)
    assert positions.shape == (300, 2)
    assert pipeline.transform(blobs[:4]).shape == (4, 2)
    assert list(pipeline[-1:].get_feature_names_out()) == ["tsne0", "tsne1"]
    classes = np.arange(300) % 5
    classifier = make_pipeline(TSNE(**QUICK), KNeighborsClassifier(5)).fit(blobs, classes)
    assert classifier.score(blobs, classes) > 0.95


def test_in_a_column_transformer(blobs):
    frame = pd.DataFrame(blobs, columns=[f"x{i}" for i in range(10)])
    columns = ColumnTransformer(
        [("map", TSNE(**QUICK), ["x0", "x1", "x2"]), ("keep", "passthrough", ["x9"])]
    ).set_output(transform="pandas")
    placed = columns.fit_transform(frame)
    assert list(placed.columns) == ["map__tsne0", "map__tsne1", "keep__x9"]
    np.testing.assert_array_equal(placed["keep__x9"], frame["x9"])


def test_grid_search_by_kept_neighbors(blobs):
    grid = {"perplexity": [1, 2, 15]}
    search = GridSearchCV(TSNE(**QUICK), grid, scoring=neighbors_kept_scorer, cv=2)
    search.fit(blobs)
    scores = search.cv_results_["mean_test_score"]
    assert search.best_params_["perplexity"] == grid["perplexity"][scores.argmax()]
    # By chance it would be 10 of 149. A perplexity of 1 makes a bad map.
    assert scores[2] > 0.2
    assert scores[2] > scores[0]
    fold = np.arange(150, 300)
    model = TSNE(**QUICK | {"perplexity": 15}).fit(np.delete(blobs, fold, axis=0))
    kept = neighbors_kept(blobs[fold], model.transform(blobs[fold]))
    assert search.cv_results_["split1_test_score"][2] == kept


def test_grid_search_of_a_pipeline_and_in_two_processes(blobs):
    pipeline = make_pipeline(StandardScaler(), TSNE(**QUICK))
    grid = {"tsne__perplexity": [3, 15]}
    scores = [
        GridSearchCV(pipeline, grid, scoring=neighbors_kept_scorer, cv=2, n_jobs=n_jobs)
        .fit(blobs)
        .cv_results_["mean_test_score"]
        for n_jobs in (None, 2)
    ]
    np.testing.assert_array_equal(*scores)
    with pytest.raises(ValueError, match="n_neighbors must be less than 9 rows"):
        neighbors_kept_scorer(pipeline.fit(blobs), blobs[:9])


def test_grid_search_hands_each_fold_its_initialization(blobs):
    start = np.random.default_rng(0).normal(size=(300, 2)) * 1e-4
    seen = []

    class Watched(TSNE):
        def fit(self, X, y=None, *, affinities=None, initialization=None):
            seen.append((np.asarray(X), initialization))
            return super().fit(X, initialization=initialization)

    with sklearn.config_context(enable_metadata_routing=True):
        model = Watched(**QUICK).set_fit_request(initialization=True)
        search = GridSearchCV(model, {"perplexity": [4]}, scoring=neighbors_kept_scorer, cv=3)
        search.fit(blobs, initialization=start)
    assert [len(X) for X, _ in seen] == [200, 200, 200, 300]
    for X, given in seen:
        rows = [np.flatnonzero((blobs == row).all(axis=1))[0] for row in X]
        np.testing.assert_array_equal(given, start[rows])


@pytest.mark.parametrize("model", [TSNE(**QUICK), Facade(**QUICK)])
def test_fit_takes_metadata(model):
    with sklearn.config_context(enable_metadata_routing=True):
        requests = model.set_fit_request(affinities=True, initialization=False)
    assert requests.get_metadata_routing().fit.requests["affinities"] is True
    assert requests.get_metadata_routing().fit.requests["initialization"] is False


def test_metadata_must_be_asked_for(blobs):
    start = np.zeros((300, 2)) + np.arange(300)[:, None] * 1e-6
    for model in (TSNE(**QUICK), Facade(**QUICK)):
        with pytest.raises(RuntimeError, match="enable_metadata_routing"):
            model.set_fit_request(initialization=True)
    with sklearn.config_context(enable_metadata_routing=True):
        with pytest.raises(UnsetMetadataPassedError, match="initialization"):
            make_pipeline(StandardScaler(), TSNE(**QUICK)).fit(blobs, initialization=start)
        with pytest.raises(TypeError, match="Unexpected args"):
            TSNE(**QUICK).set_fit_request(weights=True)


def test_requests_are_cloned():
    for model in (TSNE(**QUICK), Facade(**QUICK)):
        with sklearn.config_context(enable_metadata_routing=True):
            copied = clone(model.set_fit_request(affinities=True))
        assert copied.get_metadata_routing().fit.requests["affinities"] is True


def test_metadata_reaches_fit_through_a_pipeline(blobs):
    affinities = PerplexityBasedNN(blobs, perplexity=9)
    start = np.random.default_rng(0).normal(size=(300, 2)) * 1e-4
    with sklearn.config_context(enable_metadata_routing=True):
        model = TSNE(**QUICK).set_fit_request(affinities=True, initialization=True)
        pipeline = make_pipeline(StandardScaler(), model)
        pipeline.fit(blobs, affinities=affinities, initialization=start)
    assert pipeline[-1].affinities_ is affinities
    np.testing.assert_array_equal(
        pipeline[-1].embedding_, Facade(**QUICK).fit(None, affinities, start)
    )


@pytest.mark.parametrize(
    "make",
    [
        np.ndarray.tolist,
        lambda X: np.asfortranarray(X),
        lambda X: X[::-1][::-1],
        lambda X: X.astype(">f4"),
        pd.DataFrame,
        lambda X: pytest.importorskip("polars").DataFrame(X),
    ],
)
def test_any_form_of_data(blobs, make):
    given = make(blobs)
    np.testing.assert_allclose(
        TSNE(**QUICK).set_params(n_iter=0, early_exaggeration_iter=1).fit(given).embedding_,
        TSNE(**QUICK).set_params(n_iter=0, early_exaggeration_iter=1).fit(blobs).embedding_,
        atol=1e-6,
    )


def test_read_only_and_memory_mapped_data(blobs, tmp_path):
    np.save(tmp_path / "blobs.npy", blobs)
    mapped = np.load(tmp_path / "blobs.npy", mmap_mode="r")
    model = TSNE(**QUICK).fit(mapped)
    np.testing.assert_array_equal(model.embedding_, TSNE(**QUICK).fit(blobs).embedding_)


def test_equal_data_in_another_representation(blobs):
    """Data that the checks of scikit-learn itself would read differently."""
    X = np.round(np.maximum(blobs, 0), 2)
    whole = scipy.sparse.csr_matrix(X)
    parts = scipy.sparse.csr_matrix(
        (np.repeat(whole.data / 2, 2), np.repeat(whole.indices, 2), whole.indptr * 2), whole.shape
    )
    quick = {"early_exaggeration_iter": 5, "n_iter": 5, "random_state": 0}
    np.testing.assert_array_equal(
        TSNE(**quick).fit_transform(parts), TSNE(**quick).fit_transform(whole)
    )
    masked = np.ma.masked_greater(X, 5)
    assert masked.mask.any()
    with pytest.raises(ValueError, match=r"X has .* masked values"):
        TSNE(**quick).fit(masked)
    with pytest.raises(TypeError, match=r"timedelta64.*divide it by a unit"):
        TSNE(**quick).fit(np.zeros((9, 2), "m8[s]"))
