"""Fit many times, and check that the memory of the process does not grow.

``python tests/fuzz/leaks.py 1000`` prints the resident memory after a warm-up and after 1,000 fits,
and fails if it grew. The fits use every built-in method, every initializer and several searches.
Each map is also transformed, extended and pickled, and some calls fail on purpose.
"""

import contextlib
import ctypes
import gc
import itertools
import pickle
import sys
import warnings
from pathlib import Path

import numpy as np

from tsnekit import TSNE

WARM_UP = 96
ALLOWED = 4_000_000
QUICK = {"perplexity": 5, "early_exaggeration_iter": 3, "n_iter": 4, "random_state": 0, "n_jobs": 2}


def resident():
    """Return the memory of this process that is in use, in bytes."""
    gc.collect()
    # Memory that the allocator keeps for later is not a leak. It varies by tens of megabytes.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    fields = Path("/proc/self/status").read_text().split("VmRSS:")
    return int(fields[1].split()[0]) * 1024


def kinds():
    methods = ["mesh", "fft", "barnes_hut", "exact"]
    initializations = ["pca", "spectral", "random"]
    searches = ["exact", "annoy", "hnsw", "forest"]
    return itertools.cycle(itertools.product(methods, initializations, searches))


def fit(X, method, initialization, neighbors):
    def fail(iteration, error, embedding):
        raise RuntimeError

    options = QUICK | {"initialization": initialization, "neighbors": neighbors}
    embedding = TSNE(**options, negative_gradient_method=method).fit(X)
    embedding.transform(X[:5], n_iter=3)
    embedding.extend(X[:5], n_iter=3)
    pickle.loads(pickle.dumps(embedding))
    with contextlib.suppress(RuntimeError):
        embedding.optimize(5, callbacks=fail, callbacks_every_iters=2)
    with contextlib.suppress(ValueError):
        TSNE(**options).fit(np.full((9, 2), np.nan))


def main(n_fits):
    warnings.simplefilter("ignore")
    X = np.random.default_rng(0).normal(size=(200, 6))
    order = kinds()
    for _ in range(WARM_UP):
        fit(X, *next(order))
    before = resident()
    for _ in range(n_fits):
        fit(X, *next(order))
    after = resident()
    print(f"{before / 1e6:.1f} MB before, {after / 1e6:.1f} MB after {n_fits} fits")
    return after - before > ALLOWED


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
