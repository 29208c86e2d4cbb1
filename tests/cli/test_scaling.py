"""Features with different scales are reported, and can be brought to one scale."""

import json

import numpy as np
import pytest
from scipy import sparse

from tsnekit.cli import main
from tsnekit.cli._scaling import dominating_columns, scale_of, scaled, transformed

X = np.random.default_rng(0).gamma(2, size=(40, 4))
NAMES = ["a", "b", "c", "d"]


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("log1p", np.log1p),
        ("arcsinh", np.arcsinh),
        ("arcsinh:150", lambda x: np.arcsinh(x / 150)),
    ],
)
def test_transforms(kind, name, function):
    found = transformed(kind(X), name)
    np.testing.assert_allclose(found.toarray() if sparse.issparse(found) else found, function(X))


@pytest.mark.parametrize("name", ["log", "log1p:2", "arcsinh:", "arcsinh:-1", "arcsinh:x", ""])
def test_unknown_transforms_are_refused(name):
    with pytest.raises(ValueError, match="--transform must be log1p, arcsinh"):
        transformed(X, name)


def test_logarithms_of_values_below_minus_one_are_refused():
    with pytest.raises(ValueError, match="needs values above -1, got -3"):
        transformed(np.array([[-3.0, 1.0]]), "log1p")


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
def test_scales(kind):
    assert scaled(X, *scale_of(X, "none")) is X
    for how, spread in (("standard", np.std), ("robust", lambda x: np.subtract(
        *np.percentile(x, [75, 25])
    ))):  # fmt: skip
        given = kind(X * [1, 10, 100, 1e6])
        found = scaled(given, *scale_of(given, how))
        found = found.toarray() if sparse.issparse(found) else found
        np.testing.assert_allclose([spread(column) for column in found.T], 1)


def test_a_column_without_spread_stays():
    given = np.column_stack([X, np.ones(40)])
    found = scaled(given, *scale_of(given, "standard"))
    assert np.isfinite(found).all()


def test_dominating_columns():
    assert dominating_columns(X, NAMES) is None
    assert "column 'c' has" in dominating_columns(X * [1, 1, 100, 1], NAMES)
    assert "columns 'd' and 'a' have" in dominating_columns(X * [100, 1, 1, 150], NAMES)
    assert dominating_columns(X[:, :2] * [1, 100], NAMES) is None  # every table of two has one
    assert dominating_columns(np.ones((5, 4)), NAMES) is None
    assert "column 'a'" in dominating_columns(X * [1e200, 1, 1, 1], NAMES)


def test_from_the_command_line(tmp_path, capsys):
    path = tmp_path / "t.csv"
    np.savetxt(path, X * [1, 1, 1, 1000], delimiter=",", header=",".join(NAMES), comments="")
    quick = ["--perplexity=5", "--n-iter=20", "--early-exaggeration-iter=20", "--quiet", "--json"]

    def kl(*arguments):
        assert main(["embed", str(path), *quick, *arguments]) == 0
        shown = capsys.readouterr()
        return json.loads(shown.out)["kl_divergence"], shown.err

    raw, said = kl()
    assert "column 'd' has 100 % of the variance" in said
    for quiet in (["--scale=none"], ["--metric=cosine"]):
        assert kl(*quiet)[1] == ""
    standard, said = kl("--scale", "standard")
    assert said == ""
    assert standard != raw
    assert kl("--transform", "log1p")[0] != raw
