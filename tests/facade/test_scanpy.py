"""AnnData in, map out, with the real anndata package."""

import json
import logging

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors, kneighbors_graph

from tsnekit import TSNE
from tsnekit.affinity import PerplexityBasedNN
from tsnekit.cli import main
from tsnekit.interfaces import NeighborGraph
from tsnekit.scanpy import tsne

anndata = pytest.importorskip("anndata", reason="AnnData input needs the package anndata")

# anndata still sets an option that pandas has since deprecated.
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
    tsne(cells, "X", perplexity=10, key_added="X_whole", **QUICK)
    np.testing.assert_array_equal(
        cells.obsm["X_whole"], TSNE(perplexity=10, **QUICK).fit(blobs.astype(np.float32))
    )
    assert cells.uns["whole"]["params"]["use_rep"] == "X"


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


@pytest.mark.parametrize("perplexity", [20, 30])
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
        ({"key_added": None}, TypeError, "key_added must be a key"),
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
