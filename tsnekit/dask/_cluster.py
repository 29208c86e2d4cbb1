"""The client of a cluster, checked before any work starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsnekit._util.threads import resolve_n_jobs

__all__ = ["check_cluster", "check_versions", "find_client", "threads_of"]

EXACT = {"tsnekit": None, "python": 2, "numpy": 2}
"""Packages whose versions must agree, and how many numbers of the version; None for all of it."""


def find_client(given: Any) -> Any:
    """Return the client to use: the given one, or the current one.

    Raises
    ------
    ImportError
        If distributed is not installed.
    TypeError
        If `given` is neither None nor a client of distributed that waits for its results.
    ValueError
        If there is no client, or it is closed, or the call comes from a task.
    """
    try:
        from distributed import Client, get_worker
    except ImportError as error:
        raise ImportError(
            'tsnekit.dask needs Dask: pip install "tsnekit[dask]"', name=error.name
        ) from error
    try:
        get_worker()
    except ValueError:
        pass  # as it should be
    else:
        raise ValueError(
            "tsnekit.dask cannot be used within a task of a worker: the task would wait for "
            "workers while it occupies one; use it in the program that has the client"
        )
    if given is None:
        try:
            given = Client.current()
        except ValueError:
            raise ValueError(
                "there is no Dask client; make one first, as in client = "
                "distributed.Client('tcp://scheduler:8786') or distributed.Client() for this "
                "machine, or give one as client"
            ) from None
    if not isinstance(given, Client):
        raise TypeError(
            f"client must be a distributed.Client or None, got {type(given).__name__}; the client "
            "of a cluster is distributed.Client(cluster)"
        )
    if given.asynchronous:
        raise TypeError(
            "client must wait for its results, but it is asynchronous; make it with "
            "distributed.Client(address, asynchronous=False)"
        )
    if given.status != "running":
        raise ValueError(f"client is {given.status}; it must be connected to a scheduler")
    return given


def check_cluster(client: Any) -> Mapping[str, int]:
    """Return the number of threads of each worker, by address.

    Raises
    ------
    ValueError
        If there is no worker, or the workers have other versions than the client.
    """
    threads: Mapping[str, int] = client.nthreads()
    if not threads:
        raise ValueError(
            "the cluster has no workers; start some, or wait for them with "
            "client.wait_for_workers(n)"
        )
    check_versions(client.get_versions(packages=list(EXACT.keys() - {"python"})))
    return threads


def check_versions(versions: Mapping[str, Any]) -> None:
    """Check that client and workers have the same versions of what the results depend on.

    Parameters
    ----------
    versions : mapping
        As `distributed.Client.get_versions` returns them.

    Raises
    ------
    ValueError
        If a worker has another version, or does not have the package.
    """
    here = versions["client"]["packages"]
    for address, there in versions["workers"].items():
        for package, length in EXACT.items():
            own = here.get(package)
            # A worker that does not answer has no packages.
            other = (there or {}).get("packages", {}).get(package)
            if _shortened(own, length) != _shortened(other, length):
                raise ValueError(
                    f"client and workers must have the same {package}, but the client has "
                    f"{_shown(own)} and worker {address} has {_shown(other)}; install the same "
                    "environment on both"
                )


def threads_of(n_jobs: int | None, threads: Mapping[str, int]) -> int:
    """Return the number of threads that `n_jobs` means on every worker.

    Negative numbers count the threads that Dask gave the smallest worker, not its processors.

    Parameters
    ----------
    n_jobs : int or None
    threads : mapping of str to int
        What `check_cluster` returned.

    Raises
    ------
    TypeError, ValueError
        If `n_jobs` is not valid.
    """
    resolved = resolve_n_jobs(n_jobs)
    if n_jobs is None or n_jobs > 0:
        return resolved
    return max(1, min(threads.values()) + 1 + int(n_jobs))


def _shortened(version: str | None, length: int | None) -> Any:
    return None if version is None else version.split(".")[:length]


def _shown(version: str | None) -> str:
    return "none" if version is None else version.removesuffix(".final.0")
