"""Shared by the benchmarks: maps, affinities and data, made from a seed."""

import functools
import os

import numpy as np
import scipy.sparse

from tsnekit._backends.registry import default_registry
from tsnekit.interfaces import SparseAffinities

N_JOBS = 2

MAX_ROWS = int(os.environ.get("TSNEKIT_BENCH_MAX_ROWS", "1_000_000"))
"""Most rows that a benchmark uses. Set a smaller number for a quick look."""


def names(point):
    """Names of the registered backends of an extension point."""
    return [found.spec.name for found in default_registry().all(point)]


def spec(point, name):
    return default_registry().get(point, name).spec


def skip_beyond(limit, n):
    """Tell asv to skip a benchmark with more rows than the limit or `MAX_ROWS`."""
    if n > min(limit, MAX_ROWS):
        raise NotImplementedError(f"{n} rows are more than are measured")


@functools.lru_cache(maxsize=2)
def synthetic_map(n, d, *, early=False):
    """Positions like those of a map: clusters, as wide as a map of n points."""
    rng = np.random.default_rng(n + d)
    n_clusters = 12
    width = 1e-4 if early else 0.4 * n ** (1 / 2)
    centers = rng.uniform(-0.5, 0.5, size=(n_clusters, d))
    points = centers[rng.integers(n_clusters, size=n)] + rng.normal(size=(n, d)) * 0.07
    return np.ascontiguousarray(points * width, dtype=np.float32)


@functools.lru_cache(maxsize=1)
def synthetic_affinities(n, k=60):
    """A symmetric P whose rows have about k to 2 k neighbors with near indices."""
    rng = np.random.default_rng(n)
    offsets = rng.integers(1, max(2, min(n - 1, 20 * k)), size=(n, min(k, n - 1)))
    columns = (np.arange(n)[:, None] + offsets) % n
    rows = np.repeat(np.arange(n), columns.shape[1])
    values = rng.random(columns.size, dtype=np.float32)
    P = scipy.sparse.csr_matrix((values, (rows, columns.ravel())), shape=(n, n))
    P = (P + P.T).tocsr()
    P.sort_indices()
    data = (P.data / P.data.sum(dtype=np.float64)).astype(np.float32)
    return SparseAffinities(P.indptr.astype(np.int64), P.indices.astype(np.int32), data, (n, n))


@functools.lru_cache(maxsize=2)
def synthetic_data(n, p=50):
    """Rows from a mixture of twelve Gaussians that lie in ten of the dimensions."""
    rng = np.random.default_rng(n)
    latent = rng.normal(size=(12, 10))[rng.integers(12, size=n)] * 4 + rng.normal(size=(n, 10))
    noise = rng.normal(size=(n, p)) * 0.1
    return (latent @ rng.normal(size=(10, p)) + noise).astype(np.float32)


@functools.lru_cache(maxsize=1)
def digits():
    from sklearn.datasets import load_digits

    return load_digits().data.astype(np.float32)
