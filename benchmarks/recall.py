"""Recall of approximate searches on data that is hard for them: ``python -m benchmarks.recall``.

Each table has a property that made some search miss neighbors: copies and near copies, rows of
zeros, few values, few or many dimensions, clusters of very different density, text. The true
distances are computed in float64, from a sample of rows to all rows. A neighbor that is as near as
the last true one is a hit. The report has the recall, the recall that the search estimates itself,
and the processor time of all threads. It is Markdown.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.spatial.distance import cdist

from tsnekit.errors import ConvergenceWarning
from tsnekit.interfaces import SearchProblem

from .common import spec
from .peers.report import processor

SEARCHES = {"annoy": {}, "forest": {}, "hnsw": {}, "pynndescent": {"min_rows": 0}}
SAMPLED_ROWS = 1000


def near_copies(rng, n, p, group, spread):
    """Rows in groups around random centres; `spread` is one number, or one for each group."""
    centers = rng.normal(size=(n // group, p))
    spread = np.repeat(np.broadcast_to(spread, n // group), group)[:, None]
    return np.repeat(centers, group, axis=0)[:n] + spread * rng.normal(size=(n, p))


def spreads(rng):
    return near_copies(rng, 6000, 50, 15, 10.0 ** rng.uniform(-8, 0, size=400))


def copies(rng):
    """From 1 to 400 copies of a row."""
    counts = np.concatenate([[400, 200, 100, 90, 60], rng.integers(1, 40, size=250)])
    return rng.permutation(np.repeat(rng.normal(size=(len(counts), 20)), counts, axis=0))


def zero_rows(rng):
    X = rng.normal(size=(5000, 32))
    X[rng.choice(5000, 50, replace=False)] = 0
    return X


def quantised(rng):
    return np.round(rng.normal(size=(6000, 8)) * 1.5)


def low_dimension(rng):
    """A surface of two dimensions, bent through 500 features."""
    latent = rng.uniform(-1, 1, size=(5000, 2))
    return np.sin(latent @ rng.normal(size=(2, 500)) * 2 + rng.uniform(0, 6, size=500))


def densities(rng):
    """Twelve clusters, from a radius of 1e-6 to one of 1e5."""
    radii = 10.0 ** np.linspace(-6, 5, 12)
    labels = rng.integers(12, size=6000)
    noise = rng.normal(size=(6000, 20)) * radii[labels, None]
    return (rng.normal(size=(12, 20)) * 10)[labels] + noise


def text(rng):
    """TF-IDF of documents about a few topics each, with words by Zipf's law."""
    n, words, topics = 5000, 3000, 30
    zipf = 1 / np.arange(1, words + 1)
    of_topic = zipf * rng.gamma(0.1, size=(topics, words))
    of_topic /= of_topic.sum(axis=1, keepdims=True)
    mixture = rng.dirichlet(np.full(topics, 0.1), size=n)
    lengths = np.maximum(5, rng.lognormal(4, 0.8, size=n).astype(int))
    counts = sparse.csr_matrix(
        np.array([rng.multinomial(m, p) for m, p in zip(lengths, mixture @ of_topic, strict=True)])
    ).astype(np.float64)
    idf = np.log(n / np.maximum(1, counts.getnnz(axis=0))) + 1
    counts.data = (1 + np.log(counts.data)) * idf[counts.indices]
    return counts


def mixture(rng):
    """Copies, near copies, zeros, noise, a line, and rows far away, in one table."""
    parts = [
        near_copies(rng, 1000, 40, 10, 0.0),
        near_copies(rng, 1000, 40, 20, 1e-4),
        np.zeros((60, 40)),
        rng.normal(size=(1500, 40)),
        rng.uniform(size=(1000, 1)) * rng.normal(size=40),
        rng.normal(size=(500, 40)) * 0.01 + 1000,
    ]
    return rng.permutation(np.concatenate(parts))


TABLES = {
    "near copies, groups of 10": ("cosine", lambda rng: near_copies(rng, 3000, 100, 10, 1e-3)),
    "near copies, groups of 20": ("cosine", lambda rng: near_copies(rng, 3000, 100, 20, 1e-5)),
    "near copies, spreads 1e-8 to 1": ("euclidean", spreads),
    "1 to 400 copies": ("euclidean", copies),
    "1 % rows of zeros": ("cosine", zero_rows),
    "few values": ("euclidean", quantised),
    "2 dimensions in 500 features": ("euclidean", low_dimension),
    "radii 1e-6 to 1e5": ("euclidean", densities),
    "text, TF-IDF": ("cosine", text),
    "all of these": ("euclidean", mixture),
    "near copies, 50,000 rows": (
        "cosine",
        lambda rng: near_copies(rng, 50_000, 100, 10, 1e-3),
    ),
}


class Truth:
    """The distances of a sample of rows to all rows, in float64."""

    def __init__(self, X, metric, n_neighbors):
        X = np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float64)
        if metric == "cosine":
            lengths = np.linalg.norm(X, axis=1, keepdims=True)
            # As in SciPy's place where it has no value: 1 from rows of zeros to all others.
            X = np.hstack([X / np.where(lengths > 0, lengths, 1), lengths == 0])
        n = len(X)
        self.rows = np.unique(np.linspace(0, n - 1, SAMPLED_ROWS, dtype=int))
        self.X = X
        self.kth = {k: np.empty(len(self.rows)) for k in n_neighbors}
        for place, row in enumerate(self.rows):
            distances = cdist(X[[row]], X)[0]
            distances[row] = np.inf
            for k, kth in self.kth.items():
                kth[place] = np.partition(distances, k - 1)[k - 1]

    def recall(self, indices):
        """The share of the lists of the sample that is as near as true neighbors are."""
        k = indices.shape[1]
        hits = 0
        for row, kth in zip(self.rows, self.kth[k], strict=True):
            hits += np.sum(cdist(self.X[[row]], self.X[indices[row]])[0] <= kth * (1 + 1e-6))
        return hits / (k * len(self.rows))


def measure(name, X, metric, k, n_jobs):
    """Search once; return the graph, the estimated recall, the processor time and the warnings."""
    found = spec("neighbors", name)
    given = X if found.sparse or not sparse.issparse(X) else X.toarray()
    problem = SearchProblem(
        n_samples=X.shape[0], n_features=X.shape[1], metric=metric,
        sparse=sparse.issparse(given), n_jobs=n_jobs,
    )  # fmt: skip
    search = found.load()(**SEARCHES[name])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        start = time.process_time()
        graph = search.fit(given, problem).neighbors(k)
        seconds = time.process_time() - start
    warned = [str(each.message) for each in caught if each.category is ConvergenceWarning]
    return graph, search.estimated_recall, seconds, warned


def compare(title, n_neighbors, names, n_jobs):
    """Return the lines of the report on one table."""
    metric, make = TABLES[title]
    X = make(np.random.default_rng(0))
    if sparse.issparse(X):
        size = f"{X.shape[0]:,} x {X.shape[1]}, sparse"
    else:
        size = f"{X.shape[0]:,} x {X.shape[1]}"
    truth = Truth(X, metric, n_neighbors)
    lines = []
    for k in n_neighbors:
        cells = []
        for name in names:
            graph, estimate, seconds, warned = measure(name, X, metric, k, n_jobs)
            mark = " (warns)" if warned else ""
            recall = truth.recall(graph.indices)
            cells.append(f"{recall:.3f} ({estimate:.3f}), {seconds:.2f} s{mark}")
        lines.append(f"| {title} | {size} | {metric} | {k} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return lines


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recall", allow_abbrev=False)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--searches", nargs="+", choices=SEARCHES, default=list(SEARCHES))
    parser.add_argument("--n-neighbors", nargs="+", type=int, default=[15, 90])
    parser.add_argument("--n-jobs", type=int, default=2, help="threads (default: 2)")
    parser.add_argument("--output", help="file for the report, such as docs/benchmarks/recall.md")
    args = parser.parse_args(argv)
    # What compiles when it is first used does so before the clock runs.
    few = np.random.default_rng(0).normal(size=(300, 5))
    for name in args.searches:
        for X, metric in ((few, "euclidean"), (sparse.csr_matrix(few), "cosine")):
            measure(name, X, metric, 5, args.n_jobs)
    promised = [f"{name}, at least {spec('neighbors', name).recall:g}" for name in args.searches]
    lines = [
        f"| table | size | metric | k | {' | '.join(promised)} |",
        "|---|---|---|---:|" + "---:|" * len(promised),
    ]
    for title in args.tables:
        lines += compare(title, args.n_neighbors, args.searches, args.n_jobs)
    lines += [
        "",
        "Each cell has the recall, in parentheses the recall that the search estimates, and the "
        f"processor time of one run. {args.n_jobs} threads on {processor()}.",
        "",
    ]
    if args.output:
        Path(args.output).write_text("\n".join(lines))


if __name__ == "__main__":
    main()
