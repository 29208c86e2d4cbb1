import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import threadpoolctl

from tsnekit.threads import one_blas_thread, resolve_n_jobs


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


@pytest.mark.parametrize("bad", [1.5, "all", True, [1]])
def test_other_types_are_errors(bad):
    with pytest.raises(TypeError, match="n_jobs must be an integer"):
        resolve_n_jobs(bad)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs CPU affinity")
def test_cpu_affinity_is_honoured():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from tsnekit.threads import one_blas_thread, resolve_n_jobs; print(resolve_n_jobs(-1))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"


def test_ctrl_c_cannot_be_lost_where_blas_is_looked_for(monkeypatch):
    """An exception of a callback from C goes nowhere; Python raises Ctrl-C in the main thread."""
    threads = []

    class Controller(threadpoolctl.ThreadpoolController):
        def __init__(self):
            threads.append(threading.current_thread())
            super().__init__()

    monkeypatch.setattr("threadpoolctl.ThreadpoolController", Controller)
    with one_blas_thread():
        pass
    assert threads
    assert threading.main_thread() not in threads
