"""The map keeps the recall that its search estimates."""

import json

import numpy as np
import pytest

import tsnekit
from tsnekit import TSNE
from tsnekit.cli import main

X = np.random.default_rng(0).normal(size=(1200, 8)).astype(np.float32)
QUICK = {"perplexity": 5, "n_iter": 5, "early_exaggeration_iter": 5, "random_state": 0}


@pytest.mark.parametrize("name", ["annoy", "forest", "hnsw"])
def test_approximate_searches_say_what_they_found(name, tmp_path):
    embedding = TSNE(neighbors=name, **QUICK).fit(X)
    recall = embedding.backends["neighbors"].recall
    exact = TSNE(neighbors="exact", **QUICK).fit(X)
    found, true = (each.affinities.knn_index.graph.indices for each in (embedding, exact))
    share = np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found, true, strict=True)])
    assert 0.95 <= recall <= 1
    assert abs(recall - share) < 0.05
    embedding.save(tmp_path / "map.tsnekit")
    assert tsnekit.load(tmp_path / "map.tsnekit").backends == embedding.backends


def test_a_search_without_an_estimate_has_no_recall():
    backends = TSNE(neighbors="exact", **QUICK).fit(X[:100]).backends
    assert {choice.recall for choice in backends.values()} == {None}


def test_the_command_line_shows_it(tmp_path, capsys):
    np.save(tmp_path / "x.npy", X)
    quick = ["--perplexity=5", "--n-iter=5", "--early-exaggeration-iter=5", "--quiet"]
    assert main(["embed", str(tmp_path / "x.npy"), *quick]) == 0
    assert ", recall 0.9" in (shown := capsys.readouterr().out) or ", recall 1.0" in shown
    assert main(["embed", str(tmp_path / "x.npy"), "--json", *quick]) == 0
    backends = json.loads(capsys.readouterr().out)["backends"]
    assert backends["neighbors"]["recall"] > 0.9
    assert backends["optimizer"]["recall"] is None
