"""Warnings point at the line of the user, and reasons do not say that a default was asked for."""

import numpy as np
import pytest

from tsnekit import TSNE
from tsnekit.affinity import PerplexityBasedNN, Uniform
from tsnekit.errors import ConvergenceWarning
from tsnekit.sklearn import TSNE as Transformer  # noqa: N811

QUICK = {"early_exaggeration_iter": 2, "n_iter": 2, "random_state": 0}
X = np.random.default_rng(0).normal(size=(20, 3))
EQUAL = np.repeat(np.eye(2), 20, axis=0)

CALLS = {
    "TSNE": (lambda: TSNE(perplexity=30, **QUICK).fit(X), UserWarning),
    "TSNE of scikit-learn": (
        lambda: Transformer(perplexity=30, **QUICK).fit_transform(X),
        UserWarning,
    ),
    "affinities": (lambda: PerplexityBasedNN(X, perplexity=30), UserWarning),
    "equal rows": (lambda: PerplexityBasedNN(EQUAL, perplexity=5), ConvergenceWarning),
    "uniform": (lambda: Uniform(X, k_neighbors=50), UserWarning),
}


@pytest.mark.parametrize("name", CALLS)
def test_warnings_point_at_the_line_that_called(name):
    call, category = CALLS[name]
    with pytest.warns(category) as record:
        call()
    assert {each.filename for each in record} == {__file__}


@pytest.mark.parametrize(
    ("given", "point", "reason"),
    [
        ({}, "optimizer", "the default"),
        ({}, "initialization", "the default"),
        ({}, "affinity", "for one perplexity"),
        ({"perplexity": [2, 4]}, "affinity", "for several perplexities"),
        ({"initialization": "random"}, "initialization", "asked for by name"),
        ({"affinity": "perplexity"}, "affinity", "asked for by name"),
        ({"neighbors": "exact"}, "neighbors", "asked for by name"),
    ],
)
def test_why_a_backend_was_chosen(given, point, reason):
    embedding = TSNE(**{"perplexity": 3} | QUICK | given).fit(X)
    assert embedding.backends[point].reason == reason


def test_why_another_initialization_was_chosen():
    embedding = TSNE(**QUICK).fit(affinities=PerplexityBasedNN(X, perplexity=3))
    reason = embedding.backends["initialization"].reason
    assert reason == "in place of pca, which cannot start from what there is"
    assert embedding.optimize(1).backends["optimizer"].reason == "the default"
