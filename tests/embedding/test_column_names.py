"""New rows are refused unless they have the columns of the fitted table, in the same order."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

import tsnekit
from tsnekit import TSNE
from tsnekit.affinity import PerplexityBasedNN

NAMES = ["mass", "length", "width"]
X = np.random.default_rng(0).normal(size=(60, 3)) * [100, 10, 1]


@pytest.fixture(params=[pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def frame(request):
    def frame(X, names=NAMES):
        return request.param(dict(zip(names, X.T, strict=True)))

    return frame


def fit(table):
    return TSNE(perplexity=5, n_iter=20, early_exaggeration_iter=20, random_state=0).fit(table)


@pytest.mark.parametrize("restored", [False, True])
def test_transform_and_extend(frame, tmp_path, restored):
    embedding = fit(frame(X[:50]))
    if restored:
        embedding.save(tmp_path / "map.tsnekit")
        embedding = tsnekit.load(tmp_path / "map.tsnekit")
    new, swapped = frame(X[50:]), frame(X[50:][:, [0, 2, 1]], ["mass", "width", "length"])
    for use in (
        lambda table: embedding.transform(table, n_iter=5),
        lambda table: embedding.prepare_partial(table),
        lambda table: embedding.extend(table, n_iter=5),
    ):
        with pytest.raises(ValueError, match="column 1 is 'width' instead of 'length'"):
            use(swapped)
        np.testing.assert_array_equal(use(new), use(X[50:]))


def test_affinities_of_new_rows(frame):
    affinities = PerplexityBasedNN(frame(X[:50]), perplexity=5)
    assert affinities.to_new(frame(X[50:]), perplexity=3).shape == (10, 50)
    with pytest.raises(ValueError, match="column 0 is 'width' instead of 'mass'"):
        affinities.to_new(frame(X[50:], NAMES[::-1]), perplexity=3)


def test_other_columns_are_named(frame):
    embedding = fit(frame(X[:50]))
    with pytest.raises(ValueError, match="lacks 'width' and has 'height', which the fitted data"):
        embedding.transform(frame(X[50:], ["mass", "length", "height"]))
    with pytest.raises(ValueError, match="lacks 'width'"):
        embedding.transform(frame(X[50:, :2], NAMES[:2]))


def test_columns_without_names_pass(frame):
    embedding = fit(X[:50])
    expected = np.asarray(embedding.transform(X[50:], n_iter=5))
    np.testing.assert_array_equal(embedding.transform(frame(X[50:]), n_iter=5), expected)
    numbered = fit(pd.DataFrame(X[:50]))
    np.testing.assert_array_equal(numbered.transform(pd.DataFrame(X[50:]), n_iter=5), expected)
