"""Maps that a cluster of two workers computes, against those of one machine."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.neighbors import NearestNeighbors

pytest.importorskip("distributed", reason="dask and distributed are missing")

import dask.array as da

import tsnekit
import tsnekit.dask
from tsnekit.affinity import PrecomputedAffinities
from tsnekit.callbacks import Checkpoint, KLHistory, StopOnConvergence, TimeLimit
from tsnekit.errors import ClusterError, InterruptedByUser

SHORT = {"early_exaggeration_iter": 20, "n_iter": 30, "perplexity": 10, "random_state": 0}


@pytest.fixture(scope="module")
def pixels(digits):
    """Handwritten digits, (1797, 64)."""
    return digits[0]


@pytest.fixture(scope="module")
def session_client(_session):
    return _session[1]


@pytest.fixture(scope="module")
def local(pixels):
    """The map of one machine."""
    return tsnekit.TSNE(random_state=0).fit(pixels)


@pytest.fixture(scope="module")
def fitted(session_client, pixels):
    """The map of the cluster."""
    return tsnekit.dask.TSNE(session_client, random_state=0).fit(in_chunks(pixels))


@pytest.fixture(scope="module")
def small(session_client, pixels):
    """A map of few rows and iterations, whose neighbors are exact."""
    model = tsnekit.dask.TSNE(session_client, neighbors="exact", **SHORT)
    return model.fit(in_chunks(pixels[:600], 150))


def in_chunks(X, rows=500):
    return da.from_array(X, chunks=(rows, -1))


def kept(X, embedding, k=10):
    """Share of the nearest neighbors that a map keeps."""
    found = [
        NearestNeighbors(n_neighbors=k).fit(each).kneighbors(return_distance=False)
        for each in (X, np.asarray(embedding))
    ]
    return np.mean([len(np.intersect1d(*rows)) / k for rows in zip(*found, strict=True)])


# -- As good as the map of one machine -------------------------------------------------------------


def test_the_map_is_as_good_as_that_of_one_machine(fitted, local, pixels):
    assert fitted.shape == local.shape
    assert fitted.kl_divergence == pytest.approx(local.kl_divergence, rel=0.005)
    assert abs(kept(pixels, fitted) - kept(pixels, local)) < 0.01
    assert set(fitted.backends) == set(local.backends)
    assert set(fitted.seconds) == set(local.seconds)
    assert fitted.endings == local.endings
    assert fitted.state.iteration == 750


def test_the_map_is_an_array_of_positions(fitted):
    assert repr(fitted) == (
        "<DaskEmbedding: 1,797 points in 2-D, 750 iterations, affinities in 8 blocks>"
    )
    positions = fitted.compute()
    assert positions.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(fitted), positions)
    assert np.asarray(fitted, dtype=float).dtype == float
    positions[:] = 0
    assert np.asarray(fitted).any()


def test_equal_fits_give_equal_maps(client, small, pixels):
    model = tsnekit.dask.TSNE(client, neighbors="exact", **SHORT)
    np.testing.assert_array_equal(model.fit(in_chunks(pixels[:600], 150)), small)


# -- Every kind of data ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def few(pixels):
    return pixels[:300].astype(np.float32)


@pytest.fixture(scope="module")
def of_few(session_client, few):
    return np.asarray(model_of_few(session_client).fit(in_chunks(few, 100)))


def model_of_few(client, **parameters):
    # A random start and exact neighbors are the same for every kind of data.
    options = {"neighbors": "exact", "initialization": "random", **SHORT} | parameters
    return tsnekit.dask.TSNE(client, **options)


def test_sparse_chunks(client, few, of_few):
    X = in_chunks(few, 100).map_blocks(csr_matrix, meta=csr_matrix((0, 0), dtype=few.dtype))
    np.testing.assert_allclose(model_of_few(client).fit(X), of_few, atol=1e-2)


def test_frames(client, few, of_few):
    frames = pytest.importorskip("dask.dataframe")
    names = [f"pixel {i}" for i in range(64)]
    X = frames.from_pandas(pd.DataFrame(few, columns=names), npartitions=3)
    embedding = model_of_few(client).fit(X)
    np.testing.assert_array_equal(embedding, of_few)
    with pytest.raises(ValueError, match="lacks 'pixel 3'"):
        embedding.transform(X.rename(columns={"pixel 3": "pixel x"}))


@pytest.mark.parametrize("kind", [".npy", ".zarr", ".parquet"])
def test_files(client, few, of_few, tmp_path, kind):
    path = tmp_path / f"X{kind}"
    if kind == ".npy":
        np.save(path, few)
    elif kind == ".zarr":
        zarr = pytest.importorskip("zarr")
        zarr.create_array(path, shape=few.shape, dtype=few.dtype, chunks=(100, 64))[:] = few
    else:
        pytest.importorskip("dask.dataframe")
        pd.DataFrame(few, columns=list(map(str, range(64)))).to_parquet(path)
    np.testing.assert_array_equal(model_of_few(client).fit(tsnekit.dask.open_rows(path)), of_few)


def test_uneven_chunks_and_more_workers_than_blocks(client, pixels):
    X = pixels[:7].astype(float)
    model = tsnekit.dask.TSNE(client, perplexity=1, n_iter=5, early_exaggeration_iter=5)
    assert model.fit(da.from_array(X, chunks=((1, 5, 0, 1), 64))).shape == (7, 2)


# -- New rows --------------------------------------------------------------------------------------


def test_new_rows_are_placed_as_on_one_machine(client, small, pixels, tmp_path):
    small.save(tmp_path / "map")
    there = tsnekit.load(tmp_path / "map")
    X = pixels[600:800]
    placed = small.transform(in_chunks(X, 70), n_iter=50)
    assert placed.chunks == ((70, 70, 60), (2,))
    found = client.compute(placed).result()
    np.testing.assert_allclose(found, there.transform(X, n_iter=50), atol=1e-3)
    with client.as_current():
        np.testing.assert_array_equal(placed[:70].compute(), found[:70])


def test_given_starts_and_phases_of_new_rows(client, small, pixels):
    X = in_chunks(pixels[600:650], 20)
    start = np.tile(np.float32([1, 2]), (50, 1))
    placed = small.transform(X, initialization=start, n_iter=0)
    np.testing.assert_array_equal(client.compute(placed).result(), start)
    for wrong, message in (
        ({"n_iter": -1}, "n_iter must be at least 0"),
        ({"k": 0}, "k must be at least 1"),
        ({"initialization": "best"}, "initialization must be one of"),
        ({"initialization": start[:3]}, r"initialization must have shape \(50, 2\)"),
        ({"learning_rate": 0}, "learning_rate must be greater than 0"),
    ):
        with pytest.raises(ValueError, match=message):
            small.transform(X, **wrong)
    with pytest.raises(ValueError, match="X has 3 features, but the fitted data has 64"):
        small.transform(X[:, :3])
    with pytest.raises(TypeError, match="must be a dask array or dask DataFrame"):
        small.transform(pixels[600:650])


# -- Going on --------------------------------------------------------------------------------------


def test_going_on_is_one_longer_phase(small):
    whole = small.optimize(20, learning_rate=50)
    parts = small.optimize(12, learning_rate=50).optimize(8, learning_rate=50)
    np.testing.assert_array_equal(whole, parts)
    assert whole.state.iteration == small.state.iteration + 20
    moved = small.copy()
    assert moved.optimize(1, inplace=True) is moved
    assert not np.array_equal(moved, small)


def test_a_local_map_goes_on(small):
    local = small.to_local()
    assert type(local) is tsnekit.TSNEEmbedding
    np.testing.assert_array_equal(local, small)
    assert local.kl_divergence == pytest.approx(small.kl_divergence, rel=1e-6)
    further, there = local.optimize(30), small.optimize(30)
    assert further.kl_divergence == pytest.approx(there.kl_divergence, rel=1e-3)
    assert local.state.iteration == small.state.iteration
    assert set(local.optimizer.state()) == set(small.state.optimizer.state())


def test_a_map_that_is_larger_than_this_machine_stays_on_the_cluster(small, monkeypatch):
    monkeypatch.setattr("tsnekit.dask._joint.machine_bytes", lambda: 1000)
    with pytest.raises(MemoryError, match=r"affinities of 600 rows take .* GB, but"):
        small.to_local()


def test_affinities_serve_several_maps(client, small, pixels, monkeypatch):
    other = tsnekit.dask.TSNE(client, n_components=1, **SHORT)
    line = np.linspace(-1, 1, 600)[:, None]
    with monkeypatch.context() as patch:  # the solver takes many rounds; it has its own tests
        patch.setattr("tsnekit.dask._initialization.diffusion_map", lambda *_, **__: line)
        embedding = other.fit(affinities=small.affinities)
    assert embedding.shape == (600, 1)
    assert embedding.backends["initialization"].name == "spectral"
    with_data = other.fit(in_chunks(pixels[:600], 150), affinities=small.affinities)
    assert with_data.backends["initialization"].name == "pca"
    with pytest.raises(ValueError, match="X has 500 rows, but affinities are those of 600"):
        other.fit(in_chunks(pixels[:500]), affinities=small.affinities)


def test_affinities_of_this_machine(client, local):
    model = tsnekit.dask.TSNE(client, initialization="random", **SHORT)
    embedding = model.fit(affinities=local.affinities)
    here = tsnekit.TSNE(initialization="random", **SHORT).fit(affinities=local.affinities)
    assert embedding.kl_divergence == pytest.approx(here.kl_divergence, rel=0.01)
    with pytest.raises(ValueError, match="neighbors of new rows need the data"):
        embedding.transform(in_chunks(np.zeros((3, 64))))
    with pytest.raises(TypeError, match=r"must be an instance of tsnekit\.affinity\.Affinities"):
        model.fit(affinities=local.affinities.P)


def test_affinities_that_are_lost_are_sent_again(client, pixels):
    """A block that only a worker's memory had is cancelled when that worker is lost."""
    given = tsnekit.affinity.PerplexityBasedNN(pixels[:300], perplexity=10, random_state=0)
    model = tsnekit.dask.TSNE(client, initialization="random", **SHORT)
    embedding = model.fit(affinities=given)
    whole = embedding.optimize(10)
    client.cancel(embedding.affinities.matrices[1:3])
    np.testing.assert_array_equal(embedding.optimize(10), whole)
    client.cancel(embedding.affinities.matrices[0])
    assert embedding.to_local().kl_divergence == pytest.approx(embedding.kl_divergence, rel=1e-3)


def test_affinities_that_were_cancelled(client, few):
    embedding = tsnekit.dask.TSNE(client, **SHORT).fit(in_chunks(few))
    client.cancel(embedding.affinities.matrices[0])
    with pytest.raises(ClusterError, match="were cancelled, as client"):
        embedding.optimize(10)


def test_affinities_that_are_not_symmetric_are_made_so(client):
    W = np.random.default_rng(0).random((40, 40))
    given = PrecomputedAffinities(W)
    embedding = tsnekit.dask.TSNE(client, initialization="random", **SHORT).fit(affinities=given)
    P = embedding.affinities.local()
    dense = csr_matrix((P.data, P.indices, P.indptr), P.shape).toarray()
    np.testing.assert_allclose(dense, (W + W.T) / (2 * W.sum()), rtol=1e-5)


# -- Parameters ------------------------------------------------------------------------------------


def test_parameters_are_those_of_one_machine():
    import inspect

    own = inspect.signature(tsnekit.dask.TSNE).parameters
    of_facade = inspect.signature(tsnekit.TSNE).parameters
    assert list(own) == ["client", *of_facade]
    for name, parameter in of_facade.items():
        assert (own[name].default, own[name].kind) == (parameter.default, parameter.kind)


def test_models_are_cloned_and_pickled_without_their_client(client):
    import pickle

    model = tsnekit.dask.TSNE(client, 3, perplexity=20)
    assert model.get_params()["perplexity"] == 20
    assert model.n_components == 3
    assert clone(model).client is client
    again = pickle.loads(pickle.dumps(model))
    assert again.client is None
    assert again.perplexity == 20


def test_schedules_callbacks_and_other_methods(client, pixels):
    history, stop = KLHistory(), StopOnConvergence(tolerance=0.5, patience=1)
    model = tsnekit.dask.TSNE(
        client,
        schedule="converge",
        negative_gradient_method="exact",
        affinity="uniform",
        affinity_params={"k_neighbors": 10},
        callbacks=[history, stop],
        callbacks_every_iters=10,
        random_state=0,
    )
    embedding = model.fit(in_chunks(pixels[:300], 100))
    assert embedding.endings["optimization"].reason == "a callback ended it"
    assert history.iterations[-1] == embedding.state.iteration
    assert history.errors[-1] == pytest.approx(embedding.kl_divergence, rel=1e-6)
    assert embedding.backends["optimizer"].name == "accelerated"
    assert embedding.backends["negative_gradient_method"].name == "exact"


def test_a_time_limit_is_for_both_phases(client, few, monkeypatch):
    limit = TimeLimit(3600)
    model = tsnekit.dask.TSNE(client, callbacks=limit, callbacks_every_iters=10, **SHORT)
    embedding = model.prepare_initial(in_chunks(few))
    embedding.optimize(10, inplace=True)
    assert 0 < limit.left < 3600
    monkeypatch.setattr(limit, "_started", limit._started - 3600)
    embedding.optimize(30, inplace=True)
    assert embedding.state.iteration == 20
    assert embedding.endings["optimization"].reason == "a callback ended it"
    assert limit.seconds == 3600


def test_progress_is_one_bar(client, few, capsys):
    model_of_few(client, verbose=True, n_iter="auto", tolerance=1e9).fit(in_chunks(few, 100))
    shown = capsys.readouterr().err.splitlines()
    assert "120/120 iterations" in shown[-1]
    # On a slow machine, there are lines in between.
    assert sum("120/120 iterations, " in line for line in shown) == 1
    assert sum("gradient method:" in line for line in shown) == 2


def test_ctrl_c_keeps_the_map(client, few, monkeypatch):
    from tsnekit.dask import _run

    run_phase = _run.run_phase

    def interrupted(*args, **kwargs):
        import dataclasses

        result = run_phase(*args, **kwargs)
        return dataclasses.replace(result, interrupted=True, reason="Ctrl-C ended it")

    monkeypatch.setattr(_run, "run_phase", interrupted)
    with pytest.raises(InterruptedByUser) as caught:
        model_of_few(client).fit(in_chunks(few, 100))
    embedding = caught.value.final_embedding
    assert embedding.state.iteration == 20
    assert embedding.endings["early exaggeration"].reason == "Ctrl-C ended it"


def test_ctrl_c_between_two_phases_keeps_the_map(client, few, monkeypatch):
    from tsnekit.dask import _embedding

    calls = []

    def check_cluster(client):
        calls.append(client)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return client.nthreads()

    monkeypatch.setattr(_embedding, "check_cluster", check_cluster)
    with pytest.raises(InterruptedByUser) as caught:
        model_of_few(client).fit(in_chunks(few, 100))
    assert caught.value.final_embedding.state.iteration == 20


# -- What is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"perplexity": 100}, ValueError, "perplexity 100 is too large for 300 rows; .* for 99.67"),
        ({"memory_limit": "4GB"}, ValueError, "memory_limit is for one machine"),
        ({"metric": "precomputed"}, ValueError, "cannot be precomputed on a cluster"),
        ({"neighbors": "precomputed"}, ValueError, "cannot be precomputed on a cluster"),
        ({"callbacks": Checkpoint("x")}, TypeError, "Checkpoint saves a map with its affinities"),
        ({"initialization": np.zeros((3, 2))}, ValueError, r"must have shape \(300, 2\)"),
        ({"n_components": 0}, ValueError, "n_components must be at least 1"),
        ({"neighbors": "anoy"}, ValueError, "did you mean 'annoy'"),
        ({"negative_gradient_method": "fft", "n_components": 3}, ValueError, "fft"),
        ({"n_jobs": 0}, ValueError, "n_jobs=0"),
        ({"client": "tcp://1.2.3.4:5"}, TypeError, "client must be a distributed.Client"),
    ],
)
def test_parameters_that_cannot_serve_a_cluster(client, few, parameters, error, message):
    model = model_of_few(client).set_params(**parameters)
    with pytest.raises(error, match=message):
        model.fit(in_chunks(few, 100))


def test_data_that_cannot_be_embedded(client, few):
    model = model_of_few(client)
    bad = few.copy()
    bad[150, 3] = np.nan
    with pytest.raises(ValueError, match=r"chunk 1 of X \(rows 100 to 199\).*row 150"):
        model.fit(in_chunks(bad, 100))
    with pytest.raises(TypeError, match="must be a dask array or dask DataFrame, got ndarray"):
        model.fit(few)
    with pytest.raises(ValueError, match="fit needs X or affinities"):
        model.fit()
    with pytest.raises(ValueError, match="at least 2 rows, got 1"):
        model.fit(in_chunks(few[:1]))


def test_a_client_that_was_closed(client, few):
    from distributed import Client

    own = Client(client.scheduler.address, set_as_default=False)
    embedding = model_of_few(own).fit(in_chunks(few, 100))
    own.close()
    for use in (
        lambda: embedding.optimize(1),
        lambda: embedding.kl_divergence,
        lambda: embedding.transform(in_chunks(few, 100)),
        lambda: embedding.save("x"),
        embedding.to_local,
    ):
        with pytest.raises(ValueError, match="client is closed"):
            use()
    assert embedding.compute().shape == (300, 2)
