"""Data, and the quality of maps, by the same measures for every system."""

import functools

import numpy as np
from sklearn.neighbors import KDTree

from tsnekit import TSNEEmbedding
from tsnekit._backends.registry import default_registry
from tsnekit.affinity import PerplexityBasedNN
from tsnekit.initialization._principal_components import principal_components
from tsnekit.interfaces import SearchProblem

from ..common import digits, synthetic_data
from .systems import PERPLEXITY

EXACT_UP_TO = 100_000
"""Rows up to which the neighbors are exact."""

ALL_PAIRS_UP_TO = 10_000
"""Rows up to which the normalization of the map is summed over all pairs."""

SAMPLED_ROWS = 10_000
NEIGHBORS = 10


def load(name, mnist=None):
    """Return a data set, float32.

    Raises
    ------
    FileNotFoundError
        If the data is MNIST, and its file does not exist.
    """
    if name == "digits":
        return digits()
    if name == "million":
        return synthetic_data(1_000_000)
    with np.load(mnist or "mnist70k.npz") as file:
        X = file["X"].reshape(len(file["X"]), -1).astype(np.float32) / 255
    return principal_components(X, 50, rng=np.random.RandomState(0)).astype(np.float32)


class Judge:
    """Measures maps of one data set by one P, from the true neighbors if that is feasible."""

    def __init__(self, X, n_jobs):
        self.n_jobs = n_jobs
        self.exact = len(X) <= EXACT_UP_TO
        method = "exact" if self.exact else "hnsw"
        options = {} if self.exact else {"ef_construction": 200, "ef": 200}
        self.affinities = PerplexityBasedNN(
            X,
            perplexity=PERPLEXITY,
            method=method,
            knn_kwargs=options,
            n_jobs=n_jobs,
            random_state=0,
        )
        rng = np.random.default_rng(0)
        n = len(X)
        self.rows = np.sort(rng.choice(n, min(n, SAMPLED_ROWS), replace=False))
        problem = SearchProblem(
            n_samples=n, n_features=X.shape[1], needs_query=True, n_jobs=n_jobs, seed=0
        )
        search = default_registry().get("neighbors", "exact").spec.load()().fit(X, problem)
        found = search.query(X[self.rows], NEIGHBORS + 1).indices
        self.neighbors = without_self(found, self.rows)

    def kl_divergence(self, Y):
        """KL divergence of a map, with Z by all pairs, or for many rows on a fine grid."""
        options = {"negative_gradient_method": "exact"}
        if len(Y) > ALL_PAIRS_UP_TO:
            options = {"negative_gradient_method": "mesh", "gradient_params": {"spacing": 0.25}}
        embedding = TSNEEmbedding(Y, self.affinities, n_jobs=self.n_jobs, **options)
        return float(embedding.kl_divergence)

    def neighbors_kept(self, Y):
        """Share of the nearest neighbors in the data that are also nearest neighbors in the map."""
        found = self.tree(Y.astype(np.float64)).query(
            Y[self.rows].astype(np.float64), NEIGHBORS + 1, return_distance=False
        )
        shared = without_self(found, self.rows)[:, :, None] == self.neighbors[:, None, :]
        return float(shared.any(axis=2).mean())

    tree = staticmethod(functools.partial(KDTree, leaf_size=40))


def without_self(indices, rows):
    """Drop from each list the row that it belongs to, or else its last entry."""
    own = indices == rows[:, None]
    own[~own.any(axis=1), -1] = True
    return indices[~own].reshape(len(indices), -1)
