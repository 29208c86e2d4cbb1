"""The divergence over time: ``python -m benchmarks.peers.curves``.

A callback keeps the map every few iterations, and the time that it took so far, without the time of
the callback itself. The maps are compared afterwards, by the same P and the same true neighbors.
scikit-learn has no callbacks: it is run several times, with more and more iterations. Each run has
its own process, and the systems take turns.
"""

import argparse
import json
import shlex
import tempfile
from pathlib import Path

import numpy as np

from .__main__ import find, sources, work
from .judge import Judge, load
from .report import TITLES, machine

WATCHED = ("tsnekit", "tsnekit, converge", "openTSNE")
REPEATED = {"scikit-learn": (300, 400, 500, 750)}
"""Systems without callbacks, and their numbers of iterations."""

CLOCKS = {
    "wall": "seconds of wall time",
    "processor": "seconds of processor time, divided by the threads",
}
COLORS = {
    "tsnekit": "#0b6e5f",
    "tsnekit, converge": "#e07b39",
    "openTSNE": "#4b6fa5",
    "scikit-learn": "#8a8f94",
}


def parsed(argv):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.curves", allow_abbrev=False)
    parser.add_argument("--data", nargs="+", choices=TITLES, default=["digits", "mnist"])
    parser.add_argument("--mnist", metavar="PATH", help="MNIST as .npz with an array X")
    names = [*WATCHED, *REPEATED]
    parser.add_argument("--systems", nargs="+", choices=names, default=names)
    parser.add_argument(
        "--peer-python", metavar="PATH", help="an interpreter that has the other systems"
    )
    parser.add_argument("--every", type=int, default=25, help="iterations between maps (25)")
    parser.add_argument("--n-jobs", type=int, default=2, help="threads (default: 2)")
    parser.add_argument(
        "--clock",
        choices=["wall", "processor"],
        default="wall",
        help="what is drawn: wall time, or processor time by threads, for a machine that is shared",
    )
    parser.add_argument(
        "--timeout", type=float, default=3600, help="seconds that a run may take (default: 3600)"
    )
    parser.add_argument(
        "--output", default="docs/benchmarks", help="folder for the report (docs/benchmarks)"
    )
    return parser.parse_args(argv)


def points(name, python, args, path, folder):
    """Run a system; yield its maps, and the seconds by each clock."""
    positions = folder / "maps.npy"
    options = (name, "--data", str(path), "--map", str(positions))
    if name in WATCHED:
        watched = (*options, "--watch", str(args.every))
        after = work(python, args, *watched, timeout=args.timeout)["after"]
        yield from zip(np.load(positions), after["wall"], after["processor"], strict=True)
        return
    for n_iter in REPEATED[name]:
        more = ("--options", json.dumps({"max_iter": n_iter}))
        run = work(python, args, *options, *more, timeout=args.timeout)
        yield np.load(positions), run["seconds"], run["processor seconds"]


def measured(name, python, args, path, folder, judge):
    """Return a curve: seconds by each clock, divergences and neighbors kept."""
    curve = {"wall": [], "processor": [], "kl_divergence": [], "neighbors_kept": []}
    for Y, wall, processor in points(name, python, args, path, folder):
        curve["wall"].append(round(wall, 3))
        curve["processor"].append(round(processor / args.n_jobs, 3))
        curve["kl_divergence"].append(round(judge.kl_divergence(Y), 4))
        curve["neighbors_kept"].append(round(judge.neighbors_kept(Y), 4))
    return curve


def main(argv=None):
    args = parsed(argv)
    found, missing = find(args.systems, args)
    report = Path(args.output) / "curves.json"
    results = json.loads(report.read_text()) if report.exists() else {}
    for data in args.data:
        try:
            X = load(data, args.mnist)
        except FileNotFoundError as error:
            print(f"{data} is left out: {error}; say where it is with --mnist PATH")
            continue
        judge = Judge(X, args.n_jobs)
        systems = {name: {"skipped": reason} for name, reason in missing.items()}
        for name, (python, version) in found.items():
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "data.npy"
                np.save(path, X)
                try:
                    curve = measured(name, python, args, path, Path(folder), judge)
                    systems[name] = {"version": version, "curve": curve}
                except RuntimeError as error:
                    systems[name] = {"skipped": str(error)}
            print(data, name, systems[name], flush=True)
        command = ["python", "-m", "benchmarks.peers.curves", *repeatable(data, args)]
        results[data] = {
            "machine": machine(args.n_jobs),
            "clock": args.clock,
            "command": shlex.join(command),
            "systems": systems,
        }
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(json.dumps(results, indent=1) + "\n")
        report.with_suffix(".md").write_text(table(results))
        picture(results, report.with_suffix(".png"))
    print(table(results))


def repeatable(data, args):
    """Return the arguments that matter for a data set."""
    yield from sources(data, args)
    yield from ("--every", str(args.every), "--n-jobs", str(args.n_jobs))
    yield from ("--clock", args.clock, "--timeout", f"{args.timeout:g}")
    if args.systems != [*WATCHED, *REPEATED]:
        yield from ("--systems", *args.systems)


def curves(found):
    """Return the curves of the systems that have one, by name."""
    return {name: each["curve"] for name, each in found["systems"].items() if "curve" in each}


def first_below(curve, clock, target):
    """Return the first time at which a curve is at or below a divergence, or None."""
    pairs = zip(curve[clock], curve["kl_divergence"], strict=True)
    return next((seconds for seconds, error in pairs if error <= target), None)


def table(results):
    """Return the results as Markdown."""
    lines = []
    for data, found in results.items():
        clock, by_name = found["clock"], curves(found)
        target = by_name["tsnekit"]["kl_divergence"][-1] if "tsnekit" in by_name else None
        lines += [f"### {TITLES[data]}", ""]
        head = "" if target is None else f" to KL {target:.3f}"
        lines += [
            f"| system | version | seconds | KL | 10 neighbors kept | seconds{head} |",
            "|---|---|---:|---:|---:|---:|",
        ]
        for name, curve in by_name.items():
            reached = None if target is None else first_below(curve, clock, target)
            lines.append(
                f"| {name} | {found['systems'][name]['version']} | {curve[clock][-1]:.2f} "
                f"| {curve['kl_divergence'][-1]:.3f} | {curve['neighbors_kept'][-1]:.3f} "
                f"| {'not reached' if reached is None else f'{reached:.2f}'} |"
            )
        lines.append("")
        skipped = {n: s["skipped"] for n, s in found["systems"].items() if "skipped" in s}
        lines += [f"- {name}: not measured, {reason}" for name, reason in skipped.items()]
        lines += [""] * bool(skipped)
        m = found["machine"]
        lines += [
            f"{CLOCKS[clock].capitalize()}, of whole runs, neighbors included, each in its own "
            f"process, with {m['threads used']} threads on {m['processor']} "
            f"({m['processors']} processors, {m['instruction set']}), {m['platform']}, "
            f"Python {m['python']}. "
            f"To repeat it: `{found['command']}`.",
            "",
        ]
    return "\n".join(lines)


def picture(results, path):
    """Draw the divergence, and the neighbors kept, over time."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, axes = plt.subplots(
        len(results), 2, figsize=(11, 4 * len(results)), squeeze=False, layout="constrained"
    )
    for row, (data, found) in zip(axes, results.items(), strict=True):
        for ax, what in zip(row, ("kl_divergence", "neighbors_kept"), strict=True):
            for name, curve in curves(found).items():
                color = COLORS[name]
                ax.plot(curve[found["clock"]], curve[what], ".-", ms=4, color=color, label=name)
            ax.set_xscale("log")
            ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.xaxis.set_major_formatter("{x:g}")
            ax.xaxis.set_minor_formatter(NullFormatter())
            ax.set_title(TITLES[data], loc="left", fontsize=10)
            ax.spines[["top", "right"]].set_visible(False)
            ax.set_xlabel(CLOCKS[found["clock"]])
        best = min(min(curve["kl_divergence"]) for curve in curves(found).values())
        row[0].set(ylabel="KL divergence", ylim=(0.97 * best, 1.5 * best))
        row[1].set(ylabel="10 neighbors kept")
        row[0].legend(frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
