"""What an iteration on a cluster costs: ``python -m benchmarks.cluster_costs``.

Clusters of one and of two workers, with one thread each, optimize maps of several numbers of
points. Each map has been optimized before, so that it is as wide as maps are. The seconds of an
iteration are those of a long phase less those of a short one, each the shortest of some. The rest
of the short phase is its start. The model of an iteration has four terms, none of them negative:

    entries of P on a worker, points in the map, bytes that a worker receives, any other worker

Maps that are not used for the fit show how well it predicts. ``--save`` and ``--given`` write and
read what was measured, so that a fit can be repeated without the measurement.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

import numpy as np

from .cluster import given_data, in_a_process, save_affinities
from .common import synthetic_data
from .peers.judge import load
from .peers.report import machine

SIZES = (80_000, 120_000, 160_000)
CHECKED = (100_000,)
WORKERS = (1, 2)
BEFORE = 125
"""Iterations of each of the two phases before those that are measured."""

SHORT, LONG, REPEATS = 10, 90, 3
BYTES = 8
"""A position in two dimensions."""

TERMS = ("s per entry of P", "s per point", "s per byte", "s for other workers")


def warmed(path, n_jobs):
    """Return a map that is as wide as maps are."""
    import tsnekit

    model = tsnekit.TSNE(
        n_jobs=n_jobs,
        early_exaggeration_iter=BEFORE,
        n_iter=BEFORE,
        initialization="random",
        random_state=0,
    )
    return np.asarray(model.fit(**given_data(path, BEFORE)))


def timed(path, Y, n_workers):
    """Return the seconds of an iteration and of the start of a phase."""
    from distributed import Client, LocalCluster

    import tsnekit.dask

    cluster = LocalCluster(
        n_workers=n_workers, threads_per_worker=1, memory_limit=0, dashboard_address=None
    )
    with cluster, Client(cluster) as client:
        model = tsnekit.dask.TSNE(client, random_state=0)
        given = given_data(path, BEFORE)
        embedding = model.prepare_initial(**given, initialization=Y)
        seconds = dict.fromkeys((SHORT, LONG), np.inf)
        for n_iter in (SHORT, LONG) * REPEATS:
            before = embedding.seconds.get("optimization", 0.0)
            embedding.optimize(n_iter, inplace=True)
            taken = embedding.seconds["optimization"] - before
            seconds[n_iter] = min(seconds[n_iter], taken)
        entries = int(embedding.affinities.row_ends()[-1])
    of_iteration = (seconds[LONG] - seconds[SHORT]) / (LONG - SHORT)
    return {
        "points": len(Y),
        "entries": entries,
        "workers": n_workers,
        "iteration": of_iteration,
        "start": seconds[SHORT] - SHORT * of_iteration,
    }


def measured(X, folder, workers):
    """Return what each number of workers takes for one data set."""
    path = Path(folder) / f"affinities{len(X)}"
    in_a_process(save_affinities, path, X, 2)
    Y = in_a_process(warmed, str(path), 2)
    found = []
    for n_workers in workers:
        found.append(in_a_process(timed, str(path), Y, n_workers))
        print(json.dumps(found[-1]), flush=True)
    return found


def terms(run):
    """Return the amounts of the four terms."""
    n, n_workers = run["points"], run["workers"]
    others = n_workers - 1
    return [run["entries"] / n_workers, n, BYTES * n * others / n_workers, float(others > 0)]


def fitted(runs):
    """Return the cost of each term, by least squares of relative errors."""
    from scipy.optimize import nnls

    seconds = np.array([run["iteration"] for run in runs])
    amounts = np.array([terms(run) for run in runs])
    scale = amounts.max(axis=0)
    costs, _ = nnls(amounts / scale / seconds[:, None], np.ones(len(runs)))
    return costs / scale


def report(found, costs):
    """Print the fit, and what it says of each run."""
    for name, cost in zip(TERMS, costs, strict=True):
        print(f"{name}: {cost:.3g}")
    print("| points | workers | fitted | measured, ms | model, ms | start of a phase, s |")
    print("|---:|---:|---|---:|---:|---:|")
    for run in found:
        model = 1e3 * float(np.dot(terms(run), costs))
        print(
            f"| {run['points']:,} | {run['workers']} | {'yes' if run['fit'] else 'no'} "
            f"| {1e3 * run['iteration']:.2f} | {model:.2f} | {run['start']:.2f} |"
        )


def main():
    """Measure, fit and check."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster_costs", allow_abbrev=False)
    parser.add_argument("--mnist", metavar="PATH", help="MNIST as .npz; another check of the fit")
    parser.add_argument("--million", action="store_true", help="1,000,000 points; another check")
    parser.add_argument("--save", metavar="PATH", help="where to write what was measured, as JSON")
    parser.add_argument("--given", metavar="PATH", help="what was measured before")
    args = parser.parse_args()
    found = []
    if args.given is not None:
        found = json.loads(Path(args.given).read_text())
    else:
        data = [(synthetic_data(n), WORKERS, True) for n in SIZES]
        data += [(synthetic_data(n), WORKERS[-1:], False) for n in CHECKED]
        if args.mnist is not None:
            data.append((load("mnist", args.mnist), WORKERS[-1:], False))
        if args.million:
            data.append((load("million"), WORKERS[-1:], False))
        with tempfile.TemporaryDirectory() as folder:
            for X, workers, fit in data:
                found += [run | {"fit": fit} for run in measured(X, folder, workers)]
        print(json.dumps(machine(1) | {"load": os.getloadavg()[0]}))
    if args.save is not None:
        Path(args.save).write_text(json.dumps(found, indent=1))
    report(found, fitted([run for run in found if run["fit"]]))


if __name__ == "__main__":
    main()
