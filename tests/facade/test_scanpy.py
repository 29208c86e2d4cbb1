"""AnnData in, map out, with the real anndata package."""

import inspect
import json
import logging
import warnings

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors, kneighbors_graph

from tsnekit import TSNE
from tsnekit.affinity import PerplexityBasedNN
from tsnekit.cli import main
from tsnekit.interfaces import NeighborGraph
from tsnekit.scanpy import tsne
from tsnekit.sklearn import KNeighborsTransformer

anndata = pytest.importorskip("anndata", reason="AnnData input needs the package anndata")

# anndata sets an option that pandas has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The 'future.infer_string' option is deprecated")

QUICK = {"n_iter": 30, "early_exaggeration_iter": 20, "random_state": 0}
ARGUMENTS = ["--n-iter=30", "--early-exaggeration-iter=20", "--quiet"]


@pytest.fixture
def cells(blobs):
    """Return cells with a PCA, a neighbor graph as scanpy writes it, and their types."""
    adata = anndata.AnnData(blobs.astype(np.float32))
    adata.obs["type"] = np.array(["B", "T", "NK"])[np.arange(300) % 3]
    adata.obsm["X_pca"] = blobs[:, :4].astype(np.float32)
    adata.obsp["distances"] = kneighbors_graph(blobs[:, :4], 29, mode="distance")
    adata.uns["neighbors"] = {
        "connectivities_key": "connectivities",
        "distances_key": "distances",
        "params": {"n_neighbors": 30, "method": "umap", "metric": "euclidean"},
    }
    return adata


def test_embeds_the_representation(cells, blobs):
    assert tsne(cells, perplexity=10, **QUICK) is None
    wanted = TSNE(perplexity=10, **QUICK).fit(cells.obsm["X_pca"])
    np.testing.assert_array_equal(cells.obsm["X_tsne"], wanted)
    assert type(cells.obsm["X_tsne"]) is np.ndarray
    written = cells.uns["tsne"]
    assert written["params"]["perplexity"] == 10
    assert written["params"]["use_rep"] == "X_pca"
    assert written["kl_divergence"] == pytest.approx(wanted.kl_divergence)
    tsne(cells, use_rep="X", perplexity=10, key_added="X_whole", **QUICK)
    np.testing.assert_array_equal(
        cells.obsm["X_whole"], TSNE(perplexity=10, **QUICK).fit(blobs.astype(np.float32))
    )
    assert cells.uns["X_whole"]["params"]["use_rep"] == "X"


def test_arguments_of_scanpy_in_its_order(cells):
    """As its signature is in the version that is installed here."""
    ours = inspect.signature(tsne)
    assert list(ours.parameters)[:2] == ["adata", "n_pcs"]
    scanpy = pytest.importorskip("scanpy")
    theirs = inspect.signature(scanpy.tl.tsne)
    names = [name for name in theirs.parameters if name != "use_fast_tsne"]
    assert list(ours.parameters)[: len(names)] == names
    for name in names:
        assert ours.parameters[name].kind is theirs.parameters[name].kind
        if name not in ("early_exaggeration", "learning_rate"):
            assert ours.parameters[name].default == theirs.parameters[name].default


def test_reproducible_by_default(cells):
    quick = {name: value for name, value in QUICK.items() if name != "random_state"}
    quick |= {"initialization": "random", "perplexity": 5}
    tsne(cells, **quick)
    tsne(cells, key_added="again", **quick)
    np.testing.assert_array_equal(cells.obsm["again"], cells.obsm["X_tsne"])
    tsne(cells, key_added="other", random_state=1, **quick)
    assert np.abs(cells.obsm["other"] - cells.obsm["X_tsne"]).max() > 0
    assert cells.uns["tsne"]["params"]["random_state"] == 0


def test_components_and_layers(cells):
    cells.layers["doubled"] = 2 * cells.X
    for options, X in (
        ({"n_pcs": 2}, cells.obsm["X_pca"][:, :2]),
        ({"n_pcs": 0}, cells.X),
        ({"layer": "doubled"}, 2 * cells.X),
    ):
        tsne(cells, perplexity=10, **options, **QUICK)
        wanted = TSNE(perplexity=10, **QUICK).fit(X)
        np.testing.assert_array_equal(cells.obsm["X_tsne"], wanted)
    assert cells.uns["tsne"]["params"]["layer"] == "doubled"


def test_scanpy_draws_the_map(cells):
    scanpy = pytest.importorskip("scanpy")
    tsne(cells, perplexity=10, **QUICK)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ax = scanpy.pl.tsne(cells, color="type", show=False)
    drawn = np.concatenate([np.asarray(each.get_offsets()) for each in ax.collections])
    np.testing.assert_allclose(np.sort(drawn, axis=0)[-300:], np.sort(cells.obsm["X_tsne"], axis=0))


@pytest.mark.parametrize("neighbors", ["auto", "hnsw"])
def test_neighbors_of_scanpy_by_our_search(cells, neighbors):
    scanpy = pytest.importorskip("scanpy")
    knn = KNeighborsTransformer(n_neighbors=15, neighbors=neighbors, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scanpy.pp.neighbors(cells, transformer=knn)
        scanpy.pp.neighbors(cells, n_neighbors=15, key_added="theirs")
    ours, theirs = cells.obsp["connectivities"], cells.obsp["theirs_connectivities"]
    assert abs(ours - theirs).max() < 1e-3
    tsne(cells, neighbors_key="neighbors", **QUICK)
    assert cells.uns["tsne"]["params"]["perplexity"] == pytest.approx(5)


def test_copy_leaves_the_original_alone(cells):
    copied = tsne(cells, copy=True, perplexity=10, **QUICK)
    assert "X_tsne" in copied.obsm
    assert "X_tsne" not in cells.obsm
    assert "tsne" not in cells.uns


def test_neighbor_graph_of_scanpy(cells):
    tsne(cells, neighbors_key="neighbors", perplexity=9, **QUICK)
    X = cells.obsm["X_pca"]
    distances, indices = NearestNeighbors(n_neighbors=29).fit(X).kneighbors()
    graph = NeighborGraph(indices, distances)
    affinities = PerplexityBasedNN(perplexity=9, knn_index=graph)
    wanted = TSNE(**QUICK).fit(X, affinities)
    np.testing.assert_allclose(cells.obsm["X_tsne"], wanted, atol=1e-3)
    assert cells.uns["tsne"]["params"]["neighbors_key"] == "neighbors"


def test_the_graph_is_what_counts(cells):
    """A graph of other data gives another map than a search in the representation."""
    rng = np.random.default_rng(0)
    cells.obsp["distances"] = kneighbors_graph(rng.normal(size=(300, 3)), 29, mode="distance")
    tsne(cells, neighbors_key="neighbors", perplexity=9, key_added="X_graph", **QUICK)
    tsne(cells, perplexity=9, **QUICK)
    assert np.abs(cells.obsm["X_graph"] - cells.obsm["X_tsne"]).max() > 1


@pytest.mark.parametrize(("perplexity", "used"), [(None, 29 / 3), (5, 5)])
def test_perplexity_follows_the_graph(cells, perplexity, used):
    given = {} if perplexity is None else {"perplexity": perplexity}
    tsne(cells, neighbors_key="neighbors", **given, **QUICK)
    assert cells.uns["tsne"]["params"]["perplexity"] == pytest.approx(used)


@pytest.mark.parametrize("perplexity", [20, 40])
def test_perplexity_too_large_for_the_graph(cells, perplexity):
    with pytest.warns(UserWarning, match=r"too large for 29 neighbors of each row; 9\.667 is used"):
        tsne(cells, neighbors_key="neighbors", perplexity=perplexity, key_added="X_low", **QUICK)
    tsne(cells, neighbors_key="neighbors", **QUICK)
    np.testing.assert_allclose(cells.obsm["X_low"], cells.obsm["X_tsne"], atol=1e-5)


def test_other_kernels_take_the_graph_too(cells):
    options = {"affinity": "uniform", "affinity_params": {"k_neighbors": 29}}
    tsne(cells, neighbors_key="neighbors", **options, **QUICK)
    assert cells.obsm["X_tsne"].shape == (300, 2)


def test_graph_with_equal_cells_that_scanpy_left_out(cells, caplog):
    distances = cells.obsp["distances"].tolil()
    distances[7, distances.rows[7][:4]] = 0
    cells.obsp["distances"] = distances.tocsr()
    cells.obsp["distances"].eliminate_zeros()
    with caplog.at_level(logging.WARNING, "tsnekit.scanpy"):
        tsne(cells, neighbors_key="neighbors", **QUICK)
    assert "some cells have 29 neighbors in the graph and others 25" in caplog.text
    assert cells.uns["tsne"]["params"]["perplexity"] == pytest.approx(25 / 3)


def test_what_is_written_can_be_saved(cells, tmp_path):
    tsne(
        cells,
        perplexity=[5, 20],
        metric=lambda a, b: np.abs(a - b).sum(),
        neighbors_params={"algorithm": "auto"},
        initialization=np.random.default_rng(0).normal(size=(300, 2)) * 1e-4,
        **QUICK,
    )
    cells.write_h5ad(tmp_path / "cells.h5ad")
    read = anndata.read_h5ad(tmp_path / "cells.h5ad")
    np.testing.assert_array_equal(read.obsm["X_tsne"], cells.obsm["X_tsne"])
    np.testing.assert_array_equal(read.uns["tsne"]["params"]["perplexity"], [5, 20])
    assert read.uns["tsne"]["params"]["n_iter"] == 30


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"use_rep": "X_scvi"}, ValueError, r"use_rep must be 'X' or a key .*X_pca.*'X_scvi'"),
        ({"neighbors_key": "bbknn"}, ValueError, "neighbors_key must be a key of adata.uns"),
        ({"neighbors_key": "other"}, ValueError, "adata.obsp has no 'other_distances'"),
        (
            {"neighbors_key": "neighbors", "metric": "cosine"},
            ValueError,
            "metric cannot be given",
        ),
        ({"key_added": ""}, TypeError, "key_added must be a key"),
        ({"n_pcs": "X"}, TypeError, "given by name, use_rep='X'"),
        ({"n_pcs": 5}, ValueError, "n_pcs must be at most 4, the columns of 'X_pca', got 5"),
        ({"n_pcs": -1}, ValueError, "n_pcs must be at least 0"),
        ({"layer": "raw"}, ValueError, "layer must be a key of adata.layers"),
        ({"perplexty": 3}, TypeError, "perplexty"),
    ],
)
def test_bad_options(cells, options, error, message):
    cells.uns["other"] = {"distances_key": "other_distances"}
    with pytest.raises(error, match=message):
        tsne(cells, **options)
    assert "X_tsne" not in cells.obsm


def test_no_anndata(blobs):
    with pytest.raises(TypeError, match="adata must be an AnnData object, got ndarray"):
        tsne(blobs)


def test_a_cell_without_neighbors(cells):
    distances = cells.obsp["distances"].tolil()
    distances[3] = 0
    cells.obsp["distances"] = distances.tocsr()
    with pytest.raises(ValueError, match="no neighbor of cell 3"):
        tsne(cells, neighbors_key="neighbors")


@pytest.fixture
def file(cells, tmp_path):
    path = tmp_path / "cells.h5ad"
    cells.write_h5ad(path)
    return str(path)


def test_command_line(cells, file, tmp_path, capsys):
    output, plot = tmp_path / "map.npy", tmp_path / "map.png"
    arguments = ["--use-rep=X_pca", "--perplexity=10", "--labels=type", f"--plot={plot}"]
    assert main(["embed", file, *ARGUMENTS, *arguments, f"--output={output}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_features"] == 4
    wanted = TSNE(perplexity=10, n_jobs=-1, **QUICK).fit(cells.obsm["X_pca"])
    np.testing.assert_array_equal(np.load(output), wanted)
    assert plot.exists()
    assert main(["embed", file, *ARGUMENTS, "--use-rep=X", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_features"] == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--use-rep=X_umap"], "--use-rep must be 'X' or a key of adata.obsm (X_pca)"),
        (["--labels=louvain"], "neither a file, nor a column of obs (type)"),
    ],
)
def test_command_line_errors(file, arguments, message, capsys):
    assert main(["embed", file, *arguments, "--quiet"]) == 2
    assert message in capsys.readouterr().err


def test_sparse_cells(cells, tmp_path):
    import scipy.sparse

    cells.X = scipy.sparse.csr_matrix(np.maximum(cells.X, 0))
    path = tmp_path / "sparse.h5ad"
    cells.write_h5ad(path)
    assert main(["embed", str(path), *ARGUMENTS, "--use-rep=X", "--perplexity=5"]) == 0


def test_labels_missing_in_the_file_are_grey(cells, tmp_path):
    types = cells.obs["type"].astype(object)
    types.iloc[::2] = None
    cells.obs["type"] = types.astype("category")
    cells.write_h5ad(tmp_path / "cells.h5ad")
    from tsnekit._drawing.labels import interpret_labels
    from tsnekit.cli._read import Reading, read_data

    labels = read_data(str(tmp_path / "cells.h5ad"), Reading(labels="type")).labels
    assert interpret_labels(labels, 300).missing.sum() == 150
