"""Schedules: one word for several parameters of the optimization."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsnekit._util.names import did_you_mean
from tsnekit._util.validation import short_repr

__all__ = ["scheduled"]

DOCUMENTED: Mapping[str, Any] = {
    "early_exaggeration_iter": 250,
    "n_iter": 500,
    "final_momentum": 0.8,
    "fade": 1,
    "optimizer": "momentum",
}
"""The parameters of `tsnekit.TSNE` that a schedule decides, and their defaults."""

SCHEDULES: Mapping[str, Mapping[str, Any]] = {
    "documented": DOCUMENTED,
    "converge": {
        "early_exaggeration_iter": "auto",
        "n_iter": "auto",
        "final_momentum": 0.94,
        "fade": 0.03,
        "optimizer": "accelerated",
    },
}


def scheduled(model: Any) -> dict[str, Any]:
    """Return the parameters that a schedule decides: its own, and those that were given.

    Parameters
    ----------
    model : TSNE
        A parameter that is at its default is the schedule's to decide.

    Raises
    ------
    TypeError, ValueError
        If there is no such schedule.
    """
    name = model.schedule
    if not isinstance(name, str):
        raise TypeError(f"schedule must be a string, got {short_repr(name)}")
    if name not in SCHEDULES:
        known = " or ".join(map(repr, SCHEDULES))
        raise ValueError(f"schedule must be {known}, got {name!r}{did_you_mean(name, SCHEDULES)}")
    decided = dict(SCHEDULES[name])
    for parameter, default in DOCUMENTED.items():
        given = getattr(model, parameter)
        # A value may be an object whose comparison means something else.
        if type(given) is not type(default) or given != default:
            decided[parameter] = given
    return decided
