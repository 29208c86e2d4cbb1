"""What ``fastest`` chooses by the expected times of the built-in searches."""

import pytest

from tsnekit._backends.rules import choose_fastest_neighbors
from tsnekit.interfaces import SearchProblem
from tsnekit.plugins.neighbors import tsnekit_neighbor_searches
from tsnekit.plugins.neighbors._cost import exact_seconds

SPECS = {spec.name: spec for spec in tsnekit_neighbor_searches()}


def problem(n, p, metric="euclidean", **facts):
    return SearchProblem(n_samples=n, n_features=p, metric=metric, **facts)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (problem(500, 50), "exact"),
        (problem(70_000, 50), "forest"),
        (problem(1_000_000, 50, "cosine"), "forest"),
        (problem(20_000, 5000, "cosine", sparse=True), "exact"),
        (problem(2_000_000, 500, "cosine", sparse=True), "pynndescent"),
        (problem(30_000, 50, "canberra"), "pynndescent"),
        (problem(3_000, 50, "canberra"), "exact"),
    ],
)
def test_fastest(case, expected):
    pytest.importorskip("pynndescent")
    chosen, _ = choose_fastest_neighbors(case, SPECS)
    assert chosen == expected


def test_products_of_sparse_rows_take_less_than_other_metrics_of_them():
    product, other = (problem(9000, 300, metric, sparse=True) for metric in ("cosine", "manhattan"))
    assert exact_seconds(product, 90) < 0.1 * exact_seconds(other, 90)
