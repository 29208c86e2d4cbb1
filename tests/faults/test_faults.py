"""Tests of some faults of other packages, and the check that every known fault has a test.

A test named ``test_fault_<number>_...`` is about the fault of that number in the list of faults.
`mutations.py` puts each fault back and checks that its tests notice. It does the same for the
faults that this package had. The other files hold the two lists.
"""

import importlib
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

import tsnekit
from tsnekit.affinity._matrix import conditional_affinities, joint_affinities

FAULTS = set(range(1, 37))
HERE = Path(__file__).parent


@pytest.fixture
def mutations(monkeypatch):
    monkeypatch.syspath_prepend(HERE)  # as it is where the script runs
    return importlib.import_module("mutations")


def test_every_fault_has_a_test():
    named = set()
    for path in HERE.parent.rglob("test_*.py"):
        named |= {int(number) for number in re.findall(r"def test_fault_(\d+)_", path.read_text())}
    assert named == FAULTS


def test_every_fault_of_this_package_has_its_tests(mutations):
    titles = [mutation.title for mutation in mutations.OWN]
    assert len(set(titles)) == len(titles)
    for mutation in mutations.OWN:
        assert mutation.instance, mutation
        assert mutation.tests, mutation
        for test in mutation.tests:
            file, *_, name = test.split("::")
            assert f"def {name.partition('[')[0]}(" in (HERE.parent / file).read_text(), test


def test_every_fault_can_be_put_back(mutations):
    assert {mutation.fault for mutation in mutations.MUTATIONS} == FAULTS
    for mutation in mutations.MUTATIONS + mutations.OWN:
        text = (HERE.parents[1] / "tsnekit" / mutation.file).read_text()
        assert text.count(mutation.old) == 1, mutation


THREADS = """
import os, numpy as np
from tsnekit.interfaces import RepulsionProblem
from tsnekit.plugins.gradients.mesh import MeshMethod
from tsnekit.affinity._matrix import joint_affinities

def threads():
    return len(os.listdir("/proc/self/task"))
"""

SYMMETRIZATION = """
indices = ((np.arange(9000)[:, None] + np.arange(1, 10)) % 9000).astype(np.int32)
weights = np.full((9000, 9), 1 / 9, np.float32)
before = threads()
joint_affinities(indices, weights, n_jobs=3)
"""

CONVOLUTION = """
Y = (np.random.default_rng(0).normal(size=(500, 2)) * 20).astype(np.float32)
problem = RepulsionProblem(n_samples=len(Y), n_components=2)
repulsion = MeshMethod().plan(problem)
repulsion(Y, np.empty_like(Y))
convolver = repulsion._field._kernel.convolver
convolver._n_jobs = 3
before = threads()
charge = repulsion._field._buffers.lend("charge", repulsion._field._cell_grid.shape.size)
convolver(charge, repulsion._field._fields[:1])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads by /proc")
@pytest.mark.parametrize("work", [SYMMETRIZATION, CONVOLUTION], ids=["symmetrization", "fft"])
def test_fault_19_no_step_is_serial(work):
    code = f"{THREADS}{work}assert threads() == before + 2, (before, threads())"
    subprocess.run([sys.executable, "-I", "-c", code], check=True, timeout=60)


def test_fault_21_positions_in_p_are_64_bits_wide():
    indices = np.array([[1, 2], [0, 2], [0, 1]], dtype=np.int32)
    weights = np.full((3, 2), 0.5, dtype=np.float32)
    for P in (joint_affinities(indices, weights), conditional_affinities(indices, weights, 3)):
        assert P.indptr.dtype == np.int64


def test_fault_21_entries_beyond_2_to_the_31():
    """Rows at the end of a matrix whose other entries are never touched, so take no memory."""
    from tsnekit._native.attraction import attraction_cost, gradient_from_repulsion
    from tsnekit._native.compact import CompactAffinities

    rng = np.random.default_rng(0)
    small = sparse.random(40, 40, 0.3, format="csr", dtype=np.float32, random_state=0)
    small.indptr = small.indptr.astype(np.int64)
    offset = 2**31 + 12345
    try:
        indices = np.zeros(offset + small.nnz, np.int32)
        data = np.zeros(offset + small.nnz, np.float32)
    except MemoryError:
        pytest.skip("the system does not lend memory that is not used")
    indices[offset:], data[offset:] = small.indices, small.data
    large = small.indptr + offset, indices, data
    small = small.indptr, small.indices, small.data
    Y = rng.normal(size=(40, 2)).astype(np.float32)
    order = rng.permutation(40).astype(np.int32)

    def gradient(P):
        out = np.zeros_like(Y)
        gradient_from_repulsion(*P, Y, Y, 1.0, 1.0, np.ones(1), out, 1)
        return out

    def cost(P):
        out = np.zeros(40)
        attraction_cost(*P, Y, Y, 1.0, out, 1)
        return out

    def compact(P):
        copy = CompactAffinities(40, 40, len(small[2]))
        copy.fill(*P, order, order, 1)
        return np.concatenate(copy.arrays())

    for function in (gradient, cost, compact):
        np.testing.assert_array_equal(function(large), function(small))


def test_fault_26_one_row_takes_no_time():
    X = np.random.default_rng(0).normal(size=(2_000, 10)).astype(np.float32)
    model = tsnekit.TSNE(n_iter=50, early_exaggeration_iter=50, random_state=0, neighbors="exact")
    embedding = model.fit(X)
    embedding.transform(X[:1])  # what is prepared, is prepared once
    started = time.process_time()
    embedding.transform(X[:1] + np.float32(0.01))
    assert time.process_time() - started < 1
