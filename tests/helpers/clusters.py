"""Small clusters of real processes, quick to start and quiet."""

import logging
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = str(Path(__file__).parents[2])


@contextmanager
def started(n_workers, **options):
    """Start workers with one thread each, and give their cluster and a client."""
    # Workers import the modules of the tests by name. They look into the root last, so that they
    # find the installed package first. They get this path from the process that starts them.
    if ROOT not in sys.path:
        sys.path.append(ROOT)
    distributed = pytest.importorskip("distributed", reason="dask and distributed are missing")
    settings = {
        "threads_per_worker": 1,
        "processes": True,
        # A free port, since a port that others use is a warning.
        "dashboard_address": ":0",
        "silence_logs": logging.CRITICAL,
    }
    with (
        distributed.LocalCluster(n_workers=n_workers, **(settings | options)) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield cluster, client
