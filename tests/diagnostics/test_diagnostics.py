"""Diagnostics, against scikit-learn, SciPy and plain loops."""

import numpy as np
import pytest
import scipy.sparse
from scipy.spatial.distance import cdist, pdist
from scipy.stats import entropy, pearsonr, spearmanr
from sklearn.manifold import trustworthiness as sklearns_trustworthiness

import tsnekit
from tsnekit import TSNE
from tsnekit.affinity import (
    MultiscaleMixture,
    PerplexityBasedNN,
    PrecomputedAffinities,
    Uniform,
)
from tsnekit.callbacks import KLHistory
from tsnekit.diagnostics import (
    diagnose,
    distance_correlation,
    effective_perplexity,
    neighbors_kept,
    trustworthiness,
)

QUICK = {"n_iter": 40, "early_exaggeration_iter": 20, "perplexity": 10, "random_state": 0}


@pytest.fixture(scope="module")
def noisy_map(blobs):
    """Return a map of the blobs that keeps some of their neighbors and not others."""
    rng = np.random.default_rng(1)
    return blobs[:, :2] + rng.normal(size=(300, 2))


@pytest.fixture(scope="module")
def embedding(blobs):
    model = TSNE(**QUICK, callbacks=KLHistory(), callbacks_every_iters=10)
    return model.fit(blobs)


def kept_by_loops(X, Y, k, metric="euclidean"):
    data, drawn = cdist(X, X, metric), cdist(Y, Y)
    kept = 0
    for i in range(len(X)):
        data[i, i] = drawn[i, i] = np.inf
        kept += len(set(np.argsort(data[i])[:k]) & set(np.argsort(drawn[i])[:k]))
    return kept / (k * len(X))


@pytest.mark.parametrize("k", [1, 10, 299])
def test_neighbors_kept(blobs, noisy_map, k):
    wanted = kept_by_loops(blobs, noisy_map, k)
    assert neighbors_kept(blobs, noisy_map, n_neighbors=k) == pytest.approx(wanted)
    assert (wanted == 1) == (k == 299)


@pytest.mark.parametrize("metric", ["cosine", "manhattan", "l1", "chebyshev"])
def test_neighbors_kept_in_other_metrics(blobs, noisy_map, metric):
    scipys = {"manhattan": "cityblock", "l1": "cityblock"}.get(metric, metric)
    wanted = kept_by_loops(blobs, noisy_map, 10, scipys)
    assert neighbors_kept(blobs, noisy_map, metric=metric) == pytest.approx(wanted)


def test_metric_parameters_functions_and_given_distances(blobs, noisy_map):
    X = blobs[:80]
    Y = noisy_map[:80]
    cubic = {"metric": "minkowski", "metric_params": {"p": 3}}
    wanted = neighbors_kept(X, Y, metric=lambda a, b: (np.abs(a - b) ** 3).sum())
    assert neighbors_kept(X, Y, **cubic) == pytest.approx(wanted)
    given = cdist(X, X, "minkowski", p=3)
    assert neighbors_kept(given, Y, metric="precomputed") == pytest.approx(wanted)
    assert distance_correlation(X, Y, **cubic) == pytest.approx(
        distance_correlation(given, Y, metric="precomputed")
    )
    np.testing.assert_array_equal(given, cdist(X, X, "minkowski", p=3))


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("make", [np.asarray, scipy.sparse.csr_matrix])
def test_weights_of_a_metric(blobs, noisy_map, metric, make):
    w = np.arange(10.0)
    wanted = neighbors_kept(blobs * np.sqrt(w), noisy_map, metric=metric)
    found = neighbors_kept(make(blobs), noisy_map, metric=metric, metric_params={"w": w})
    assert found == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
def test_sparse_data(blobs, noisy_map, metric):
    dense = np.maximum(blobs, 0)
    for make in (scipy.sparse.csr_array, scipy.sparse.csc_matrix):
        for measure in (neighbors_kept, distance_correlation):
            found = measure(make(dense), noisy_map, metric=metric)
            assert found == pytest.approx(measure(dense, noisy_map, metric=metric), abs=1e-3)


@pytest.mark.parametrize("k", [1, 5, 30])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_trustworthiness_is_scikit_learns(blobs, noisy_map, k, metric):
    found = trustworthiness(blobs, noisy_map, n_neighbors=k, metric=metric)
    wanted = sklearns_trustworthiness(blobs, noisy_map, n_neighbors=k, metric=metric)
    # Older versions of scikit-learn round distances differently, which may change a rank by 1.
    assert found == pytest.approx(wanted, abs=1e-6)
    assert 0.5 < found < 0.999


def test_trustworthiness_of_digits_is_scikit_learns(digits):
    X = digits[0][:600]
    Y = X @ np.random.default_rng(0).normal(size=(64, 2))
    # Digits are whole numbers, so that some distances are equal. Their order may vary.
    assert trustworthiness(X, Y) == pytest.approx(sklearns_trustworthiness(X, Y), abs=2e-4)


def test_data_far_from_the_origin(blobs, noisy_map):
    far = blobs.astype(float) + 1e7
    wanted = neighbors_kept(far - 1e7, noisy_map)
    assert neighbors_kept(far, noisy_map) == pytest.approx(wanted)


@pytest.mark.parametrize("measure", [neighbors_kept, trustworthiness, distance_correlation])
def test_samples_are_close_to_the_whole_and_repeatable(measure):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1200, 5))
    Y = X[:, :2] + 0.3 * rng.normal(size=(1200, 2))
    options = {"n_sampled": 400}
    sampled = measure(X, Y, **options)
    whole = measure(X, Y, n_sampled=None)
    assert sampled != whole
    assert sampled == pytest.approx(whole, abs=0.02)
    assert measure(X, Y, **options) == sampled
    assert measure(X, Y, **options, random_state=1) != sampled
    assert measure(X, Y, n_sampled=1200) == whole


def test_distance_correlation(blobs, noisy_map):
    x, y = pdist(blobs.astype(float)), pdist(noisy_map)
    assert distance_correlation(blobs, noisy_map) == pytest.approx(spearmanr(x, y).statistic)
    assert distance_correlation(blobs, noisy_map, method="pearson") == pytest.approx(
        pearsonr(x, y).statistic
    )
    assert distance_correlation(blobs, blobs) == pytest.approx(1)
    assert np.isnan(distance_correlation(blobs, np.zeros((300, 2))))


def test_duplicates_share_the_better_rank():
    X = np.repeat(np.arange(5.0)[:, None], 4, axis=0)
    assert neighbors_kept(X, X, n_neighbors=2) == 1
    assert trustworthiness(X, X[:, [0, 0]] * 2, n_neighbors=3) == 1


def entropies(rows):
    return np.array([np.exp(entropy(row[row > 0])) for row in rows])


def test_effective_perplexity_of_calibrated_weights(blobs):
    for perplexity in (5, 20):
        affinities = PerplexityBasedNN(blobs, perplexity=perplexity)
        np.testing.assert_allclose(effective_perplexity(affinities), perplexity, rtol=1e-3)
    found = effective_perplexity(Uniform(blobs, k_neighbors=7))
    np.testing.assert_allclose(found, 7, rtol=1e-5)
    mixed = effective_perplexity(MultiscaleMixture(blobs, perplexities=[5, 40]))
    assert ((mixed > 20) & (mixed < 60)).all()


def test_effective_perplexity_of_p(blobs):
    affinities = PerplexityBasedNN(blobs, perplexity=5)
    wanted = entropies(affinities.P.toarray().astype(float))
    np.testing.assert_allclose(effective_perplexity(affinities, of="P"), wanted, rtol=1e-5)
    given = PrecomputedAffinities(affinities.P)
    np.testing.assert_allclose(effective_perplexity(given), wanted, rtol=1e-5)
    with pytest.raises(ValueError, match="of='weights' needs"):
        effective_perplexity(given, of="weights")
    with pytest.raises(ValueError, match="of must be 'auto', 'weights' or 'P'"):
        effective_perplexity(given, of="rows")


def test_effective_perplexity_repeats_no_warning():
    same = np.zeros((50, 2))
    with pytest.warns(tsnekit.errors.ConvergenceWarning):
        affinities = PerplexityBasedNN(same, perplexity=5)
    assert (effective_perplexity(affinities) > 5).all()


def test_diagnose_is_what_the_functions_say(embedding, blobs):
    report = diagnose(embedding)
    assert report.neighbors_kept == neighbors_kept(blobs, embedding)
    assert report.neighbors_kept == pytest.approx(report.neighbors_kept_of_row.mean())
    assert report.trustworthiness == trustworthiness(blobs, embedding, n_neighbors=10)
    assert report.spearman == distance_correlation(blobs, embedding)
    assert report.pearson == distance_correlation(blobs, embedding, method="pearson")
    assert report.kl_divergence == embedding.kl_divergence
    np.testing.assert_allclose(report.effective_perplexity, 10, rtol=1e-3)
    assert report.perplexity_of == "weights"
    assert len(report.neighbors_kept_at) == 50
    for k in (1, 10, 50):
        wanted = neighbors_kept(blobs, embedding, n_neighbors=k)
        assert report.neighbors_kept_at[k - 1] == pytest.approx(wanted)
    assert type(report.positions) is np.ndarray
    assert f"{report.trustworthiness:.6g}" in str(report)
    assert set(report.summary()) == {line.split()[0] for line in str(report).splitlines()}


def test_diagnose_has_the_history(embedding):
    report = diagnose(embedding)
    np.testing.assert_array_equal(report.kl_iterations, [10, 20, 30, 40, 50, 60])
    assert report.kl_errors[-1] == report.kl_divergence
    assert len(diagnose(embedding.optimize(0, callbacks=None)).kl_errors) == 6
    other = KLHistory()
    embedding.optimize(20, callbacks=other, callbacks_every_iters=20)
    assert list(diagnose(embedding, history=other).kl_iterations) == [80]


def test_histories_start_again_with_each_run(blobs):
    history = KLHistory()
    model = TSNE(**QUICK, callbacks=history, callbacks_every_iters=20)
    for _ in range(2):
        embedding = model.fit(blobs[:60])
        assert history.iterations == [20, 40, 60]
        assert history.phases == ["early exaggeration", "optimization", "optimization"]
        assert history.errors[-1] == embedding.kl_divergence


def test_diagnose_of_affinities_without_data(blobs):
    affinities = PrecomputedAffinities(PerplexityBasedNN(blobs, perplexity=10).P)
    embedding = TSNE(**QUICK, initialization="random").fit(affinities=affinities)
    with pytest.raises(ValueError, match="X is needed"):
        diagnose(embedding)
    report = diagnose(embedding, blobs)
    assert report.perplexity_of == "P"
    assert report.neighbors_kept == neighbors_kept(blobs, embedding)
    assert len(report.kl_errors) == 0


def test_diagnose_takes_the_metric_of_the_affinities(blobs):
    embedding = TSNE(**QUICK, metric="cosine").fit(blobs)
    report = diagnose(embedding)
    assert report.neighbors_kept == neighbors_kept(blobs, embedding, metric="cosine")
    assert report.neighbors_kept != diagnose(embedding, metric="euclidean").neighbors_kept


def test_diagnose_a_small_sample_and_a_small_map(embedding, blobs):
    report = diagnose(embedding, n_sampled=50)
    assert len(report.sampled) == len(report.neighbors_kept_of_row) == 50
    assert len(report.data_distances) == 50 * 49 // 2
    small = TSNE(**QUICK | {"perplexity": 1}).fit(blobs[:5])
    assert diagnose(small).n_neighbors == 2


@pytest.mark.parametrize("components", [1, 2, 3, 4])
def test_report_as_a_figure(blobs, components):
    embedding = TSNE(**QUICK | {"n_components": components, "negative_gradient_method": "exact"})
    report = diagnose(embedding.fit(blobs))
    figure = report.plot()
    figure.canvas.draw()
    titles = " ".join(ax.get_title() for ax in figure.axes)
    assert f"KL divergence {report.kl_divergence:.4f}" in titles
    assert f"{report.neighbors_kept:.1%}" in titles
    labelled = report.plot(np.arange(300) % 3, figure=type(figure)(figsize=(8, 5)))
    assert len(labelled.axes[0].get_legend().get_texts()) == 3


def test_figure_where_all_is_equal(blobs):
    with pytest.warns(tsnekit.errors.ConvergenceWarning):
        embedding = TSNE(**QUICK).fit(np.zeros((40, 3)))
    diagnose(embedding).plot().canvas.draw()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda X, Y: neighbors_kept(X, Y[:5]),
            ValueError,
            "embedding must have one row for each of the 300",
        ),
        (lambda X, Y: neighbors_kept(X, Y, n_neighbors=300), ValueError, "less than 300 rows"),
        (lambda X, Y: neighbors_kept(X, Y, n_neighbors=0), ValueError, "at least 1"),
        (lambda X, Y: neighbors_kept(X, Y, n_sampled=1), ValueError, "n_sampled must be at least"),
        (lambda X, Y: neighbors_kept(X[:2], Y[:2]), ValueError, "at least 3 rows"),
        (lambda X, Y: trustworthiness(X, Y, n_neighbors=150), ValueError, "half of 300 rows"),
        (lambda X, Y: distance_correlation(X, Y, method="kendall"), ValueError, "method must be"),
        (lambda X, Y: neighbors_kept(X, Y, metric="precomputed"), ValueError, "square matrix"),
        (lambda X, Y: diagnose(Y, X), TypeError, "embedding must be a TSNEEmbedding"),
    ],
)
def test_bad_parameters(blobs, noisy_map, call, error, message):
    with pytest.raises(error, match=message):
        call(blobs, noisy_map)


def test_history_must_be_one(embedding):
    with pytest.raises(TypeError, match="history must be a KLHistory"):
        diagnose(embedding, history=[1.0])
