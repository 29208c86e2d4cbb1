"""``tsnekit embed`` on a Dask cluster: one that runs, or one on this machine."""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsnekit.cli._options import integer

if TYPE_CHECKING:
    from tsnekit.cli._read import Data

__all__ = ["add_cluster", "is_on_cluster", "model_on_cluster", "open_input", "started_cluster"]

NOT_ON_A_CLUSTER: dict[str, Any] = {
    "transpose": False,
    "use_rep": None,
    "n_pcs": None,
    "layer": None,
    "header": None,
    "index": None,
    "missing": "error",
    "label_column": None,
    "transform": None,
    "scale": None,
    "pca": None,
    "report": None,
}
"""Options that need all rows in one place, and their defaults."""

OF_PARQUET: dict[str, Any] = {"columns": None, "drop": ()}


def add_cluster(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where a map is computed."""
    cluster = parser.add_argument_group(
        "cluster",
        "INPUT is then a .zarr, .parquet or .npy file or folder that every worker can read.",
    ).add_mutually_exclusive_group()
    cluster.add_argument(
        "--scheduler", metavar="ADDRESS", help="use a Dask cluster, such as tcp://10.0.0.1:8786"
    )
    cluster.add_argument(
        "--workers",
        type=integer,
        metavar="N",
        help="use N processes of this machine; --memory-limit is then that of each",
    )


def is_on_cluster(args: argparse.Namespace) -> bool:
    """Return whether the map is computed by a cluster, and check the options for it.

    Raises
    ------
    ValueError
        If a cluster does not have an option that was given.
    """
    if args.scheduler is None and args.workers is None:
        return False
    wanted = f"--{'workers' if args.scheduler is None else 'scheduler'}"
    if args.workers is not None and args.workers < 1:
        raise ValueError(f"--workers must be at least 1, got {args.workers}")
    if args.scheduler is not None and hasattr(args, "memory_limit"):
        raise ValueError(
            "--memory-limit is for --workers; the workers of --scheduler have limits of their own"
        )
    kind = Path(args.input.rstrip("/")).suffix.lower()
    refused = dict(NOT_ON_A_CLUSTER)
    refused |= {} if kind == ".parquet" else OF_PARQUET
    refused |= {} if kind == ".zarr" else {"key": None}
    for name, default in refused.items():
        if getattr(args, name) != default:
            option = f"--{name.replace('_', '-')}"
            raise ValueError(f"{option} cannot be used with {wanted} and {kind or 'this'} input")
    return True


@contextlib.contextmanager
def started_cluster(args: argparse.Namespace) -> Iterator[Any]:
    """Connect to a cluster, or start one on this machine, and end what was started.

    Yields
    ------
    distributed.Client

    Raises
    ------
    ValueError
        If Dask is not installed.
    OSError
        If there is no scheduler at the address.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise ValueError(
            "--scheduler and --workers need Dask: pip install 'tsnekit[dask]'"
        ) from None
    if args.scheduler is not None:
        with Client(args.scheduler, set_as_default=False) as client:
            yield client
        return
    from joblib import cpu_count

    limit = getattr(args, "memory_limit", None)
    with (
        LocalCluster(
            n_workers=args.workers,
            threads_per_worker=max(1, cpu_count() // args.workers),
            memory_limit="auto" if limit is None else limit,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.ERROR,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        _leave_ctrl_c_to_this_process(client)
        yield client


def _leave_ctrl_c_to_this_process(client: Any) -> None:
    """Let workers of this machine, to which the terminal also sends Ctrl-C, ignore it.

    They are then there to return the map as it is.
    """
    from distributed import WorkerPlugin

    class Deaf(WorkerPlugin):
        def setup(self, worker: Any) -> None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    client.register_plugin(Deaf(), name="tsnekit-ignore-ctrl-c")


def open_input(args: argparse.Namespace, client: Any) -> Data:
    """Open the data as a dask collection, and read its labels."""
    from tsnekit.cli._read import Data, read_labels
    from tsnekit.dask._rows import open_rows, rows_of

    X = open_rows(args.input, component=args.key)
    names = list(getattr(X, "columns", ()))
    if args.columns is not None or args.drop:
        for name in (*(args.columns or ()), *args.drop):
            if name not in names:
                raise ValueError(f"{args.input} has no column {name!r}")
        names = [name for name in args.columns or names if name not in args.drop]
        X = X[names]
    if args.labels is None:
        return Data(X, names=names or None)
    n = rows_of(X, client).n_samples
    labels, notes = read_labels(args.labels, Data(_Counted(n)))
    return Data(X, labels, names=names or None, notes=notes)


class _Counted:
    """Data of which only the number of rows is known."""

    def __init__(self, n_samples: int) -> None:
        self.shape = (n_samples, 0)


def model_on_cluster(client: Any, args: argparse.Namespace, **parameters: Any) -> Any:
    """Return the model that fits on a cluster."""
    from tsnekit.dask._facade import TSNE

    if args.workers is not None:
        parameters.pop("memory_limit", None)  # that of each worker
    return TSNE(client, **parameters)
