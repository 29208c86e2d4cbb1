"""Maps that a cluster saves and loads, and that one machine loads and saves."""

import dataclasses
import shutil

import numpy as np
import pytest
from scipy.sparse import csr_matrix

pytest.importorskip("distributed", reason="dask and distributed are missing")

import dask.array as da

import tsnekit
import tsnekit.dask
from tsnekit._files.archive import write_archive
from tsnekit._files.reader import read_archive
from tsnekit.affinity import PrecomputedAffinities
from tsnekit.errors import ClusterError

SHORT = {"early_exaggeration_iter": 10, "n_iter": 10, "perplexity": 8, "random_state": 0}


@pytest.fixture(scope="module")
def rows(digits):
    return digits[0][:200]


@pytest.fixture(scope="module", params=["dense", "sparse"])
def saved(request, _session, rows, tmp_path_factory):
    """A map of a cluster, its file, and its data."""
    X = da.from_array(rows, chunks=(80, -1))
    if request.param == "sparse":
        X = X.map_blocks(csr_matrix, meta=csr_matrix((0, 0)))
    embedding = tsnekit.dask.TSNE(_session[1], neighbors="exact", **SHORT).fit(X)
    path = tmp_path_factory.mktemp("maps") / "map.tsnekit"
    embedding.save(path)
    return embedding, path, X


def entries(affinities):
    matrix = affinities.matrix if hasattr(affinities, "matrix") else affinities.local()
    return matrix.indptr, matrix.indices, matrix.data


def test_this_machine_loads_what_a_cluster_saved(saved, rows):
    embedding, path, _ = saved
    here = tsnekit.load(path)
    np.testing.assert_array_equal(here, embedding)
    for one, other in zip(entries(here.affinities), entries(embedding.affinities), strict=True):
        np.testing.assert_array_equal(one, other)
    data = here.affinities.knn_index.data
    np.testing.assert_array_equal(data.toarray() if hasattr(data, "indptr") else data, rows)
    assert here.backends == embedding.backends
    assert here.endings == embedding.endings
    assert here.seconds == embedding.seconds
    assert here.transform(rows[:5], n_iter=5).shape == (5, 2)
    assert np.isfinite(here.optimize(5)).all()


def test_a_cluster_loads_what_it_saved_and_goes_on_to_the_bit(client, saved):
    embedding, path, X = saved
    again = tsnekit.dask.load(path, client)
    np.testing.assert_array_equal(again.optimize(5), embedding.optimize(5))
    assert again.affinities.rows.sparse == embedding.affinities.rows.sparse
    placed = [
        client.compute(each.transform(X[:20], n_iter=5)).result() for each in (again, embedding)
    ]
    np.testing.assert_array_equal(*placed)


def test_what_a_loaded_map_loses_is_read_again(client, saved, tmp_path):
    _, path, X = saved
    copied = tmp_path / "map"
    shutil.copy(path, copied)
    embedding = tsnekit.dask.load(copied, client)
    whole = embedding.optimize(5)
    matrices = embedding.affinities.matrices
    client.cancel([matrices[0], matrices[-1]])
    np.testing.assert_array_equal(embedding.optimize(5), whole)
    client.cancel(embedding.affinities.rows.held[0])
    with pytest.raises(ClusterError, match="was lost with a worker; load the file again"):
        embedding.transform(X[:20])
    with pytest.raises(ClusterError, match="was lost with a worker; load the file again"):
        embedding.save(tmp_path / "again")
    client.cancel(matrices[1])
    copied.unlink()
    with pytest.raises(ClusterError, match=r"cannot be read again: .*No such file"):
        embedding.optimize(5)


def test_a_cluster_loads_what_this_machine_saved(client, rows, tmp_path):
    here = tsnekit.TSNE(neighbors="exact", **SHORT).fit(rows)
    here.save(tmp_path / "map")
    there = tsnekit.dask.load(tmp_path / "map", client)
    np.testing.assert_array_equal(there, here)
    assert there.kl_divergence == pytest.approx(here.kl_divergence, rel=1e-6)
    np.testing.assert_allclose(there.optimize(1), here.optimize(1), rtol=1e-4, atol=1e-6)
    new = rows[:30] + 0.5
    placed = client.compute(there.transform(da.from_array(new, chunks=(10, -1)), n_iter=20))
    np.testing.assert_allclose(placed.result(), here.transform(new, n_iter=20), atol=1e-3)


def test_the_data_can_stay_where_it_is(client, saved, tmp_path):
    embedding, whole, X = saved
    path = tmp_path / "map"
    embedding.save(path, data=False)
    assert path.stat().st_size < whole.stat().st_size
    here = tsnekit.load(path)
    np.testing.assert_array_equal(here, embedding)
    with pytest.raises(ValueError, match="neighbors of new rows need the data"):
        here.transform(np.zeros((2, 64)))
    with pytest.raises(ValueError, match="neighbors of new rows need the data"):
        tsnekit.dask.load(path, client).transform(X[:20])
    again = tsnekit.dask.load(path, client, X=X)
    assert client.compute(again.transform(X[:20], n_iter=5)).result().shape == (20, 2)
    with pytest.raises(ValueError, match="X must be the data of the map, 200 rows and 64 columns"):
        tsnekit.dask.load(path, client, X=X[:100])


def test_given_affinities_are_saved_as_they_are(client, rows, tmp_path):
    ring = np.roll(np.eye(50), 1, axis=1)
    given = PrecomputedAffinities(ring + ring.T)
    model = tsnekit.dask.TSNE(client, initialization="random", **SHORT)
    model.fit(affinities=given).save(tmp_path / "map")
    for loaded in (tsnekit.load(tmp_path / "map"), tsnekit.dask.load(tmp_path / "map", client)):
        for one, other in zip(entries(loaded.affinities), entries(given), strict=True):
            np.testing.assert_array_equal(one, other)


# -- What is refused -------------------------------------------------------------------------------


def test_affinities_that_are_not_symmetric_are_refused(client, tmp_path):
    W = np.random.default_rng(0).random((30, 30))
    here = tsnekit.TSNE(initialization="random", **SHORT).fit(affinities=PrecomputedAffinities(W))
    here.save(tmp_path / "map")
    with pytest.raises(ValueError, match="are not symmetric, but a cluster needs them so"):
        tsnekit.dask.load(tmp_path / "map", client)


def test_new_points_are_for_one_machine(client, rows, tmp_path):
    here = tsnekit.TSNE(**SHORT).fit(rows)
    here.transform(rows[:3], n_iter=1).save(tmp_path / "new")
    with pytest.raises(ValueError, match=r"holds new points on a map.*; tsnekit\.load reads it"):
        tsnekit.dask.load(tmp_path / "new", client)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("affinities/indices", lambda x: x[:-1], "do not fit its row pointers"),
        ("affinities/indices", lambda x: x + 1000, "indices must be from 0 to 199"),
        ("affinities/data", lambda x: -x, "must not be negative"),
        ("affinities/data", lambda x: x.astype(float), "do not fit its row pointers"),
        ("affinities/indptr", lambda x: x[::-1].copy(), "row pointers of P"),
        ("positions", lambda x: x * np.nan, "damaged"),
    ],
)
def test_files_that_make_no_sense(client, saved, tmp_path, name, change, message):
    header, arrays = read_archive(saved[1])
    arrays[name] = change(arrays[name])
    header = {key: value for key, value in header.items() if key not in ("format", "version")}
    write_archive(tmp_path / "bad", header, arrays)
    with pytest.raises(ValueError, match=message) as caught:
        tsnekit.dask.load(tmp_path / "bad", client)
    assert "bad is" in str(caught.value)


@pytest.mark.parametrize(
    "change", [lambda x: x * np.nan, lambda x: x[:-1], lambda x: x.astype(int)]
)
def test_data_that_makes_no_sense(client, saved, tmp_path, change):
    header, arrays = read_archive(saved[1])
    name = "affinities/rows_data" if "affinities/rows_data" in arrays else "affinities/rows"
    arrays[name] = change(arrays[name])
    write_archive(tmp_path / "bad", header, arrays)
    with pytest.raises(ValueError, match="bad is truncated or damaged: "):
        tsnekit.dask.load(tmp_path / "bad", client)


def test_what_cannot_be_saved_writes_nothing(saved, tmp_path):
    embedding = saved[0].copy()
    embedding.state.parameters = dataclasses.replace(embedding.state.parameters)
    embedding.random_state = object()
    with pytest.raises(TypeError, match="random_state cannot be saved"):
        embedding.save(tmp_path / "map")
    assert not list(tmp_path.iterdir())
