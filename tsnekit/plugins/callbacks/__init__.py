"""The names of the callbacks of `tsnekit.callbacks`."""

from __future__ import annotations

from collections.abc import Iterable

from tsnekit.hookspecs import hookimpl
from tsnekit.specs import CallbackSpec


@hookimpl
def tsnekit_callbacks() -> Iterable[CallbackSpec]:
    """Yield the built-in callbacks."""
    for name, of, summary in (
        ("stop_on_convergence", "StopOnConvergence", "ends when the divergence hardly falls"),
        ("time_limit", "TimeLimit", "ends after some seconds"),
        ("checkpoint", "Checkpoint", "saves the map to a file"),
        ("error_logger", "ErrorLogger", "logs the divergence and the pace"),
        ("kl_history", "KLHistory", "keeps the divergences"),
        ("snapshots", "Snapshots", "keeps copies of the positions"),
    ):
        yield CallbackSpec(name=name, factory=f"tsnekit.callbacks:{of}", summary=summary)
