"""Fit the constants of `tsnekit.plugins.neighbors._cost` to this machine.

``python -m benchmarks.fit_neighbor_costs`` measures the processor time of each search on one
thread, over a grid of rows, features and neighbors. It prints the constants with the least relative
error, and the range of the errors. The benchmarks use the same data.
"""

import itertools
import time

import numpy as np
from scipy.optimize import nnls

from tsnekit.interfaces import SearchProblem
from tsnekit.plugins.neighbors import _cost as cost

from .common import spec, synthetic_data

ROWS, FEATURES, NEIGHBORS = (4_000, 12_000, 36_000), (20, 50, 784), (15, 90)


def measure(name, n, p, k):
    X = synthetic_data(n, p)
    problem = SearchProblem(n_samples=n, n_features=p, n_jobs=1)
    start = time.process_time()
    spec("neighbors", name).load()().fit(X, problem).neighbors(k)
    return time.process_time() - start, problem


def main():
    for name in cost.TERMS:
        rows, seconds = [], []
        for n, p, k in itertools.product(ROWS, FEATURES, NEIGHBORS):
            taken, problem = measure(name, n, p, k)
            rows.append([term for part in cost.TERMS[name](problem, k) for term in part])
            seconds.append(taken)
        weighted = np.array(rows) / np.array(seconds)[:, None]
        constants, _ = nnls(weighted, np.ones(len(seconds)))
        off = weighted @ constants
        print(name, [float(f"{value:.2g}") for value in constants])
        print(f"  expected / measured: {off.min():.2f} to {off.max():.2f}")


if __name__ == "__main__":
    main()
