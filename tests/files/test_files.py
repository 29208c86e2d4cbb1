"""Embeddings in files."""

import json
import logging
import os
import pickle
import zipfile

import joblib
import numpy as np
import pytest
import scipy.sparse

import tsnekit
from tsnekit import TSNE, PartialTSNEEmbedding, TSNEEmbedding, affinity
from tsnekit.plugins.affinities.perplexity import PerplexityKernel
from tsnekit.plugins.affinities.uniform import UniformKernel
from tsnekit.plugins.gradients.barnes_hut import BarnesHutMethod
from tsnekit.plugins.gradients.exact import ExactMethod

QUICK = {"n_iter": 40, "early_exaggeration_iter": 30, "perplexity": 10, "random_state": 0}


@pytest.fixture(scope="module")
def fitted(blobs):
    return TSNE(**QUICK).fit(blobs)


@pytest.fixture
def embedding(fitted):
    return fitted.copy()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "map.tsne"


def round_trip(embedding, path, **options):
    embedding.save(path, **options)
    return tsnekit.load(path)


# -- Everything comes back -------------------------------------------------------------------------


def test_everything_comes_back(embedding, path):
    other = round_trip(embedding, path)
    assert type(other) is TSNEEmbedding
    np.testing.assert_array_equal(other, embedding)
    assert other.dtype == np.float32
    assert other.state.iteration == 70
    assert other.backends == embedding.backends
    assert other.seconds == embedding.seconds
    assert other.gradient_descent_params == embedding.gradient_descent_params
    assert other.random_state == 0
    assert other.kl_divergence == embedding.kl_divergence
    for name, array in embedding.optimizer.state().items():
        np.testing.assert_array_equal(other.optimizer.state()[name], array)
    matrices = [e.affinities.P for e in (embedding, other)]
    assert (matrices[0] != matrices[1]).nnz == 0


@pytest.mark.parametrize("neighbors", ["exact", "annoy"])
@pytest.mark.parametrize("method", ["barnes_hut", "mesh"])
def test_a_stopped_run_continues_to_the_bit(blobs, path, neighbors, method):
    model = TSNE(**QUICK, neighbors=neighbors, negative_gradient_method=method)
    whole = model.set_params(n_iter=60).fit(blobs)
    stopped = model.set_params(n_iter=25).fit(blobs)
    resumed = round_trip(stopped, path).optimize(35)
    np.testing.assert_array_equal(resumed, whole)
    assert resumed.state.iteration == whole.state.iteration
    new = blobs[:9] + 0.1
    np.testing.assert_array_equal(resumed.transform(new), whole.transform(new))
    np.testing.assert_array_equal(resumed.extend(new, n_iter=3), whole.extend(new, n_iter=3))


@pytest.mark.parametrize("how", ["save", "pickle", "joblib"])
def test_all_ways_to_keep_an_embedding_are_exact(embedding, path, how, blobs):
    if how == "save":
        other = round_trip(embedding, path)
    elif how == "pickle":
        other = pickle.loads(pickle.dumps(embedding))
    else:
        joblib.dump(embedding, path)
        other = joblib.load(path)
    np.testing.assert_array_equal(other.optimize(10), embedding.optimize(10))
    np.testing.assert_array_equal(other.transform(blobs[:3]), embedding.transform(blobs[:3]))


def test_checkpoint_in_the_middle_of_a_run(blobs, path):
    whole = TSNE(**QUICK).fit(blobs)

    def stop(iteration, error, current, state):
        if state.global_iteration == 50:
            current.save(path)
            return True

    TSNE(**QUICK, callbacks=stop, callbacks_every_iters=10).fit(blobs)
    resumed = tsnekit.load(path)
    assert resumed.state.iteration == 50
    np.testing.assert_array_equal(resumed.optimize(20), whole)


def test_partial_embeddings(embedding, path, blobs):
    partial = embedding.prepare_partial(blobs[:20] + 0.1).optimize(7)
    other = round_trip(partial, path)
    assert type(other) is PartialTSNEEmbedding
    np.testing.assert_array_equal(other.reference_embedding, embedding)
    np.testing.assert_array_equal(other.optimize(10), partial.optimize(10))
    embedding += 1  # the partial embedding belongs to the old positions
    other = round_trip(partial, path)
    np.testing.assert_array_equal(other.reference_embedding, embedding)
    np.testing.assert_array_equal(other.optimize(10), partial.optimize(10))


def make_affinities(blobs):
    graph = affinity.PerplexityBasedNN(blobs, perplexity=10).knn_index.neighbors(30)
    dense = {"random_state": 0}
    return {
        "perplexity": affinity.PerplexityBasedNN(blobs, perplexity=10, k_neighbors=40, **dense),
        "none": affinity.PerplexityBasedNN(blobs, perplexity=10, symmetrize=False, **dense),
        "mixture": affinity.MultiscaleMixture(blobs, [5, 20], symmetrize="max", **dense),
        "multiscale": affinity.Multiscale(blobs, [5, 20], **dense),
        "sigma": affinity.FixedSigmaNN(blobs, sigma=2.0, k=12, metric="cosine", **dense),
        "minkowski": affinity.Uniform(
            blobs, 12, metric="minkowski", metric_params={"p": 3, "w": np.arange(1.0, 11)}, **dense
        ),
        "float64": affinity.Uniform(blobs.astype(float), 12, metric="cityblock"),
        "sparse": affinity.Uniform(scipy.sparse.csr_array(np.maximum(blobs, 0)), 12),
        "graph": affinity.PerplexityBasedNN(knn_index=graph, perplexity=10),
        "precomputed": affinity.PrecomputedAffinities(np.ones((300, 300))),
    }


KINDS = ("perplexity", "none", "mixture", "multiscale", "sigma", "minkowski", "float64", "sparse")
KINDS += ("graph", "precomputed")


@pytest.mark.parametrize("name", KINDS)
def test_affinities_of_every_kind(blobs, path, name):
    affinities = make_affinities(blobs)[name]
    embedding = TSNEEmbedding(np.random.default_rng(0).normal(size=(300, 2)), affinities)
    other = round_trip(embedding, path)
    assert type(other.affinities) is type(affinities)
    np.testing.assert_array_equal(other.optimize(5), embedding.optimize(5))
    if name not in ("graph", "precomputed"):
        new = np.maximum(blobs[:4], 0) + 0.25
        np.testing.assert_array_equal(
            other.affinities.to_new(new).toarray(), affinities.to_new(new).toarray()
        )
    if isinstance(affinities, affinity.PerplexityBasedNN):
        assert other.affinities.perplexity == 10
        other.affinities.set_perplexity(8)


def test_a_graph_is_kept_so_that_nothing_is_searched_again(embedding, path, monkeypatch):
    from tsnekit.plugins.neighbors.exact import ExactSearch

    def search(*args):
        raise AssertionError("searched again")

    embedding.save(path)
    monkeypatch.setattr(ExactSearch, "fit", search)
    other = tsnekit.load(path)
    other.affinities.set_kernel(PerplexityKernel(perplexity=7))
    other.optimize(2)
    other.save(path)


def test_without_the_data(embedding, path, tmp_path, blobs):
    other = round_trip(embedding, path, data=False)
    embedding.save(tmp_path / "with_data")
    assert path.stat().st_size < (tmp_path / "with_data").stat().st_size - blobs.nbytes
    np.testing.assert_array_equal(other.optimize(5), embedding.optimize(5))
    with pytest.raises(ValueError, match="neighbors of new rows need the data"):
        other.transform(np.zeros((1, 10)))


@pytest.mark.parametrize("seed", [None, 7, np.int64(7)])
def test_seeds(embedding, path, seed):
    embedding.random_state = seed
    assert round_trip(embedding, path).random_state == seed


GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")


@pytest.mark.parametrize("kind", GENERATORS)
def test_generators_continue_from_their_state(embedding, path, kind):
    embedding.random_state = np.random.RandomState(getattr(np.random, kind)(3))
    embedding.random_state.normal(size=7)
    embedding.random_state.randint(10, size=3, dtype=np.int32)
    other = round_trip(embedding, path)
    for draw in (np.random.RandomState.normal, np.random.RandomState.random_sample):
        np.testing.assert_array_equal(
            draw(other.random_state, size=5), draw(embedding.random_state, size=5)
        )


def test_parameters_and_instances_of_methods(blobs, path):
    method = BarnesHutMethod(theta=0.3)
    model = TSNE(**QUICK, negative_gradient_method=method, exaggeration=1.5, dof=0.8)
    embedding = model.fit(blobs)
    other = round_trip(embedding, path)
    restored = other.state.parameters.negative_gradient_method
    assert type(restored) is BarnesHutMethod
    assert restored.theta == 0.3
    np.testing.assert_array_equal(other.optimize(5), embedding.optimize(5))
    named = TSNE(
        **QUICK, negative_gradient_method="mesh", gradient_params={"order": np.int32(5)}
    ).fit(blobs)
    other = round_trip(named, path)
    assert other.state.parameters.gradient_params == {"order": 5}
    np.testing.assert_array_equal(other.optimize(5), named.optimize(5))


def test_what_could_not_be_read_again_is_not_saved(embedding, path):
    embedding.random_state = 2**63
    with pytest.raises(TypeError, match="random_state cannot be saved"):
        embedding.save(path)
    assert not path.exists()


def test_callbacks_are_not_kept(embedding, path):
    embedding.state.parameters = embedding.state.parameters.replace(callbacks=print)
    assert round_trip(embedding, path).state.parameters.callbacks is None


# -- What the file is ------------------------------------------------------------------------------


def test_the_file_holds_plain_arrays_and_json(embedding, path):
    embedding.save(path)
    with np.load(path, allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["positions"], embedding)
        np.testing.assert_array_equal(arrays["affinities/data"], embedding.affinities.matrix.data)
    with zipfile.ZipFile(path) as archive:
        header = json.loads(archive.read("tsnekit.json"))
        assert all(name.endswith((".npy", ".json")) for name in archive.namelist())
    assert (header["format"], header["version"]) == ("tsnekit", 1)
    assert header["iteration"] == 70


def test_the_name_is_taken_as_it_is(embedding, tmp_path):
    embedding.save(str(tmp_path / "a.name"))
    assert os.listdir(tmp_path) == ["a.name"]
    assert tsnekit.load(str(tmp_path / "a.name")).shape == (300, 2)


def test_what_cannot_be_restored_is_refused_before_the_file_is_touched(embedding, path):
    class Mine(ExactMethod):
        pass

    embedding.save(path)
    before = path.read_bytes()
    embedding.optimize(1, negative_gradient_method=Mine(), inplace=True)  # for this call only
    embedding.save(path)
    assert path.read_bytes() != before
    before = path.read_bytes()
    state = embedding.state
    state.parameters = state.parameters.replace(negative_gradient_method=Mine())
    with pytest.raises(TypeError, match="negative_gradient_method cannot be saved: Mine is not"):
        embedding.save(path)
    assert path.read_bytes() == before


def test_custom_kernels_and_metrics_leave_the_matrix(blobs, path, caplog):
    class Mine(UniformKernel):
        pass

    affinities = affinity.Uniform(blobs, 10)
    affinities.set_kernel(Mine(k_neighbors=10))
    embedding = TSNEEmbedding(np.zeros((300, 2)) + np.arange(300)[:, None], affinities)
    with caplog.at_level(logging.WARNING, "tsnekit"):
        other = round_trip(embedding, path)
    assert "only the affinity matrix is saved" in caplog.text
    np.testing.assert_array_equal(other.optimize(3), embedding.optimize(3))

    caplog.clear()
    affinities = affinity.Uniform(blobs[:40], 5, metric=lambda a, b: np.abs(a - b).max())
    embedding = TSNEEmbedding(np.random.default_rng(0).normal(size=(40, 2)), affinities)
    with caplog.at_level(logging.WARNING, "tsnekit"):
        other = round_trip(embedding, path)
    assert "will not find neighbors of new rows" in caplog.text
    np.testing.assert_array_equal(other.optimize(3), embedding.optimize(3))
