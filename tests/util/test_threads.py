import os
import subprocess
import sys

import numpy as np
import pytest

from tsnekit import TSNE
from tsnekit._util.threads import resolve_n_jobs


def test_positive_numbers_mean_themselves():
    assert resolve_n_jobs(3) == 3
    assert resolve_n_jobs(np.int64(2)) == 2
    assert resolve_n_jobs(None) == 1


def test_fault_17_negative_numbers_count_from_all_processors(monkeypatch):
    monkeypatch.setattr("joblib.cpu_count", lambda: 8)
    assert resolve_n_jobs(-1) == 8
    assert resolve_n_jobs(-2) == 7
    assert resolve_n_jobs(-100) == 1


def test_fault_17_zero_is_an_error():
    with pytest.raises(ValueError, match="n_jobs=0"):
        resolve_n_jobs(0)


@pytest.mark.parametrize("n_jobs", [2**31, 2**31 - 1, 2**70, 65_537])
def test_numbers_of_threads_that_no_machine_has_are_errors(n_jobs):
    with pytest.raises(ValueError, match=f"n_jobs must be at most 65,536, got {n_jobs}"):
        resolve_n_jobs(n_jobs)
    with pytest.raises(ValueError, match="n_jobs must be at most"):
        TSNE(n_jobs=n_jobs).fit(np.zeros((20, 2)))


@pytest.mark.parametrize("bad", [1.5, "all", True, [1], np.timedelta64(2, "s")])
def test_other_types_are_errors(bad):
    with pytest.raises(TypeError, match="n_jobs must be an integer"):
        resolve_n_jobs(bad)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs CPU affinity")
def test_cpu_affinity_is_honoured():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from tsnekit._util.threads import resolve_n_jobs; print(resolve_n_jobs(-1))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"
