"""The cluster of the tests, and what importing the package loads."""

import subprocess
import sys


def test_workers_are_processes_of_their_own(client):
    import os

    pids = client.run(os.getpid)
    assert len(set(pids.values())) == 2
    assert os.getpid() not in pids.values()


def test_importing_the_package_does_not_import_dask():
    code = "import tsnekit.dask, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"dask", "distributed", "numpy"} & set(done.stdout.split())
