"""Problems for neighbor searches, and the recall of their results."""

import numpy as np
from scipy import sparse

from tsnekit.interfaces import SearchProblem
from tsnekit.plugins.neighbors.exact import ExactSearch


def problem(X, **facts):
    return SearchProblem(
        n_samples=X.shape[0], n_features=X.shape[1], sparse=sparse.issparse(X), **facts
    )


def exact(X, **facts):
    return ExactSearch().fit(X, problem(X, **facts))


def share_found(graph, truth):
    hits = [np.isin(a, b).mean() for a, b in zip(graph.indices, truth.indices, strict=True)]
    return np.mean(hits)


def recall(search, X, k, **facts):
    found = search.fit(X, problem(X, **facts)).neighbors(k)
    return share_found(found, exact(X, **facts).neighbors(k))
