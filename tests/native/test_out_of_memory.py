"""Native code without memory raises MemoryError, and the process does not end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from native import entry_points

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on the address space"),
    pytest.mark.skipif(
        "libasan" in os.environ.get("LD_PRELOAD", ""),
        reason="AddressSanitizer reserves more address space than the limit allows",
    ),
]

HEADROOM = [0, *(1 << k for k in range(14, 26))]
"""Bytes that the process may still allocate, from none to more than any kernel needs."""

SCRIPT = f"""
import ctypes, resource, sys
libc = ctypes.CDLL(None)
M_MMAP_THRESHOLD = -3
libc.mallopt(M_MMAP_THRESHOLD, 4096)  # no large free blocks that the limit does not see
sys.path.insert(0, {str(Path(__file__).parent)!r})
import entry_points

call = entry_points.call(sys.argv[1])

def used():
    return int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()

_, most = resource.getrlimit(resource.RLIMIT_AS)
outcomes = []
for headroom in {HEADROOM!r}:
    libc.malloc_trim(0)
    resource.setrlimit(resource.RLIMIT_AS, (used() + headroom, most))
    try:
        call()
        outcome = "done"
    except MemoryError:
        outcome = "MemoryError"
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    outcomes.append(outcome)
call()
print(*outcomes)
"""

ALLOCATES = {
    "attraction.gradient_from_repulsion", "compact.CompactAffinities",
    "compact.CompactAffinities.fill", "forest.ProjectionForest",
    "fourier.GridConvolution.__call__", "perplexity.gaussian_weights", "refine.scan_rows",
    "reorder.curve_order", "tree.BarnesHut", "tree.BarnesHut.__call__",
}  # fmt: skip
"""Entry points that need more memory than a process has left below its limit."""


@pytest.mark.parametrize("name", entry_points.NAMES)
def test_no_memory(name):
    run = subprocess.run(
        [sys.executable, "-I", "-c", SCRIPT, name], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, f"ended with {run.returncode}: {run.stderr}"
    outcomes = run.stdout.split()
    assert set(outcomes) <= {"done", "MemoryError"}
    assert outcomes[-1] == "done"
    if name in ALLOCATES:
        assert "MemoryError" in outcomes
