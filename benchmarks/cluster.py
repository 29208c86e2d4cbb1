"""A cluster beside one process, on the same machine: ``python -m benchmarks.cluster``.

One process has as many threads as the cluster has workers, of one thread each. The two take turns.
Each run starts its own processes, so that their peaks of memory are those of the run. The data are
read from one .npy file. The table has medians.

With ``--iterations``, P is computed once before, and both only optimize: so many iterations with
early exaggeration, and as many without.

With ``--limit``, the cluster alone runs, on a zarr array. Dask ends workers that have more memory
than that. A client that had more is an error. The peaks of both are reported.
"""

import argparse
import json
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import numpy as np

from .peers.judge import Judge, load
from .peers.report import machine
from .peers.systems import peak_megabytes

MEASURES = {
    "neighbors": "neighbors, s",
    "affinities": "P, s",
    "optimization": "optimization, s",
    "whole": "whole, s",
    "kl_divergence": "KL",
    "neighbors_kept": "10 neighbors kept",
    "megabytes": "peak memory of a process, MB",
    "net": "without that of an idle process, MB",
}
OPTIONS = {"random_state": 0}
PHASES = ("early exaggeration", "optimization")


def one_process(path, n_jobs, iterations):
    """Return the map, and the facts of its run."""
    import tsnekit

    idle = peak_megabytes()
    given = given_data(path, iterations)
    start = time.perf_counter()
    embedding = tsnekit.TSNE(n_jobs=n_jobs, **options(iterations)).fit(**given)
    whole = time.perf_counter() - start
    return np.asarray(embedding), facts(embedding, whole, peak_megabytes(), idle)


def on_workers(path, n_workers, iterations, limit=None):
    """Return the map, and the facts of its run, with the greatest peak of the workers."""
    from distributed import Client, LocalCluster

    import tsnekit.dask

    cluster = LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        memory_limit=limit or 0,
        dashboard_address=None,
    )
    with cluster, Client(cluster) as client:
        client.wait_for_workers(n_workers)
        idle = max(client.run(peak_when_idle).values())
        client_idle = peak_megabytes()
        given = given_data(path, iterations)
        if "X" in given:
            given = {"X": tsnekit.dask.open_rows(path)}
        start = time.perf_counter()
        embedding = tsnekit.dask.TSNE(client, **options(iterations)).fit(**given)
        whole = time.perf_counter() - start
        peaks = client.run(peak_megabytes)
        found = facts(embedding, whole, max(peaks.values()), idle)
        found["megabytes of the client"] = peak_megabytes()
        found["of the client when idle"] = client_idle
        if limit is not None:
            found["kl_divergence"] = embedding.kl_divergence
            found["entries of P"] = int(embedding.affinities.row_ends()[-1])
        return embedding.compute(), found


def peak_when_idle():
    """Return the peak of a process that has loaded the package."""
    import tsnekit  # noqa: F401

    return peak_megabytes()


def options(iterations):
    """Return the parameters of a map."""
    if iterations is None:
        return OPTIONS
    return OPTIONS | {
        "early_exaggeration_iter": iterations,
        "n_iter": iterations,
        "initialization": "random",
    }


def given_data(path, iterations):
    """Return what `fit` is given: the data, or P if only the optimization is measured."""
    if iterations is None:
        return {"X": None if path.endswith(".zarr") else np.load(path, mmap_mode="r")}
    from scipy.sparse import csr_matrix

    from tsnekit.affinity import PrecomputedAffinities

    parts = [np.load(Path(path) / f"{name}.npy") for name in ("data", "indices", "indptr")]
    n = len(parts[-1]) - 1
    return {"affinities": PrecomputedAffinities(csr_matrix(tuple(parts), shape=(n, n)))}


def save_affinities(path, X, n_jobs):
    """Compute P, and save it as arrays in a folder."""
    from tsnekit.affinity import PerplexityBasedNN

    path.mkdir()
    P = PerplexityBasedNN(X, n_jobs=n_jobs, random_state=0).matrix
    for name in ("data", "indices", "indptr"):
        np.save(path / f"{name}.npy", getattr(P, name))


def facts(embedding, whole, megabytes, idle):
    """Return what is known of a run."""
    seconds = dict(embedding.seconds)
    found = {name: seconds[name] for name in ("neighbors", "affinities") if name in seconds}
    found |= {
        "optimization": sum(seconds[phase] for phase in PHASES),
        "whole": whole,
        "megabytes": megabytes,
        "net": megabytes - idle,
    }
    if "neighbors" in embedding.backends:
        found["recall"] = embedding.backends["neighbors"].recall
    else:
        found["kl_divergence"] = float(embedding.kl_divergence)
    return found


def in_a_process(function, *arguments):
    """Return what a function returns in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def compared(X, folder, args):
    """Return the medians of both, by name."""
    path, judge = Path(folder) / "rows.npy", None
    if args.iterations is None:
        np.save(path, X)
        judge = Judge(X, args.workers)
    else:
        path = Path(folder) / "affinities"
        in_a_process(save_affinities, path, X, args.workers)
        del X
    ways = {
        f"one process, {args.workers} threads": one_process,
        f"{args.workers} workers, 1 thread each": on_workers,
    }
    runs = {name: [] for name in ways}
    for repeat in range(args.repeats):
        for name, function in ways.items():
            Y, found = in_a_process(function, str(path), args.workers, args.iterations)
            if judge is not None:
                found["kl_divergence"] = judge.kl_divergence(Y)
                found["neighbors_kept"] = judge.neighbors_kept(Y)
            runs[name].append(found)
            print(f"run {repeat + 1} of {name}: {json.dumps(found)}", flush=True)
    return {
        name: {
            measure: median(run[measure] for run in of_way)
            for measure in MEASURES
            if measure in of_way[0]
        }
        for name, of_way in runs.items()
    }


def limited(X, folder, args):
    """Return the facts of a run on workers whose memory is limited, on a zarr array."""
    import zarr

    path = str(Path(folder) / "rows.zarr")
    rows = max(1, args.limit // 32 // (X.itemsize * X.shape[1]))
    zarr.create_array(store=path, data=X, chunks=(min(rows, len(X)), X.shape[1]))
    of_data = X.nbytes / 2**20
    del X
    _, found = in_a_process(on_workers, path, args.workers, None, args.limit)
    if found["megabytes of the client"] > args.limit / 2**20:
        raise MemoryError(f"the client had more than the limit: {found}")
    of_p = 8 * found["entries of P"] / 2**20
    return found | {
        "megabytes of the data": of_data,
        "megabytes of P": of_p,
        "of both": of_data + of_p,
        "limit": args.limit / 2**20,
    }


def table(results):
    """Return a table of both, and of their ratios."""
    one, several = results.values()
    heads = [head for measure, head in MEASURES.items() if measure in one]
    lines = ["| | " + " | ".join(heads) + " |", "|---|" + "---:|" * len(heads)]
    for name, found in results.items():
        lines.append(f"| {name} | " + " | ".join(f"{each:.4g}" for each in found.values()) + " |")
    ratios = (f"{several[measure] / one[measure]:.3f}" for measure in one)
    lines.append("| ratio | " + " | ".join(ratios) + " |")
    return "\n".join(lines)


def main():
    """Run the comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", allow_abbrev=False)
    parser.add_argument(
        "--data", choices=["digits", "mnist", "pixels", "million"], default="digits"
    )
    parser.add_argument("--mnist", metavar="PATH", help="MNIST as .npz with an array X")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--iterations", type=int, help="measure the optimization alone")
    parser.add_argument("--limit", type=int, metavar="BYTES", help="memory of a process")
    args = parser.parse_args()
    if args.data == "pixels":  # of MNIST, as they are
        with np.load(args.mnist or "mnist70k.npz") as file:
            X = file["X"].reshape(len(file["X"]), -1).astype(np.float64) / 255
    else:
        X = load(args.data, args.mnist)
    with tempfile.TemporaryDirectory() as folder:
        if args.limit is None:
            print(table(compared(X, folder, args)))
        else:
            print(json.dumps(limited(X, folder, args), indent=1))
    print(json.dumps(machine(args.workers) | {"load": os.getloadavg()[0]}))


if __name__ == "__main__":
    main()
