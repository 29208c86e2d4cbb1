"""A cluster beside one process, on the same machine: ``python -m benchmarks.cluster``.

One process has as many threads as the cluster has workers, of one thread each. The two take turns.
Each run starts its own processes, so that their peaks of memory are those of the run. The data are
read from one .npy file. The table has medians.

With ``--limit``, the cluster alone runs, and neither its workers nor the client may have more
memory than that. The data are then read from a zarr array.
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
}
OPTIONS = {"random_state": 0}


def one_process(path, n_jobs):
    """Return the map, and the facts of its run."""
    from tsnekit import TSNE

    X = np.load(path)
    start = time.perf_counter()
    embedding = TSNE(n_jobs=n_jobs, **OPTIONS).fit(X)
    whole = time.perf_counter() - start
    return np.asarray(embedding), facts(embedding, whole, peak_megabytes())


def on_workers(path, n_workers, limit):
    """Return the map, and the facts of its run, with the greatest peak of the workers."""
    from distributed import Client, LocalCluster

    import tsnekit.dask

    if limit is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    cluster = LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        memory_limit=limit or 0,
        dashboard_address=None,
    )
    with cluster, Client(cluster) as client:
        X = tsnekit.dask.open_rows(path)
        start = time.perf_counter()
        embedding = tsnekit.dask.TSNE(client, **OPTIONS).fit(X)
        whole = time.perf_counter() - start
        peaks = client.run(peak_megabytes)
        found = facts(embedding, whole, max(peaks.values()))
        found["megabytes of the client"] = peak_megabytes()
        return embedding.compute(), found


def facts(embedding, whole, megabytes):
    seconds = dict(embedding.seconds)
    phases = ("early exaggeration", "optimization")
    return {
        "neighbors": seconds["neighbors"],
        "affinities": seconds["affinities"],
        "optimization": sum(seconds[phase] for phase in phases),
        "whole": whole,
        "megabytes": megabytes,
        "recall": embedding.backends["neighbors"].recall,
    }


def in_a_process(function, *arguments):
    """Return what a function returns in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def compared(X, folder, args):
    """Return the medians of both, by name."""
    path = str(Path(folder) / "rows.npy")
    np.save(path, X)
    judge = Judge(X, args.workers)
    names = (f"one process, {args.workers} threads", f"{args.workers} workers, 1 thread each")
    ways = dict(
        zip(names, ((one_process, args.workers), (on_workers, args.workers, None)), strict=True)
    )
    runs = {name: [] for name in ways}
    for repeat in range(args.repeats):
        for name, (function, *arguments) in ways.items():
            Y, found = in_a_process(function, path, *arguments)
            found["kl_divergence"] = judge.kl_divergence(Y)
            found["neighbors_kept"] = judge.neighbors_kept(Y)
            runs[name].append(found)
            print(f"run {repeat + 1} of {name}: {json.dumps(found)}", flush=True)
    return {
        name: {measure: median(run[measure] for run in of_way) for measure in MEASURES}
        for name, of_way in runs.items()
    }


def limited(X, folder, args):
    """Return the facts of a run on workers whose memory is limited, on a zarr array."""
    import zarr

    path = str(Path(folder) / "rows.zarr")
    rows = max(1, args.limit // 16 // (X.itemsize * X.shape[1]))
    zarr.create_array(store=path, data=X, chunks=(min(rows, len(X)), X.shape[1]))
    _, found = in_a_process(on_workers, path, args.workers, args.limit)
    return found


def table(results):
    """Return a table of both, and of their ratios."""
    lines = ["| | " + " | ".join(MEASURES.values()) + " |", "|---|" + "---:|" * len(MEASURES)]
    for name, found in results.items():
        cells = (f"{found[measure]:.4g}" for measure in MEASURES)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    one, several = results.values()
    ratios = (f"{several[measure] / one[measure]:.3f}" for measure in MEASURES)
    lines.append("| ratio | " + " | ".join(ratios) + " |")
    return "\n".join(lines)


def main():
    """Run the comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", allow_abbrev=False)
    parser.add_argument("--data", choices=["digits", "mnist", "million"], default="digits")
    parser.add_argument("--mnist", metavar="PATH", help="MNIST as .npz with an array X")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--limit", type=int, metavar="BYTES", help="memory of a process")
    args = parser.parse_args()
    X = load(args.data, args.mnist)
    with tempfile.TemporaryDirectory() as folder:
        if args.limit is None:
            print(table(compared(X, folder, args)))
        else:
            print(json.dumps(limited(X, folder, args), indent=1))
    print(json.dumps(machine(args.workers) | {"load": os.getloadavg()[0]}))


if __name__ == "__main__":
    main()
