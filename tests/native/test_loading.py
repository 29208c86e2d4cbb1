"""The two ways of loading points in two dimensions bring the same bits."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import hashlib, numpy as np
from tsnekit._native import attraction, system
from tsnekit._native.compact import CompactAffinities

rng = np.random.default_rng(0)
n, found = 300, hashlib.sha256()
lengths = rng.integers(0, 100, n)  # rows that are shorter and longer than a vector
indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
indices = np.concatenate([np.sort(rng.choice(n, k, False)) for k in lengths]).astype(np.int32)
data = rng.random(len(indices)).astype(np.float32)
order = np.arange(n, dtype=np.int32)
compact = CompactAffinities(n, n, len(data))
compact.fill(indptr, indices, data, order, order, 1)
for d in (1, 2, 3, 5):
    Y, repulsion = rng.normal(size=(2, n, d)).astype(np.float32)
    out, cost = repulsion.copy(), np.empty(n)
    attraction.gradient_from_repulsion(indptr, indices, data, Y, Y, 2.0, 3.0, np.ones(1), out, 1)
    attraction.attraction_cost(indptr, indices, data, Y, Y, 2.0, cost, 1)
    compact.gradient_from_repulsion(Y, Y, 2.0, 3.0, 4.0, order, repulsion, 1)
    for each in (out, cost, repulsion):
        found.update(each.tobytes())
print(system.instruction_set(), system.loading(), found.hexdigest())
"""


def outcome(isa, loading):
    environment = {**os.environ, "TSNEKIT_ISA": isa, "TSNEKIT_LOADING": loading}
    run = subprocess.run(
        [sys.executable, "-I", "-c", SCRIPT],
        env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return run.stdout.split()


@pytest.mark.parametrize("isa", ["baseline", "avx2", "avx512"])
def test_both_ways_bring_the_same_bits(isa):
    used, way, bits = outcome(isa, "gather")
    used_too, other_way, other_bits = outcome(isa, "one_by_one")
    assert (way, other_way) == ("gather", "one_by_one")
    assert used == used_too
    assert bits == other_bits


def test_the_faster_way_is_taken_where_none_is_asked_for():
    assert outcome("avx512", "")[1] in {"gather", "one_by_one"}
