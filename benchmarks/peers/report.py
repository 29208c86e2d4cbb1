"""The report of a comparison: JSON, a table and a picture."""

import json
import os
import platform
from pathlib import Path
from statistics import median

TITLES = {
    "digits": "digits, 1,797 x 64",
    "mnist": "MNIST, 70,000 x 50",
    "million": "synthetic, 1,000,000 x 50",
}


def machine(n_jobs):
    """The machine and its settings, on which the numbers depend."""
    from tsnekit._native.system import instruction_set

    return {
        "processor": processor(),
        "processors": os.cpu_count(),
        "threads used": n_jobs,
        "instruction set": instruction_set(),
        "platform": platform.platform(terse=True),
        "python": platform.python_version(),
    }


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def summary(runs):
    """Medians of the runs of one system on one data set."""
    names = ("seconds", "megabytes", "kl_divergence", "neighbors_kept")
    return {name: median(run[name] for run in runs) for name in names} | {"runs": len(runs)}


def earlier(folder):
    """Return the results in a folder, by data set."""
    try:
        return json.loads((Path(folder) / "peers.json").read_text())
    except FileNotFoundError:
        return {}


def write(results, folder):
    """Write peers.json, peers.md and peers.png into a folder."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "peers.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "peers.md").write_text(table(results))
    picture(results, folder / "peers.png")


def in_order(results):
    """Return the data sets with results, from small to large."""
    return [(data, results[data]) for data in TITLES if data in results]


def table(results):
    """Return the results as Markdown."""
    lines = []
    for data, found in in_order(results):
        systems = found["systems"]
        lines += [f"### {TITLES[data]}", ""]
        lines += [
            "| system | version | seconds | times tsnekit's | KL | 10 neighbors kept | peak MB |",
            "|---|---|---:|---:|---:|---:|---:|",
        ]
        base = systems.get("tsnekit", {}).get("median", {}).get("seconds")
        measured = [item for item in systems.items() if "median" in item[1]]
        for name, system in sorted(measured, key=lambda item: item[1]["median"]["seconds"]):
            m = system["median"]
            ratio = f"{m['seconds'] / base:.1f}" if base else ""
            lines.append(
                f"| {name} | {system['version']} | {m['seconds']:.2f} | {ratio} "
                f"| {m['kl_divergence']:.3f} | {m['neighbors_kept']:.3f} | {m['megabytes']:.0f} |"
            )
        lines.append("")
        skipped = {name: each["skipped"] for name, each in systems.items() if "skipped" in each}
        lines += [f"- {name}: not measured, {reason}" for name, reason in skipped.items()]
        lines += [""] * bool(skipped)
        lines += [f"{conditions(found)} To repeat it: `{found['command']}`.", ""]
    return "\n".join(lines)


def conditions(found):
    m = found["machine"]
    n = found["repeats"]
    runs = "One run of each" if n == 1 else f"Medians of {n} alternating runs, each"
    return (
        f"{runs} in its own process, with {m['threads used']} threads on {m['processor']} "
        f"({m['processors']} processors, {m['instruction set']}), {m['platform']}, "
        f"Python {m['python']}."
    )


def shown(seconds):
    return f"{seconds:.3g}" if seconds < 1000 else f"{seconds:,.0f}"


def picture(results, path):
    """Draw the times as bars, each data set on an axis of its own, with the KL divergences."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    bars_of = {
        data: sorted(
            ((name, m["median"]) for name, m in found["systems"].items() if "median" in m),
            key=lambda item: -item[1]["seconds"],
        )
        for data, found in in_order(results)
    }
    heights = [max(1, len(rows)) for rows in bars_of.values()]
    figure, axes = plt.subplots(
        len(bars_of),
        1,
        figsize=(8, 1.2 + 0.42 * sum(heights)),
        squeeze=False,
        layout="constrained",
        height_ratios=heights,
    )
    for ax, (data, rows) in zip(axes[:, 0], bars_of.items(), strict=True):
        colors = ["#0b6e5f" if name.startswith("tsnekit") else "#b9c4c9" for name, _ in rows]
        bars = ax.barh([name for name, _ in rows], [m["seconds"] for _, m in rows], color=colors)
        labels = [f"{shown(m['seconds'])} s, KL {m['kl_divergence']:.3f}" for _, m in rows]
        ax.bar_label(bars, labels, padding=4, fontsize=9)
        ax.set_xlim(right=ax.get_xlim()[1] * 1.3)
        ax.set_title(TITLES[data], loc="left", fontsize=10)
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(left=False)
    axes[-1, 0].set_xlabel("seconds")
    figure.savefig(path, dpi=150)
    plt.close(figure)
