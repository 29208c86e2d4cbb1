"""What several methods keep of the same data: ``python -m benchmarks.methods --output FILE``.

Methods that are not installed are left out: ``pip install umap-learn pacmap`` brings two of them.
"""

import argparse
import importlib.metadata
import importlib.util
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from tsnekit import TSNE
from tsnekit.diagnostics import distance_correlation, neighbors_kept, trustworthiness
from tsnekit.initialization import pca

from .peers.report import processor


def tsne(X, **parameters):
    return TSNE(random_state=0, n_jobs=2, **parameters).fit(X)


def umap(X, **parameters):
    import umap

    return umap.UMAP(random_state=0, **parameters).fit_transform(X)


def pacmap(X, **parameters):
    import pacmap

    return pacmap.PaCMAP(random_state=0, **parameters).fit_transform(X)


METHODS = {
    "principal components": ("tsnekit", lambda X: pca(X, random_state=0)),
    "t-SNE": ("tsnekit", tsne),
    "t-SNE, `perplexity=300`": ("tsnekit", lambda X: tsne(X, perplexity=300)),
    "t-SNE, `exaggeration=4`": ("tsnekit", lambda X: tsne(X, exaggeration=4)),
    "UMAP": ("umap", umap),
    "UMAP, `n_neighbors=90`": ("umap", lambda X: umap(X, n_neighbors=90)),
    "PaCMAP": ("pacmap", pacmap),
    "PaCMAP, `n_neighbors=30`": ("pacmap", lambda X: pacmap(X, n_neighbors=30)),
}
"""The package that each method needs, and the method."""

PACKAGES = {"umap": "umap-learn"}


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.methods", allow_abbrev=False)
    parser.add_argument("--output", help="file for the table, such as docs/benchmarks/methods.md")
    args = parser.parse_args(argv)
    X = load_digits().data
    lines = [
        "| method | neighbors kept | trustworthiness | distance correlation |",
        "|---|---:|---:|---:|",
    ]
    used = []
    for title, (package, method) in METHODS.items():
        if importlib.util.find_spec(package) is None:
            print(f"{title} is left out: {package} is not installed")
            continue
        positions = np.asarray(method(X), dtype=np.float64)
        measures = (neighbors_kept, trustworthiness, distance_correlation)
        kept, trust, distances = (measure(X, positions) for measure in measures)
        lines.append(f"| {title} | {kept:.3f} | {trust:.4f} | {distances:.3f} |")
        print(lines[-1], flush=True)
        name = PACKAGES.get(package, package)
        used.append(f"{name} {importlib.metadata.version(name)}")
    rows = f"{len(X):,} digits of scikit-learn"
    lines += ["", f"{rows}, {', '.join(dict.fromkeys(used))}, on {processor()}.", ""]
    if args.output:
        Path(args.output).write_text("\n".join(lines))


if __name__ == "__main__":
    main()
