"""Schedules: one word for several parameters of the optimization."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsnekit._util.names import did_you_mean
from tsnekit._util.validation import check_real, short_repr

__all__ = ["early_exaggeration_of", "scheduled"]

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


def early_exaggeration_of(model: Any) -> float:
    """Return the exaggeration of the first phase.

    Parameters
    ----------
    model : TSNE

    Raises
    ------
    TypeError, ValueError
        If it is neither a positive number nor "auto".
    """
    exaggeration = 1.0 if model.exaggeration is None else model.exaggeration
    if isinstance(model.early_exaggeration, str):
        if model.early_exaggeration != "auto":
            raise ValueError(
                "early_exaggeration must be 'auto' or a number, "
                f"got {short_repr(model.early_exaggeration)}"
            )
        return max(12.0, exaggeration)
    return check_real("early_exaggeration", model.early_exaggeration, above=0)
