"""New points in an embedding that does not move."""

import numpy as np
import pytest

from helpers.maps import METHODS, using
from tsnekit import TSNE, PartialTSNEEmbedding, TSNEEmbedding
from tsnekit.affinity import Affinities, FixedSigmaNN, PerplexityBasedNN, PrecomputedAffinities
from tsnekit.initialization import median, weighted_mean


def same_place(embedding):
    """Return the largest distance between two places that count as the same."""
    return 1e-6 * np.ptp(np.asarray(embedding), axis=0).max()


# -- The places of new points ------------------------------------------------------------------


def test_new_points_lie_with_their_cluster(embedding, data):
    placed = embedding.transform(data[1])
    assert type(placed) is PartialTSNEEmbedding
    assert placed.shape == (60, 2)
    distances = np.linalg.norm(np.asarray(placed)[:, None] - np.asarray(embedding)[None], axis=2)
    nearest = distances.argmin(axis=1)
    np.testing.assert_array_equal(nearest % 6, np.arange(60) % 6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("initialization", ["median", "weighted"])
def test_the_same_row_comes_to_the_same_place_in_any_batch(embedding, data, method, initialization):
    using(embedding, method)
    new = np.concatenate([data[1], data[1][:1] + 40])  # one row far from all others
    settings = {"n_iter": 60, "initialization": initialization}
    at_once = embedding.transform(new, **settings)
    batches = (slice(0, 1), slice(1, 2), slice(2, 30), slice(30, 61))
    apart = np.concatenate([embedding.transform(new[b], **settings) for b in batches])
    backwards = embedding.transform(new[::-1], **settings)[::-1]
    if method == "exact":  # NumPy adds up in an order that depends on the shape
        np.testing.assert_allclose(apart, at_once, atol=1e-3)
        np.testing.assert_allclose(backwards, at_once, atol=1e-3)
    else:
        np.testing.assert_array_equal(apart, at_once)
        np.testing.assert_array_equal(backwards, at_once)


@pytest.mark.parametrize("neighbors", ["annoy", "exact"])
@pytest.mark.parametrize("perplexity", [10, [5, 30]])
def test_searches_and_kernels_treat_each_new_row_by_itself(data, neighbors, perplexity):
    model = TSNE(n_iter=0, early_exaggeration_iter=0, neighbors=neighbors, perplexity=perplexity)
    affinities = model.fit(data[0]).affinities
    at_once = affinities.to_new(data[1]).toarray()
    for rows in (slice(0, 1), slice(1, 40)):
        np.testing.assert_array_equal(affinities.to_new(data[1][rows]).toarray(), at_once[rows])


@pytest.mark.parametrize("method", METHODS)
def test_given_the_affinities_a_point_does_not_depend_on_the_others_to_the_bit(
    embedding, data, method
):
    P = embedding.affinities.to_new(data[1], perplexity=5)
    start = np.random.default_rng(0).uniform(-30, 30, size=(60, 2))
    start[7] = 1e4  # far outside of any grid
    settings = {"negative_gradient_method": method, "learning_rate": "auto", "exaggeration": 1.5}
    together = PartialTSNEEmbedding(start, embedding, P).optimize(40, **settings)
    for rows in (slice(7, 8), slice(20, 53)):
        alone = PartialTSNEEmbedding(start[rows], embedding, P[rows]).optimize(40, **settings)
        if method == "exact":  # NumPy adds up in an order that depends on the shape
            np.testing.assert_allclose(alone, together[rows], atol=same_place(embedding))
        else:
            np.testing.assert_array_equal(alone, together[rows])


def test_threads_do_not_change_the_places(data, embedding):
    P = embedding.affinities.to_new(data[1], perplexity=5)
    start = np.random.default_rng(0).uniform(-30, 30, size=(60, 2))
    for method in METHODS:
        one, two = (
            PartialTSNEEmbedding(start, embedding, P).optimize(
                20, n_jobs=n_jobs, negative_gradient_method=method
            )
            for n_jobs in (1, 2)
        )
        np.testing.assert_array_equal(one, two)


def test_automatic_learning_rate_does_not_look_at_the_batch(embedding, data):
    P = embedding.affinities.to_new(data[1], perplexity=5)
    start = np.zeros((60, 2))
    rates = []

    def record(iteration, error, current, state):
        rates.append(state.phase.learning_rate)

    for rows in (1, 60):
        PartialTSNEEmbedding(start[:rows], embedding, P[:rows]).optimize(
            1, learning_rate="auto", exaggeration=4, callbacks=record, callbacks_every_iters=1
        )
    assert rates == [0.25, 0.25]


def test_median_and_weighted_placement(embedding, data):
    k = 7
    graph = embedding.affinities.knn_index.query(data[1], k)
    positions = np.asarray(embedding)
    start = embedding.prepare_partial(data[1], k=k)
    np.testing.assert_allclose(start, median(positions, graph.indices), rtol=1e-6)
    start = embedding.prepare_partial(data[1], "weighted", k)
    expected = weighted_mean(data[1], positions, graph.indices, graph.distances)
    np.testing.assert_allclose(start, expected, rtol=1e-5, atol=1e-5)


def test_fault_35_the_nearest_counts_most(embedding, data):
    known = data[0][:20]
    start = embedding.prepare_partial(known + 1e-6, "weighted", k=5)
    np.testing.assert_allclose(start, embedding[:20], atol=0.1)


@pytest.mark.parametrize("k", [1, 25, 60])
def test_placement_looks_at_as_many_neighbors_as_asked(embedding, data, k):
    # Affinities of perplexity 2 only need 6 neighbors.
    start = embedding.prepare_partial(data[1], k=k, perplexity=2)
    graph = embedding.affinities.knn_index.query(data[1], k)
    np.testing.assert_allclose(start, median(np.asarray(embedding), graph.indices), rtol=1e-6)
    assert start.P.getnnz(axis=1).max() == 6


def test_positions_can_be_given(embedding, data):
    given = np.random.default_rng(3).normal(size=(60, 2))
    before = given.copy()
    start = embedding.prepare_partial(data[1], initialization=given)
    np.testing.assert_array_equal(start, given.astype(np.float32))
    start.optimize(5, inplace=True)
    np.testing.assert_array_equal(given, before)


def test_random_placement_is_seeded(embedding, data):
    first = embedding.prepare_partial(data[1], initialization="random")
    np.testing.assert_array_equal(first, embedding.prepare_partial(data[1], "random"))
    assert np.std(first) < 1e-3


@pytest.mark.parametrize("method", ["barnes_hut", "fft", "mesh"])
def test_gradient_methods_agree_on_the_places(embedding, data, method):
    # While points still move far, they magnify any difference. These points have settled.
    exact = using(embedding, "exact").transform(data[1])
    approximate = using(embedding, method).transform(data[1])
    np.testing.assert_allclose(approximate, exact, atol=0.2)


def test_phases_and_their_parameters(embedding, data):
    placed = embedding.transform(data[1], early_exaggeration_iter=7, n_iter=3)
    assert placed.state.iteration == 10
    assert {"early exaggeration", "optimization"} <= set(placed.seconds)
    by_hand = embedding.prepare_partial(data[1], perplexity=5)
    settings = {"learning_rate": 0.1, "momentum": 0.8, "max_grad_norm": 0.25}
    settings |= {"max_step_norm": None, "inplace": True}
    by_hand.optimize(7, exaggeration=4, **settings)
    by_hand.optimize(3, exaggeration=1.5, **settings)
    np.testing.assert_array_equal(by_hand, placed)


@pytest.mark.parametrize("d", [1, 3])
def test_dimensions(data, d):
    model = TSNE(n_components=d, n_iter=30, early_exaggeration_iter=20, random_state=0)
    placed = model.fit(data[0]).transform(data[1], n_iter=20)
    assert placed.shape == (60, d)
    assert np.isfinite(placed).all()


# -- Points that would shoot off -------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_fault_8_points_far_away_cost_no_giant_grid(embedding, data, method):
    start = np.full((60, 2), 1e6)
    start[30:] = 0
    P = embedding.affinities.to_new(data[1], perplexity=5)
    partial = PartialTSNEEmbedding(start, embedding, P, negative_gradient_method=method)
    placed = partial.optimize(20)
    assert np.isfinite(placed).all()
    alone = PartialTSNEEmbedding(start[30:], embedding, P[30:], negative_gradient_method=method)
    np.testing.assert_allclose(placed[30:], alone.optimize(20), atol=same_place(embedding))


@pytest.mark.parametrize("method", METHODS)
def test_fault_30_a_point_that_leaves_the_grid_does_not_disturb_the_others(embedding, data, method):
    start = np.array(embedding.prepare_partial(data[1]))
    P = embedding.affinities.to_new(data[1], perplexity=5)
    settings = {"negative_gradient_method": method, "learning_rate": 1}
    quiet = PartialTSNEEmbedding(start, embedding, P).optimize(30, **settings)
    start[5] += 500
    disturbed = PartialTSNEEmbedding(start, embedding, P).optimize(30, **settings)
    others = np.arange(60) != 5
    np.testing.assert_allclose(disturbed[others], quiet[others], atol=same_place(embedding))
    gains = disturbed.optimizer.state()["gains"]
    np.testing.assert_allclose(gains[others], quiet.optimizer.state()["gains"][others], rtol=1e-5)


def test_steps_and_gradients_are_clipped(embedding, data):
    start = np.zeros((60, 2))  # all in one place, within the reference
    P = embedding.affinities.to_new(data[1], perplexity=5)
    partial = PartialTSNEEmbedding(start, embedding, P, learning_rate=1e4)
    for _ in range(10):
        before = np.array(partial)
        partial.optimize(1, inplace=True, max_step_norm=0.5)
        assert np.linalg.norm(partial - before, axis=1).max() <= 0.5 * (1 + 1e-5)


def test_new_points_on_top_of_old_ones_stay_bounded(embedding, data):
    placed = embedding.transform(data[0][:50], learning_rate="auto")
    assert np.abs(placed).max() < 2 * np.abs(embedding).max()


# -- What is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"perplexity": -1}, ValueError, "perplexity"),
        ({"initialization": "pca"}, ValueError, "initialization must be one of median"),
        ({"initialization": np.zeros((3, 2))}, ValueError, r"must have shape \(60, 2\)"),
        ({"initialization": np.full((60, 2), np.nan)}, ValueError, "holds NaN"),
        ({"k": 0}, ValueError, "k must be at least 1"),
        ({"learning_rate": -1}, ValueError, "learning_rate must be greater than 0"),
        ({"early_exaggeration": 0}, ValueError, "early_exaggeration must be greater than 0"),
        ({"early_exaggeration": "auto"}, TypeError, "early_exaggeration must be a real number"),
        ({"exaggeration": None}, TypeError, "exaggeration must be a real number"),
        ({"early_exaggeration_iter": -1}, ValueError, "early_exaggeration_iter must be at least"),
        ({"n_iter": 2.5}, TypeError, "n_iter must be an integer"),
        ({"initial_momentum": -1}, ValueError, "momentum must be at least 0"),
        ({"max_grad_norm": 0}, ValueError, "max_grad_norm must be greater than 0"),
        ({"max_step_norm": "x"}, TypeError, "max_step_norm must be a real number"),
    ],
)
def test_bad_parameters(embedding, data, parameters, error, message):
    with pytest.raises(error, match=message):
        embedding.transform(data[1], **parameters)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.full((3, 12), np.nan), "NaN"),
        (np.zeros((3, 11)), "has 11 features, but the fitted data has 12"),
        (np.zeros(12), "1D array"),
        (np.zeros((0, 12)), "0 sample"),
    ],
)
def test_fault_33_bad_rows(embedding, rows, message):
    with pytest.raises(ValueError, match=message):
        embedding.transform(rows)


@pytest.mark.parametrize(
    "make", [list, lambda X: X[:, ::-1][:, ::-1], np.float64, np.asfortranarray]
)
def test_any_form_of_rows(embedding, data, make):
    expected = embedding.transform(data[1], n_iter=10)
    np.testing.assert_allclose(
        embedding.transform(make(data[1]), n_iter=10), expected, atol=same_place(embedding)
    )


def test_affinities_without_new_rows_say_so(fitted):
    embedding = TSNEEmbedding(np.asarray(fitted), PrecomputedAffinities(fitted.affinities.P))
    with pytest.raises(
        NotImplementedError, match="PrecomputedAffinities has no affinities of new rows; compute"
    ):
        embedding.transform(np.zeros((2, 12)))


def test_affinities_of_a_graph_say_that_they_lack_the_data(fitted, data):
    graph = fitted.affinities.knn_index.neighbors(45)
    affinities = PerplexityBasedNN(knn_index=graph, perplexity=15)
    embedding = TSNEEmbedding(np.asarray(fitted), affinities)
    with pytest.raises(ValueError, match="neighbors of new rows need the data"):
        embedding.transform(data[1])


def test_other_kernels_take_new_rows_too(fitted, data):
    affinities = FixedSigmaNN(data[0], sigma=2.0, k=20)
    embedding = TSNEEmbedding(np.asarray(fitted), affinities)
    assert np.isfinite(embedding.transform(data[1], n_iter=10)).all()
    model = TSNE(n_iter=20, early_exaggeration_iter=0, perplexity=[5, 20], random_state=0)
    assert np.isfinite(model.fit(data[0]).transform(data[1], n_iter=10)).all()


def test_custom_affinities_only_need_to_new(fitted, data):
    class Mine(Affinities):
        def to_new(self, rows, return_distances, perplexity):
            return fitted.affinities.to_new(rows, return_distances, perplexity=perplexity)

    embedding = TSNEEmbedding(np.asarray(fitted), Mine(fitted.affinities.matrix))
    np.testing.assert_allclose(
        embedding.transform(data[1], n_iter=10, k=5),
        fitted.transform(data[1], n_iter=10, k=5),
        atol=same_place(fitted),
    )


def test_a_method_without_new_points_names_the_way_around(blobs, fake_entry_points, monkeypatch):
    from tsnekit import TSNE
    from tsnekit._backends.registry import Registry
    from tsnekit.errors import BackendUnavailableError

    registry = Registry(fake_entry_points("tsnekit-good"))
    monkeypatch.setattr("tsnekit._backends.resolve.default_registry", lambda: registry)
    embedding = TSNE(
        n_iter=2, early_exaggeration_iter=2, negative_gradient_method="good_gradient"
    ).fit(blobs[:100])
    way = r"prepare_partial\(X\)\.optimize\(250, negative_gradient_method='auto'\)"
    with pytest.raises(BackendUnavailableError, match=way):
        embedding.transform(blobs[100:110])
    partial = embedding.prepare_partial(blobs[100:110], perplexity=5)
    assert np.isfinite(partial.optimize(2, negative_gradient_method="auto")).all()
