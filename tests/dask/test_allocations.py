"""An iteration on a worker does not wait for new pages of memory."""

import os
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np
from tsnekit.dask._allocations import kept_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        np.ones(2**16)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = faults()
with kept_memory():
    np.ones(2**16)
    within = faults()
print(before, within, faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc has these settings")
def test_freed_memory_is_kept_for_the_next_arrays_and_no_longer():
    # As Dask's nanny sets it, and read by the C library when the process begins.
    settings = os.environ | {"MALLOC_TRIM_THRESHOLD_": "65536"}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], env=settings, capture_output=True, text=True, check=True
    )
    before, within, after = map(int, done.stdout.split())
    if before < 1000:
        pytest.skip("the C library of this system keeps memory anyhow")
    assert within < 200
    assert after > 1000
