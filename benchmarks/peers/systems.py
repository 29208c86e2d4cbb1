"""The systems that are compared, and the process that runs one of them once.

This file is run as a script, by an interpreter that has the system and may not have tsnekit. It
only imports NumPy and the system itself. All systems do 250 + 500 iterations with perplexity 30.
Their other parameters have the defaults, unless the name says otherwise.
"""

import argparse
import contextlib
import json
import os
import sys
import time
from importlib import metadata

PERPLEXITY, EARLY, LATE = 30, 250, 500


def tsnekit(n_jobs, seed, **options):
    from tsnekit import TSNE

    return TSNE(n_jobs=n_jobs, random_state=seed, **options).fit


def open_tsne(n_jobs, seed, **options):
    from openTSNE import TSNE

    return TSNE(n_jobs=n_jobs, random_state=seed, **options).fit


def scikit_learn(n_jobs, seed):
    from sklearn.manifold import TSNE

    return TSNE(max_iter=EARLY + LATE, n_jobs=n_jobs, random_state=seed).fit_transform


def manifolds_rs(n_jobs, seed, **options):
    from manifolds_rs import TSNE, set_num_threads

    set_num_threads(n_jobs)
    return TSNE(n_epochs=EARLY + LATE, seed=seed, **options).fit_transform


def tsne_h2pack(n_jobs, seed):
    from tsne_h2pack import TSNE

    return TSNE(max_iter=EARLY + LATE, n_jobs=n_jobs, random_state=seed).fit_transform


SYSTEMS = {
    "tsnekit": ("tsnekit", tsnekit, {}),
    "tsnekit, fastest": ("tsnekit", tsnekit, {"neighbors": "fastest"}),
    "tsnekit, hnsw": ("tsnekit", tsnekit, {"neighbors": "hnsw"}),
    "openTSNE": ("openTSNE", open_tsne, {}),
    "openTSNE, hnsw": ("openTSNE", open_tsne, {"neighbors": "hnsw"}),
    "scikit-learn": ("scikit-learn", scikit_learn, {}),
    "manifolds-rs, fft, hnsw": ("manifolds-rs", manifolds_rs, {"approx": "fft", "ann": "hnsw"}),
    "tsne-h2pack": ("tsne-h2pack", tsne_h2pack, {}),
}
"""The distribution, how its model is built, and options, by the name in the tables."""


def peak_megabytes():
    """Most memory that this process has held, without what its parent had before."""
    try:
        with open("/proc/self/status") as status:
            peak = next(line for line in status if line.startswith("VmHWM:"))
        return int(peak.split()[1]) / 1024
    except (OSError, StopIteration):
        import resource

        unit = 1024**2 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main():
    """Run one system on one data set; print what it took as JSON, save the map."""
    parser = argparse.ArgumentParser()
    parser.add_argument("system", choices=SYSTEMS)
    parser.add_argument("--data", help="a .npy file; without one, only the version is printed")
    parser.add_argument("--map", help="where to save the map, as .npy")
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    distribution, build, options = SYSTEMS[args.system]
    try:
        facts = {"version": metadata.version(distribution)}
    except metadata.PackageNotFoundError:
        sys.exit(f"{distribution} is not installed")
    # Standard output is for the result. What a system prints goes to standard error.
    with contextlib.redirect_stdout(sys.stderr):
        fit = build(args.n_jobs, args.seed, **options)
        if args.data:
            import numpy as np

            X = np.load(args.data)
            facts["megabytes before"] = peak_megabytes()
            start = time.perf_counter()
            Y = np.asarray(fit(X))
            facts["seconds"] = time.perf_counter() - start
            facts["megabytes"] = peak_megabytes()
            np.save(args.map, np.ascontiguousarray(Y, dtype=np.float32))
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()
    # The result is written. Some systems hang or report errors when the interpreter ends.
    os._exit(0)


if __name__ == "__main__":
    main()
