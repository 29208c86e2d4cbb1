"""Parameters of metrics are checked wherever they are given, before any work starts."""

import numpy as np
import pytest

from tsnekit import TSNE
from tsnekit.affinity import PerplexityBasedNN
from tsnekit.diagnostics import neighbors_kept

WRONG = [
    ("minkowski", {"p": -1}, ValueError, "p of metric 'minkowski' must be .* got -1"),
    ("p", {"p": 0}, ValueError, "p of metric 'minkowski' must be .* got 0"),
    ("minkowski", {"p": np.nan}, ValueError, "p of metric 'minkowski' must be .* got nan"),
    ("minkowski", {"p": "3"}, ValueError, "p of metric 'minkowski' must be .* got '3'"),
    ("euclidean", {"w": [1.0]}, ValueError, r"w must have shape \(10,\) for 10 .* got \(1,\)"),
    ("seuclidean", {"V": np.ones(2)}, ValueError, r"V must have shape \(10,\)"),
    # SciPy would read past the end of this matrix.
    ("mahalanobis", {"VI": np.eye(2)}, ValueError, r"VI must have shape \(10, 10\)"),
    ("minkowski", {"q": 3}, ValueError, "metric.* cannot be (used|computed)|are not supported"),
    ("minkowski", [3], TypeError, r"metric_params must be a mapping or None, got \[3\]"),
]


def embed(X, metric, params, neighbors):
    TSNE(metric=metric, metric_params=params, neighbors=neighbors, n_iter=1).fit(X)


def find_neighbors(X, metric, params, neighbors):
    PerplexityBasedNN(X, metric=metric, metric_params=params, method=neighbors)


def diagnose(X, metric, params, neighbors):
    neighbors_kept(X, X[:, :2], metric=metric, metric_params=params)


@pytest.mark.parametrize(("metric", "params", "error", "message"), WRONG)
@pytest.mark.parametrize("neighbors", ["auto", "exact", "pynndescent"])
@pytest.mark.parametrize("use", [embed, find_neighbors, diagnose])
def test_wrong_params(blobs, use, neighbors, metric, params, error, message):
    with pytest.raises(error, match=message):
        use(blobs, metric, params, neighbors)
