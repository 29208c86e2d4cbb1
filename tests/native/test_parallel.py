"""The threads that the kernels share."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from tsnekit.interfaces import RepulsionProblem
from tsnekit.plugins.gradients.mesh import MeshMethod

ROWS = 20_000


def forces(Y, n_jobs):
    problem = RepulsionProblem(n_samples=len(Y), n_components=2, n_jobs=n_jobs)
    out = np.empty_like(Y)
    MeshMethod().plan(problem)(Y, out)
    return out


@pytest.fixture
def points():
    return (np.random.default_rng(0).normal(size=(ROWS, 2)) * 10).astype(np.float32)


def test_more_threads_than_processors_give_the_same_bits(points):
    expected = forces(points, 1)
    for n_jobs in (2, 3, 16):
        np.testing.assert_array_equal(forces(points, n_jobs), expected)


def test_work_from_several_threads_at_once(points):
    expected = forces(points, 1)
    found = [None] * 6

    def run(k):
        for _ in range(5):
            found[k] = forces(points, 2)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in found:
        np.testing.assert_array_equal(result, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test_forked_child_has_threads_of_its_own():
    code = f"""
import os, numpy as np, tsnekit.plugins.gradients.mesh as m
from tsnekit.interfaces import RepulsionProblem
Y = (np.random.default_rng(0).normal(size=({ROWS}, 2)) * 10).astype(np.float32)
def run(n_jobs):
    out = np.empty_like(Y)
    m.MeshMethod().plan(RepulsionProblem(n_samples=len(Y), n_components=2, n_jobs=n_jobs))(Y, out)
    return out
expected = run(2)
child = os.fork()
if child == 0:
    os._exit(0 if np.array_equal(run(2), expected) else 1)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0
assert np.array_equal(run(2), expected)
"""
    subprocess.run([sys.executable, "-I", "-c", code], check=True, timeout=60)


def test_the_process_ends_while_threads_are_idle():
    code = (
        "import numpy as np; from tsnekit._native.update import center;"
        "center(np.ones((50_000, 2), np.float32), np.empty(2), 4)"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True, timeout=60)
