"""The command line and AnnData on a cluster."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

pytest.importorskip("distributed", reason="dask and distributed are missing")

import dask.array as da

import tsnekit
import tsnekit.scanpy
from tsnekit.cli import main

QUICK = ["--perplexity=8", "--n-iter=10", "--early-exaggeration-iter=10", "--neighbors=exact"]


@pytest.fixture
def table(tmp_path, blobs):
    path = tmp_path / "table.npy"
    np.save(path, blobs[:120])
    return path


def test_a_cluster_of_processes_of_this_machine(table, tmp_path):
    output = tmp_path / "map.tsnekit"
    command = [
        sys.executable, "-I", "-m", "tsnekit.cli", "embed", table, "--workers=2",
        "--memory-limit=2GB", "--json", "--output", output, *QUICK,
    ]  # fmt: skip
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["iterations"] == 20
    assert summary["n_features"] == 10
    assert summary["output"] == str(output)
    assert summary["backends"]["neighbors"]["name"] == "exact"
    assert "20/20 iterations" in done.stderr
    here = tsnekit.load(output)
    assert here.kl_divergence == pytest.approx(summary["kl_divergence"], rel=1e-6)
    assert not here.state.parameters.verbose


def test_ctrl_c_at_a_terminal_keeps_the_map(table, tmp_path):
    output = tmp_path / "map.npy"
    command = [
        sys.executable, "-I", "-m", "tsnekit.cli", "embed", table, "--workers=1",
        "--output", output, "--perplexity=8", "--n-iter=1000000", "--early-exaggeration-iter=10",
    ]  # fmt: skip
    with subprocess.Popen(
        list(map(str, command)), stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        for line in process.stderr:
            if line.startswith("optimization: "):  # the second phase, which would take hours
                break
        # A terminal sends it to all processes, also to the workers.
        os.killpg(process.pid, signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130, rest
    assert "keeping the map as it is" in rest
    assert np.load(output).shape == (120, 2)


def test_a_cluster_that_runs(client, table, tmp_path, capsys):
    labels, output, plot = tmp_path / "labels.txt", tmp_path / "map.csv", tmp_path / "map.png"
    labels.write_text("".join(f"{i % 5}\n" for i in range(120)))
    where = ["--scheduler", client.scheduler.address]
    files = ["--labels", str(labels), "--output", str(output), "--plot", str(plot)]
    code = main(["embed", str(table), *where, *files, *QUICK])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    assert "120 rows x 10 columns -> 2-D, 20 iterations" in shown.out
    assert output.read_text().splitlines()[0] == "row,label,tsne1,tsne2"
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_columns_of_parquet(client, blobs, tmp_path, capsys):
    pytest.importorskip("dask.dataframe")
    path = tmp_path / "table.parquet"
    frame = pd.DataFrame(blobs[:120], columns=list("abcdefghij")).assign(name="x")
    frame.to_parquet(path)
    where = ["--scheduler", client.scheduler.address, "--json", "--quiet"]
    assert main(["embed", str(path), *where, "--columns", "a", "b", "c", *QUICK]) == 0
    assert json.loads(capsys.readouterr().out)["n_features"] == 3
    assert main(["embed", str(path), *where, "--drop", "name", "a", *QUICK]) == 0
    assert json.loads(capsys.readouterr().out)["n_features"] == 9
    for given, message in (
        (["--drop", "z"], "has no column 'z'"),
        ([], "columns of numbers only, but 'name'"),
    ):
        assert main(["embed", str(path), *where, *given, *QUICK]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pca", "5"], "--pca cannot be used with --workers and .npy input"),
        (["--report", "r.png"], "--report cannot be used with --workers"),
        (["--columns", "a"], "--columns cannot be used with --workers and .npy input"),
        (["--key", "x"], "--key cannot be used with --workers and .npy input"),
        (["--workers", "0"], "--workers must be at least 1, got 0"),
    ],
)
def test_options_that_a_cluster_does_not_have(table, capsys, arguments, message):
    assert main(["embed", str(table), "--workers", "1", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_limits_and_addresses(table, capsys):
    where = ["--scheduler", "tcp://127.0.0.1:1"]
    assert main(["embed", str(table), *where, "--memory-limit", "1GB"]) == 2
    assert "--memory-limit is for --workers" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["embed", str(table), *where, "--workers", "2"])
    assert "not allowed with argument --scheduler" in capsys.readouterr().err


def test_cells_whose_data_is_a_dask_array(client, blobs):
    anndata = pytest.importorskip("anndata")
    dense = da.from_array(np.abs(blobs[:90]), chunks=(30, -1))
    sparse = dense.map_blocks(csr_matrix, meta=csr_matrix((0, 0), dtype=np.float32))
    options = {
        "perplexity": 5, "n_iter": 5, "early_exaggeration_iter": 5, "initialization": "random",
        "neighbors": "exact",
    }  # fmt: skip
    with client.as_current():
        maps = []
        for X in (dense, sparse):
            adata = anndata.AnnData(X)
            tsnekit.scanpy.tsne(adata, **options)
            maps.append(adata.obsm["X_tsne"])
            assert "client" not in adata.uns["tsne"]["params"]
            assert adata.uns["tsne"]["kl_divergence"] > 0
        np.testing.assert_allclose(*maps, atol=1e-3)
        adata = anndata.AnnData(np.zeros((90, 2)))
        adata.obsm["X_pca"] = dense
        tsnekit.scanpy.tsne(adata, n_pcs=4, **options)
        assert type(adata.obsm["X_tsne"]) is np.ndarray
        with pytest.raises(ValueError, match="neighbors_key names a graph in memory"):
            tsnekit.scanpy.tsne(adata, neighbors_key="neighbors")
