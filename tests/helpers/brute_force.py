"""A neighbor search that is plain brute force, and affinities on it."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from tsnekit.affinity import PerplexityBasedNN
from tsnekit.interfaces import NeighborGraph


class BruteForce:
    """A neighbor search that counts how often it searched."""

    def __init__(self):
        self.searches = []

    def fit(self, X, problem):
        self.problem = problem
        self.X = X
        self.tree = NearestNeighbors(metric=problem.metric, algorithm="brute").fit(X)
        return self

    def neighbors(self, k):
        self.searches.append(k)
        distances, indices = self.tree.kneighbors(n_neighbors=k)
        return NeighborGraph(indices.astype(np.int32), distances.astype(np.float32))

    def query(self, X, k):
        distances, indices = self.tree.kneighbors(X, n_neighbors=k)
        return NeighborGraph(indices.astype(np.int32), distances.astype(np.float32))


def brute(X, **options):
    return PerplexityBasedNN(X, **({"perplexity": 10, "method": BruteForce()} | options))
