"""Shared by the tests of tsnekit.dask: a small cluster of real processes."""

import pytest

from helpers.blocks import save_affinities
from helpers.clusters import started
from helpers.phases import ROWS


@pytest.fixture(scope="session")
def _session():
    with started(2) as (cluster, client):
        yield cluster, client


@pytest.fixture(scope="session")
def cluster(_session):
    """Two workers, each a process with one thread."""
    return _session[0]


@pytest.fixture
def client(_session):
    """A client of the cluster, with both workers."""
    _session[1].wait_for_workers(2, timeout=300)
    return _session[1]


@pytest.fixture(scope="session")
def digits_affinities(digits, tmp_path_factory):
    """The file with P of some digits, P, and starting positions."""
    path = tmp_path_factory.mktemp("dask") / "affinities.npz"
    return path, *save_affinities(path, digits[0][:ROWS])
