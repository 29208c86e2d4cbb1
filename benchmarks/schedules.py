"""Ways to a quicker map, on data of many kinds: ``python -m benchmarks.schedules``.

Each way is a set of parameters of TSNE. The ways take turns. The table has medians of processor
time, of the divergence under the P of the first way, of the nearest neighbors kept, of the label
purity, and of the number of classes that are torn.

To see whether a class is torn, its points are joined to those of their nearest neighbors in the map
that are of the same class. The class is torn if this gives several parts, and the second largest
part has more than a twentieth of the points.
"""

import argparse
import json
import time
from pathlib import Path
from statistics import median

import numpy as np

from tsnekit import TSNE, TSNEEmbedding
from tsnekit.diagnostics import neighbors_kept

from .common import N_JOBS
from .peers.report import machine

UNIFORM = {"affinity": "uniform", "affinity_params": {"k_neighbors": 15}}
WAYS = {
    "documented": {},
    "converge": {"schedule": "converge"},
    "uniform, 15": UNIFORM,
    "uniform, 15, converge": UNIFORM | {"schedule": "converge"},
}
NEIGHBORS = 10
TORN = 0.05


def digits():
    from sklearn.datasets import load_digits

    X, labels = load_digits(return_X_y=True)
    return X.astype(np.float32), labels, {}


def mnist(path, n):
    from .peers.judge import load

    X = load("mnist", path)
    with np.load(path) as file:
        labels = file["y"].astype(np.int64)
    rows = np.random.default_rng(0).permutation(len(X))[:n]
    return X[rows], labels[rows], {}


def blobs():
    rng = np.random.default_rng(0)
    labels = rng.integers(40, size=20_000)
    X = (rng.normal(size=(40, 50)) * 2)[labels] + rng.normal(size=(20_000, 50))
    return X.astype(np.float32), labels, {}


def swiss_roll():
    from sklearn.datasets import make_swiss_roll

    X, angle = make_swiss_roll(15_000, random_state=0)
    return X.astype(np.float32), angle.argsort().argsort() * 10 // 15_000, {}


def text():
    """Documents of 25 topics in 5 groups, with Zipf's words, as TF-IDF."""
    import scipy.sparse
    from sklearn.feature_extraction.text import TfidfTransformer

    rng = np.random.default_rng(0)
    n, n_words = 12_000, 8_000
    zipf = 1 / np.arange(1, n_words + 1)
    groups = zipf * rng.gamma(0.5, size=(5, n_words))
    own = zipf * rng.gamma(0.1, size=(25, n_words))
    labels = np.sort(rng.integers(25, size=n))
    counts = rng.integers(40, 200, size=n)
    words = []
    for topic in range(25):
        parts = (0.425, groups[topic % 5]), (0.425, own[topic]), (0.15, zipf)
        mixed = sum(share * part / part.sum() for share, part in parts)
        words.append(rng.choice(n_words, size=counts[labels == topic].sum(), p=mixed / mixed.sum()))
    entries = np.ones(counts.sum()), (np.repeat(np.arange(n), counts), np.concatenate(words))
    X = scipy.sparse.csr_matrix(entries, shape=(n, n_words))
    X = TfidfTransformer(sublinear_tf=True).fit_transform(X).astype(np.float32)
    return X, labels, {"metric": "cosine"}


def ties():
    """Rounded numbers and grades, as of diamonds: many equal rows and equal distances."""
    rng = np.random.default_rng(0)
    n = 20_000
    sizes, shares = [0.3, 0.4, 0.5, 0.7, 0.9, 1, 1.2, 1.5, 2], [20, 10, 12, 14, 8, 16, 8, 8, 4]
    carat = rng.choice(sizes, size=n, p=np.divide(shares, 100)) + abs(rng.normal(size=n)) * 0.02
    grades = [rng.integers(grades, size=n) for grades in (5, 7, 8)]
    table, depth = np.round([57, 61.7] + rng.normal(size=(n, 2)) * [1, 0.7]).T
    X = np.column_stack([carat.round(2), *grades, table, depth])
    return ((X - X.mean(axis=0)) / X.std(axis=0)).astype(np.float32), grades[0], {}


DATA = {
    "digits": digits,
    "MNIST, 10,000": lambda path: mnist(path, 10_000),
    "MNIST, 70,000": lambda path: mnist(path, 70_000),
    "40 blobs, 20,000": blobs,
    "swiss roll, 15,000": swiss_roll,
    "TF-IDF, 12,000": text,
    "ties, 20,000": ties,
}


def label_purity_and_torn(Y, labels):
    """Return the share of neighbors of the same class, and the number of classes that are torn."""
    import scipy.sparse
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    Y = np.asarray(Y, dtype=np.float64)
    neighbors = cKDTree(Y).query(Y, NEIGHBORS + 1)[1][:, 1:]
    rows, columns = np.repeat(np.arange(len(Y)), NEIGHBORS), neighbors.ravel()
    same = labels[rows] == labels[columns]
    edges = np.ones(same.sum()), (rows[same], columns[same])
    _, part = connected_components(scipy.sparse.csr_matrix(edges, shape=(len(Y),) * 2))
    torn = 0
    for label in np.unique(labels):
        sizes = np.sort(np.unique(part[labels == label], return_counts=True)[1])[::-1]
        torn += len(sizes) > 1 and sizes[1] > TORN * sizes.sum()
    return float(same.mean()), int(torn)


def measured(X, labels, options, repeats):
    """Return the medians of each way, by name."""
    runs = {name: [] for name in WAYS}
    P = None
    for repeat in range(repeats):
        for name, way in WAYS.items():
            model = TSNE(n_jobs=N_JOBS, neighbors="fastest", random_state=repeat, **options, **way)
            start = time.process_time()
            embedding = model.fit(X)
            seconds = time.process_time() - start
            P = embedding.affinities if P is None else P
            purity, torn = label_purity_and_torn(embedding, labels)
            early, late = (end.n_iter for end in embedding.endings.values())
            run = {
                "early iterations": early,
                "late iterations": late,
                "processor seconds": seconds,
                "kl_divergence": TSNEEmbedding(embedding, P, n_jobs=N_JOBS).kl_divergence,
                "neighbors_kept": neighbors_kept(X, embedding, **options),
                "label_purity": purity,
                "torn": torn,
            }
            runs[name].append(run)
    return {
        name: {what: round(median(run[what] for run in of_way), 4) for what in of_way[0]}
        for name, of_way in runs.items()
    }


def table(results):
    """Return the results as Markdown."""
    lines = []
    for data, found in results["data"].items():
        lines += [
            f"### {data}",
            "",
            "| parameters | iterations | processor seconds | KL | 10 neighbors kept | label purity "
            "| classes torn |",
            "|---|---:|---:|---:|---:|---:|---:|",
        ]
        lines += [
            f"| {name} | {way['early iterations']:g} + {way['late iterations']:g} "
            f"| {way['processor seconds']:.2f} | {way['kl_divergence']:.3f} "
            f"| {way['neighbors_kept']:.3f} | {way['label_purity']:.3f} | {way['torn']:g} |"
            for name, way in found.items()
        ]
        lines.append("")
    m = results["machine"]
    lines += [
        f"Whole runs, neighbors included, with {m['threads used']} threads on {m['processor']} "
        f"({m['instruction set']}), {m['platform']}, Python {m['python']}; medians of "
        f"{results['repeats']} alternating runs. To repeat it: "
        "`python -m benchmarks.schedules --mnist mnist70k.npz`.",
        "",
    ]
    return "\n".join(lines)


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.schedules", allow_abbrev=False)
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--mnist", metavar="PATH", help="MNIST as .npz with arrays X and y")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each way (default: 3)")
    parser.add_argument("--output", default="docs/benchmarks", help="folder (docs/benchmarks)")
    args = parser.parse_args(argv)
    report = Path(args.output) / "schedules.json"
    results = json.loads(report.read_text()) if report.exists() else {"data": {}}
    results |= {"machine": machine(N_JOBS), "repeats": args.repeats}
    for name in args.data:
        if name.startswith("MNIST") and args.mnist is None:
            print(f"{name} is left out; say where it is with --mnist PATH")
            continue
        given = DATA[name](args.mnist) if name.startswith("MNIST") else DATA[name]()
        results["data"][name] = measured(*given, args.repeats)
        print(name, json.dumps(results["data"][name]), flush=True)
        results["data"] = {each: results["data"][each] for each in DATA if each in results["data"]}
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(json.dumps(results, indent=1) + "\n")
        report.with_suffix(".md").write_text(table(results))
    print(table(results))


if __name__ == "__main__":
    main()
