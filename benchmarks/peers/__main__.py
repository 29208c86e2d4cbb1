"""Run the comparison: ``python -m benchmarks.peers``.

Each run has its own process. The systems take turns, so that a machine that becomes slower affects
all of them. If one interpreter does not have a system, the other one is tried. If neither has it,
the system is left out, with the reason. A system that takes too long is not tried again. Earlier
results of other data sets stay in the report.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from .judge import Judge, load
from .report import earlier, machine, summary, table, write
from .systems import SYSTEMS

WORKER = Path(__file__).with_name("systems.py")


def parsed(argv):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", allow_abbrev=False)
    parser.add_argument(
        "--data",
        nargs="+",
        choices=["digits", "mnist", "million"],
        default=["digits", "mnist"],
        help="data sets (default: digits mnist)",
    )
    parser.add_argument("--mnist", metavar="PATH", help="MNIST as .npz with an array X")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument(
        "--peer-python", metavar="PATH", help="an interpreter that has the other systems"
    )
    parser.add_argument("--repeats", type=int, default=3, help="runs of each system (default: 3)")
    parser.add_argument("--n-jobs", type=int, default=2, help="threads (default: 2)")
    parser.add_argument(
        "--timeout", type=float, default=3600, help="seconds that a run may take (default: 3600)"
    )
    parser.add_argument(
        "--output", default="docs/benchmarks", help="folder for the report (docs/benchmarks)"
    )
    return parser.parse_args(argv)


def work(python, args, *options, timeout=None):
    """Run the worker in its own process; return its result, or raise RuntimeError."""
    threads = str(args.n_jobs)
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
    environment = os.environ | dict.fromkeys((*names, "NUMBA_NUM_THREADS"), threads)
    command = [python, "-I", str(WORKER), *options, "--n-jobs", threads]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"more than {timeout:.0f} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RuntimeError(lines[-1])
    return json.loads(done.stdout.splitlines()[-1])


def find(systems, args):
    """Return the interpreter and the version of each system, and why others are left out."""
    pythons = [sys.executable, *([args.peer_python] if args.peer_python else [])]
    found, missing = {}, {}
    for name in systems:
        # tsnekit is tested in this interpreter; the others may be in either.
        for python in pythons[:1] if name.startswith("tsnekit") else pythons[::-1]:
            try:
                found[name] = python, work(python, args, name)["version"]
                break
            except (RuntimeError, OSError) as error:
                missing[name] = str(error)
    return found, {name: reason for name, reason in missing.items() if name not in found}


def compare(data, found, args, folder):
    """Run all systems on one data set, in turns; return the runs, and why others have none."""
    X = load(data, args.mnist)
    path, positions = folder / "data.npy", folder / "map.npy"
    np.save(path, X)
    judge = Judge(X, args.n_jobs)
    runs, failed = {name: [] for name in found}, {}
    for repeat in range(args.repeats):
        for name, (python, _) in found.items():
            if name in failed:
                continue
            options = (name, "--data", str(path), "--map", str(positions), "--seed", str(repeat))
            try:
                run = work(python, args, *options, timeout=args.timeout)
            except RuntimeError as error:
                failed[name] = str(error)
                print(f"{data}: {name}: {error}", flush=True)
                continue
            Y = np.load(positions)
            run["kl_divergence"] = judge.kl_divergence(Y)
            run["neighbors_kept"] = judge.neighbors_kept(Y)
            runs[name].append(run)
            shown = {key: round(value, 3) for key, value in run.items() if key != "version"}
            print(f"{data}: {name}: {shown}", flush=True)
    return runs, failed


def main(argv=None):
    args = parsed(argv)
    found, missing = find(args.systems, args)
    results = earlier(args.output)
    for data in args.data:
        with tempfile.TemporaryDirectory() as folder:
            try:
                runs, failed = compare(data, found, args, Path(folder))
            except FileNotFoundError as error:
                print(f"{data} is left out: {error}; say where it is with --mnist PATH")
                continue
        systems = {}
        for name in args.systems:
            if runs.get(name):
                version = found[name][1]
                systems[name] = {
                    "version": version,
                    "median": summary(runs[name]),
                    "runs": runs[name],
                }
            else:
                systems[name] = {"skipped": failed.get(name) or missing[name]}
        results[data] = {
            "machine": machine(args.n_jobs),
            "repeats": args.repeats,
            "command": shlex.join(["python", "-m", "benchmarks.peers", *repeatable(data, args)]),
            "systems": systems,
        }
        write(results, args.output)
    print(table(results))


def sources(data, args):
    """Return the arguments for data and interpreters, without this machine's paths."""
    yield from ("--data", data)
    if data == "mnist":
        yield from ("--mnist", "mnist70k.npz")
    if args.peer_python:
        yield from ("--peer-python", "peers/bin/python")


def repeatable(data, args):
    """Return the arguments that matter for a data set."""
    yield from sources(data, args)
    yield from ("--repeats", str(args.repeats), "--n-jobs", str(args.n_jobs))
    if args.systems != list(SYSTEMS):
        yield from ("--systems", *args.systems)
    yield from ("--timeout", f"{args.timeout:g}")


if __name__ == "__main__":
    main()
