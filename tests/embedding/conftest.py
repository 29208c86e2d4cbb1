"""A fitted map, and rows that are not in the map."""

import numpy as np
import pytest

from tsnekit import TSNE


@pytest.fixture(scope="session")
def data():
    """Six clusters in twelve dimensions: 300 rows of the map, and 60 new ones."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(6, 12)) * 4
    X = centers[np.arange(360) % 6] + rng.normal(size=(360, 12))
    return X[:300].astype(np.float32), X[300:].astype(np.float32)


@pytest.fixture(scope="session")
def fitted(data):
    model = TSNE(n_iter=150, early_exaggeration_iter=100, random_state=0, perplexity=15)
    return model.fit(data[0])


@pytest.fixture
def embedding(fitted):
    return fitted.copy()
