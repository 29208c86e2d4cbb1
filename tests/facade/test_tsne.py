"""The facade, from data to map."""

import inspect
import logging

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.neighbors import NearestNeighbors

from tsnekit import TSNE, TSNEEmbedding
from tsnekit._backends.registry import Registry
from tsnekit.affinity import PerplexityBasedNN
from tsnekit.plugins.gradients.exact import ExactMethod

# Name and default of each documented parameter, in the documented order.
DOCUMENTED = {
    "n_components": 2,
    "perplexity": 30,
    "learning_rate": "auto",
    "early_exaggeration_iter": 250,
    "early_exaggeration": "auto",
    "n_iter": 500,
    "exaggeration": None,
    "dof": 1,
    "theta": 0.5,
    "n_interpolation_points": 3,
    "min_num_intervals": 50,
    "ints_in_interval": 1,
    "initialization": "pca",
    "metric": "euclidean",
    "metric_params": None,
    "initial_momentum": 0.8,
    "final_momentum": 0.8,
    "max_grad_norm": None,
    "max_step_norm": 5,
    "n_jobs": 1,
    "neighbors": "auto",
    "negative_gradient_method": "auto",
    "callbacks": None,
    "callbacks_every_iters": 50,
    "random_state": None,
    "verbose": False,
}

QUICK = {"n_iter": 40, "early_exaggeration_iter": 20, "random_state": 0}


def kept(X, Y, k=10):
    graphs = [NearestNeighbors(n_neighbors=k).fit(Z).kneighbors_graph() for Z in (X, Y)]
    return graphs[0].multiply(graphs[1]).sum() / (k * len(X))


# -- Parameters ------------------------------------------------------------------------------------


def test_documented_parameters_in_their_order_and_with_their_defaults():
    parameters = inspect.signature(TSNE.__init__).parameters
    positional = [p for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD][1:]
    assert {p.name: p.default for p in positional} == DOCUMENTED
    assert [p.name for p in positional] == list(DOCUMENTED)
    assert all(p.kind is p.KEYWORD_ONLY for p in list(parameters.values())[27:])


def test_fault_25_parameters_are_stored_as_given():
    given = {"learning_rate": "auto", "early_exaggeration": "auto", "perplexity": [5, 50]}
    model = TSNE(**given, callbacks=[print])
    model.fit(np.random.default_rng(0).normal(size=(200, 4)))
    for name, value in given.items():
        assert getattr(model, name) is value
    assert clone(model).get_params()["learning_rate"] == "auto"


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_components": 0}, ValueError, "n_components must be at least 1"),
        ({"n_components": 2.0}, TypeError, "n_components must be an integer"),
        ({"perplexity": 0}, ValueError, "perplexity"),
        ({"perplexity": -3}, ValueError, "perplexity"),
        ({"perplexity": "x"}, TypeError, "perplexity"),
        ({"perplexity": np.nan}, ValueError, "perplexity"),
        ({"learning_rate": "x"}, ValueError, "learning_rate must be 'auto' or a number"),
        ({"early_exaggeration": "x"}, ValueError, "early_exaggeration must be 'auto' or a"),
        ({"early_exaggeration": 0}, ValueError, "early_exaggeration must be greater than 0"),
        ({"early_exaggeration_iter": -1}, ValueError, "early_exaggeration_iter must be at least"),
        ({"n_iter": None}, TypeError, "n_iter must be an integer"),
        ({"exaggeration": -1}, ValueError, "exaggeration must be greater than 0"),
        ({"dof": 0}, ValueError, "dof must be at least 1e-30"),
        ({"dof": 1e38}, ValueError, r"dof must be at most 1e\+30"),
        ({"theta": -1}, ValueError, "theta must be at least 0"),
        ({"n_interpolation_points": 0}, ValueError, "n_interpolation_points must be at least 1"),
        ({"min_num_intervals": 0}, ValueError, "min_num_intervals must be at least 1"),
        ({"ints_in_interval": 0}, ValueError, "ints_in_interval must be greater than 0"),
        ({"initialization": "x"}, ValueError, "initialization='x'"),
        ({"initialization": np.zeros((3, 2))}, ValueError, "initialization must have shape"),
        ({"initialization": np.zeros(50)}, ValueError, "initialization must be two-dimensional"),
        ({"initialization": np.full((50, 2), np.nan)}, ValueError, "initialization holds NaN"),
        ({"initialization": None}, TypeError, "initialization"),
        ({"metric": "x"}, ValueError, "metric='x'"),
        ({"metric": 3}, TypeError, "metric must be a name or a callable"),
        ({"initial_momentum": "x"}, TypeError, "initial_momentum must be a real number"),
        ({"final_momentum": -1}, ValueError, "final_momentum must be at least 0"),
        ({"max_grad_norm": 0}, ValueError, "max_grad_norm must be greater than 0"),
        ({"max_step_norm": "x"}, TypeError, "max_step_norm must be a real number"),
        ({"n_jobs": 0}, ValueError, "n_jobs=0"),
        ({"n_jobs": "all"}, TypeError, "n_jobs must be an integer"),
        ({"neighbors": "x"}, ValueError, "neighbors='x'"),
        ({"neighbors": 5}, TypeError, "neighbors must be the name of a neighbor search"),
        ({"negative_gradient_method": "x"}, ValueError, "negative_gradient_method='x'"),
        ({"callbacks": 5}, TypeError, "callbacks must be a callable"),
        ({"callbacks_every_iters": 0}, ValueError, "callbacks_every_iters must be at least 1"),
        ({"random_state": "x"}, ValueError, "seed"),
        ({"affinity": "x"}, ValueError, "affinity='x'"),
        ({"optimizer": "x"}, ValueError, "optimizer='x'"),
        ({"neighbors_params": {"x": 1}}, TypeError, "neighbors_params: 'x'"),
        ({"affinity_params": {"x": 1}}, TypeError, "affinity_params: 'x'"),
        ({"gradient_params": {"x": 1}}, TypeError, "gradient_params: 'x'"),
        ({"optimizer_params": {"x": 1}}, TypeError, "optimizer_params: 'x'"),
        ({"initialization_params": {"x": 1}}, TypeError, "initialization_params: 'x'"),
    ],
)
def test_bad_parameters_name_themselves_before_any_work(parameters, error, message, monkeypatch):
    from tsnekit.plugins.neighbors.exact import ExactSearch

    def work(*args, **kwargs):
        raise AssertionError("work has started")

    monkeypatch.setattr(ExactSearch, "neighbors", work)
    X = np.random.default_rng(0).normal(size=(50, 4))
    with pytest.raises(error, match=message):
        TSNE(**parameters).fit(X)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.full((20, 3), np.nan), "X contains NaN"),
        ([["a", "b"], ["c", "d"]], "X must be a table of numbers: could not convert string"),
        (np.zeros(20), "1D array"),
        (np.empty((0, 3)), "0 sample"),
        (np.zeros((1, 3)), "at least 2 rows"),
        (None, "fit needs X or affinities"),
    ],
)
def test_bad_data_is_refused(X, message):
    with pytest.raises(ValueError, match=message):
        TSNE().fit(X)


# -- Maps ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["barnes_hut", "mesh", "fft", "auto"])
def test_map_of_digits_keeps_neighborhoods(digits, method):
    X, _ = digits
    embedding = TSNE(n_jobs=2, random_state=0, negative_gradient_method=method).fit(X)
    assert type(embedding) is TSNEEmbedding
    # openTSNE 1.0.4 keeps 0.585 to 0.588 and scikit-learn 1.9 0.585 of the ten nearest.
    assert kept(X, np.asarray(embedding)) > 0.57
    # Their divergences, by Barnes-Hut, are 0.750 and 0.753. Here grids are coarser than trees.
    exact = embedding.copy()
    exact.state.parameters = exact.state.parameters.replace(negative_gradient_method="exact")
    assert exact.kl_divergence < (0.80 if method in {"mesh", "fft"} else 0.755)


def test_same_seed_same_bits_for_any_number_of_threads(blobs):
    maps = [TSNE(**QUICK, n_jobs=n_jobs).fit(blobs) for n_jobs in (1, 2, 2)]
    np.testing.assert_array_equal(maps[0], maps[1])
    np.testing.assert_array_equal(maps[1], maps[2])


def test_fault_13_kinds_of_input_give_the_same_map(blobs):
    X = blobs.astype(np.float64)
    read_only = X.copy()
    read_only.setflags(write=False)
    expected = TSNE(**QUICK).fit(X)
    frame = pd.DataFrame(X, columns=[f"gene {i}" for i in range(X.shape[1])])
    for given in (X.tolist(), frame, np.asfortranarray(X), read_only):
        np.testing.assert_array_equal(TSNE(**QUICK).fit(given), expected)


def test_nothing_of_the_users_is_changed(blobs):
    X, start = blobs.copy(), np.random.default_rng(0).normal(size=(300, 2)) * 1e-4
    X_before, start_before = X.copy(), start.copy()
    TSNE(**QUICK, initialization=start).fit(X)
    np.testing.assert_array_equal(X, X_before)
    np.testing.assert_array_equal(start, start_before)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("dof", [0.5, 1, 2])
def test_dimensions_and_degrees_of_freedom(blobs, d, dof):
    embedding = TSNE(**QUICK, n_components=d, dof=dof).fit(blobs)
    assert embedding.shape == (300, d)
    assert np.isfinite(embedding).all()
    assert embedding.kl_divergence > 0


def test_fault_22_many_dimensions_use_no_tree(blobs):
    embedding = TSNE(**QUICK, n_components=8, perplexity=15).fit(blobs[:60])
    assert embedding.shape == (60, 8)
    assert embedding.backends["negative_gradient_method"].name == "exact"
    with pytest.raises(ValueError, match="n_components=50 is not supported"):
        TSNE(n_components=50, negative_gradient_method="bh").fit(blobs)


def test_optimize_continues_where_fit_stopped(blobs):
    longer = TSNE(**(QUICK | {"n_iter": 60})).fit(blobs)
    shorter = TSNE(**QUICK).fit(blobs)
    np.testing.assert_array_equal(longer, shorter.optimize(20))


def test_prepare_initial_then_optimize_equals_fit(blobs):
    model = TSNE(**QUICK)
    embedding = model.prepare_initial(blobs)
    assert embedding.state.iteration == 0
    assert embedding[:, 0].std() == pytest.approx(1e-4, rel=1e-3)
    embedding.optimize(20, exaggeration=12, inplace=True)
    embedding.optimize(40, inplace=True)
    np.testing.assert_array_equal(embedding, model.fit(blobs))


def test_affinities_in_place_of_data(blobs):
    affinities = PerplexityBasedNN(blobs, perplexity=20, random_state=0)
    embedding = TSNE(**QUICK, perplexity=-1).fit(affinities=affinities)
    assert embedding.affinities is affinities
    assert embedding.backends["initialization"].name == "spectral"
    with_data = TSNE(**QUICK).fit(blobs, affinities=affinities)
    assert with_data.backends["initialization"].name == "pca"
    with pytest.raises(ValueError, match="X has 299 rows, but affinities are those of 300"):
        TSNE().fit(blobs[:299], affinities=affinities)


def test_a_random_start_does_not_depend_on_given_affinities(blobs):
    model = TSNE(initialization="random", random_state=3)
    affinities = PerplexityBasedNN(blobs, random_state=0)
    wanted = model.prepare_initial(blobs)
    np.testing.assert_array_equal(model.prepare_initial(affinities=affinities), wanted)
    np.testing.assert_array_equal(model.prepare_initial(blobs, affinities), wanted)


def test_given_positions_are_checked_once_by_the_facade(blobs, monkeypatch):
    from tsnekit._facade import prepare

    seen = []
    original = prepare.check_positions

    def counting(given, **options):
        seen.append(options["name"])
        return original(given, **options)

    monkeypatch.setattr(prepare, "check_positions", counting)
    TSNE(**QUICK).prepare_initial(blobs, initialization=np.eye(300, 2) * 1e-4)
    assert seen == ["initialization"]


@pytest.mark.parametrize("neighbors", ["exact", "auto", "approx", "precomputed"])
def test_exact_neighbors_of_distances(blobs, neighbors):
    distances = scipy.spatial.distance.cdist(blobs, blobs)
    model = TSNE(metric="precomputed", neighbors=neighbors, **QUICK)
    embedding = model.fit(distances)
    assert embedding.backends["neighbors"].name == "precomputed"
    wanted = PerplexityBasedNN(blobs, method="exact").P
    assert abs(embedding.affinities.P - wanted).max() < 1e-8
    named = PerplexityBasedNN(distances, metric="precomputed", method=neighbors)
    assert abs(named.P - wanted).max() < 1e-8
    assert embedding.transform(distances[:3] + 0.1, n_iter=5).shape == (3, 2)


def test_knn_kwargs_is_another_name_for_neighbors_params(blobs):
    options = {"n_trees": 3}
    model = TSNE(neighbors="annoy", knn_kwargs=options, **QUICK)
    fitted = model.prepare_initial(blobs)
    assert fitted.affinities.knn_index.search.n_trees == 3
    assert clone(model).get_params()["knn_kwargs"] == options
    with pytest.raises(ValueError, match="give only one of the two"):
        TSNE(knn_kwargs=options, neighbors_params=options).fit(blobs)
    with pytest.raises(TypeError, match="'trees' is not an option of 'annoy'"):
        TSNE(neighbors="annoy", knn_kwargs={"trees": 3}).fit(blobs)


def test_transforms_own_perplexity_works_for_few_neighbors(blobs):
    model = TSNE(perplexity=2, affinity_params={"k_neighbors": 4}, **QUICK)
    embedding = model.fit(blobs)
    assert embedding.transform(blobs[:3], n_iter=5).shape == (3, 2)
    P = embedding.affinities.to_new(blobs[:3] + 0.1, perplexity=5)
    assert abs(P - PerplexityBasedNN(blobs).to_new(blobs[:3] + 0.1, 5)).max() == 0
    assert embedding.affinities.to_new(blobs[:3]).getnnz(axis=1).tolist() == [4] * 3


def test_one_of_several_perplexities(blobs):
    one = TSNE(affinity="multiscale", perplexity=20, **QUICK).fit(blobs).affinities
    assert one.effective_perplexities_ == (20,)
    assert abs(one.P - PerplexityBasedNN(blobs, 20).P).max() < 1e-8
    uniform = TSNE(affinity="uniform", **QUICK).fit(blobs).affinities
    assert not hasattr(uniform, "effective_perplexity_")
    assert not hasattr(uniform, "effective_perplexities_")


def test_missing_data_makes_pca_give_way_to_spectral_and_says_so(blobs, caplog):
    affinities = PerplexityBasedNN(blobs, perplexity=20, random_state=0)
    with caplog.at_level(logging.WARNING, "tsnekit"):
        TSNE(**QUICK).prepare_initial(affinities=affinities)
    assert "needs the data matrix X" in caplog.text
    assert "using 'spectral' instead" in caplog.text


def test_wide_initialization_is_warned_of(blobs, caplog):
    with caplog.at_level(logging.WARNING, "tsnekit"):
        TSNE(**QUICK).prepare_initial(blobs, initialization=np.eye(300, 2))
    assert "standard deviation" in caplog.text


def test_sparse_data(blobs):
    X = scipy.sparse.csr_matrix(np.where(np.abs(blobs) < 1, 0, blobs))
    embedding = TSNE(**QUICK).fit(X)
    assert embedding.backends["neighbors"].name == "exact"
    np.testing.assert_allclose(
        embedding.affinities.P.toarray(), TSNE(**QUICK).fit(X.toarray()).affinities.P.toarray(),
        atol=1e-6,
    )  # fmt: skip


def test_small_data_is_embedded():
    rng = np.random.default_rng(0)
    for n in (2, 3, 5, 20):
        with pytest.warns(UserWarning, match="perplexity"):
            embedding = TSNE(**QUICK).fit(rng.normal(size=(n, 4)))
        assert embedding.shape == (n, 2)
        assert np.isfinite(embedding).all()


# -- Backends --------------------------------------------------------------------------------------


def test_what_was_chosen_and_why_is_recorded(blobs):
    backends = TSNE(**QUICK).fit(blobs).backends
    assert set(backends) == {
        "neighbors", "affinity", "initialization", "negative_gradient_method", "optimizer",
    }  # fmt: skip
    assert backends["neighbors"].name == "exact"
    assert "fewer than 1,000 rows" in backends["neighbors"].reason


def test_seconds_of_every_step_are_recorded(blobs):
    seconds = TSNE(**QUICK).fit(blobs).seconds
    assert list(seconds) == [
        "neighbors", "affinities", "initialization", "early exaggeration", "optimization",
    ]  # fmt: skip


def test_fault_23_verbose_shows_choices_and_progress_and_silence_is_silent(blobs, capfd):
    TSNE(**QUICK).fit(blobs)
    assert capfd.readouterr() == ("", "")
    TSNE(**QUICK, verbose=True, callbacks_every_iters=10).fit(blobs)
    shown = capfd.readouterr()
    assert shown.out == ""
    for wanted in ("neighbor search: exact (fewer than", "early exaggeration", "KL 0."):
        assert wanted in shown.err


def test_plugins_serve_at_every_point_by_name(blobs, fake_entry_points, monkeypatch):
    registry = Registry(fake_entry_points("tsnekit-good"))
    monkeypatch.setattr("tsnekit._backends.resolve.default_registry", lambda: registry)
    embedding = TSNE(
        **QUICK,
        neighbors="good_neighbors",
        affinity="good_kernel",
        affinity_params={"k_neighbors": 7},
        initialization="good_init",
        negative_gradient_method="good_gradient",
        optimizer="good_optimizer",
        optimizer_params={"rate": 0.1},
    ).fit(blobs)
    assert {choice.origin for choice in embedding.backends.values()} == {"tsnekit-good 1.2"}
    assert np.isfinite(embedding).all()


def test_instances_serve_in_place_of_names(blobs, fake_entry_points):
    (entry_point,) = fake_entry_points("tsnekit-good")
    plugin = entry_point.load()
    instances = {
        "neighbors": plugin.Search(),
        "affinity": plugin.Kernel(k_neighbors=7),
        "initialization": plugin.Line(),
        "negative_gradient_method": ExactMethod(),
        "optimizer": plugin.Descent(),
    }
    embedding = TSNE(**QUICK, **instances).fit(blobs)
    assert all(c.reason == "given as an instance" for c in embedding.backends.values())


def test_several_perplexities_and_kernels_by_name(blobs):
    assert TSNE(**QUICK, perplexity=[5, 50]).fit(blobs).backends["affinity"].name == (
        "multiscale_mixture"
    )
    uniform = TSNE(**QUICK, affinity="uniform", affinity_params={"k_neighbors": 15}).fit(blobs)
    conditional = uniform.affinities.P.toarray()
    assert np.unique(np.round(conditional[conditional > 0] * 300 * 30)).tolist() == [1, 2]


# -- Callbacks -------------------------------------------------------------------------------------


def test_callbacks_see_both_phases(blobs):
    seen = []

    def watch(iteration, error, embedding, state):
        seen.append((state.phase.name, iteration, state.global_iteration))

    TSNE(**QUICK, callbacks=watch, callbacks_every_iters=20).fit(blobs)
    assert seen == [
        ("early exaggeration", 20, 20),
        ("optimization", 20, 40),
        ("optimization", 40, 60),
    ]


def test_callback_that_stops_returns_the_map_so_far(blobs):
    embedding = TSNE(**QUICK, callbacks=lambda i, e, y: e < 10, callbacks_every_iters=10).fit(blobs)
    assert embedding.state.iteration == 10


def test_learning_rate_auto_is_n_over_exaggeration_in_each_phase(blobs):
    rates = []

    def watch(iteration, error, embedding, state):
        rates.append(state.phase.learning_rate)

    TSNE(**QUICK, exaggeration=2, callbacks=watch, callbacks_every_iters=20).fit(blobs)
    assert rates == [300 / 12, 150, 150]
    rates.clear()
    TSNE(**QUICK, exaggeration=20, callbacks=watch, callbacks_every_iters=20).fit(blobs)
    assert rates == [15, 15, 15]


def test_distances_are_not_taken_for_coordinates():
    X = np.random.default_rng(8).normal(size=(120, 5))
    distances = scipy.spatial.distance.cdist(X, X)
    embedding = TSNE(metric="precomputed", random_state=0, n_iter=1, early_exaggeration_iter=1).fit(
        distances
    )
    assert embedding.backends["initialization"].name == "spectral"
