"""A neighbor search by brute force, and affinities with it."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from helpers.logs import SharedLog
from tsnekit.affinity import PerplexityBasedNN
from tsnekit.interfaces import NeighborGraph


class BruteForce:
    """A neighbor search that records its data and its searches, and those of its copies."""

    def __init__(self):
        self.searches = SharedLog()
        self.data = SharedLog()

    def fit(self, X, problem):
        self.problem = problem
        self.data.append(X)
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
