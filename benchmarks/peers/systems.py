"""The systems that are compared, and the process that runs one of them once.

This file is run as a script, by an interpreter that has the system and may not have tsnekit. It
only imports NumPy and the system itself. All systems do 250 + 500 iterations with perplexity 30,
except tsnekit with its schedule that converges. Their other parameters have the defaults, unless
the name says otherwise.
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


def scikit_learn(n_jobs, seed, max_iter=EARLY + LATE):
    from sklearn.manifold import TSNE

    return TSNE(max_iter=max_iter, n_jobs=n_jobs, random_state=seed).fit_transform


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
    "tsnekit, converge": (
        "tsnekit",
        tsnekit,
        {"schedule": "converge", "neighbors": "fastest"},
    ),
    "openTSNE": ("openTSNE", open_tsne, {}),
    "openTSNE, hnsw": ("openTSNE", open_tsne, {"neighbors": "hnsw"}),
    "scikit-learn": ("scikit-learn", scikit_learn, {}),
    "manifolds-rs, fft, hnsw": ("manifolds-rs", manifolds_rs, {"approx": "fft", "ann": "hnsw"}),
    "tsne-h2pack": ("tsne-h2pack", tsne_h2pack, {}),
}
"""The distribution, how its model is built, and options, by the name in the tables."""


class Watch:
    """A callback of tsnekit and openTSNE that keeps maps, and the time that each took.

    The time in which it keeps them does not count.
    """

    def __init__(self):
        self.maps, self.seconds, self.processor_seconds = [], [], []
        self.started, self.paused = self.clocks(), (0.0, 0.0)

    def clocks(self):
        return time.perf_counter(), time.process_time()

    def __call__(self, iteration, error, embedding):
        import numpy as np

        before = self.clocks()
        wall, processor = (
            now - start - paused
            for now, start, paused in zip(before, self.started, self.paused, strict=True)
        )
        self.maps.append(np.array(embedding, dtype=np.float32))
        self.seconds.append(wall)
        self.processor_seconds.append(processor)
        self.paused = tuple(
            paused + now - then
            for paused, now, then in zip(self.paused, self.clocks(), before, strict=True)
        )


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
    parser.add_argument("--options", type=json.loads, default={}, help="more options, as JSON")
    parser.add_argument("--watch", type=int, metavar="N", help="save the map every N iterations")
    args = parser.parse_args()
    distribution, build, options = SYSTEMS[args.system]
    watch = Watch()
    options |= args.options
    if args.watch:
        options |= {"callbacks": watch, "callbacks_every_iters": args.watch}
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
            watch.started = watch.clocks()
            Y = np.asarray(fit(X))
            watch(None, None, Y)
            facts["seconds"] = watch.seconds[-1]
            facts["processor seconds"] = watch.processor_seconds[-1]
            facts["megabytes"] = peak_megabytes()
            if args.watch:
                facts["after"] = {"wall": watch.seconds, "processor": watch.processor_seconds}
            np.save(args.map, np.stack(watch.maps) if args.watch else watch.maps[-1])
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()
    # The result is written. Some systems hang or report errors when the interpreter ends.
    os._exit(0)


if __name__ == "__main__":
    main()
