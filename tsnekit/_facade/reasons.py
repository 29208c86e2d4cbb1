"""Why a parameter names a backend, if it is not the user who named it."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

__all__ = ["kernel_of", "reason_of_kernel", "reason_of_optimizer", "reason_of_parameter"]


def reason_of_parameter(model: Any, name: str) -> str | None:
    """Return the reason for the name of a backend, or None if the user gave it."""
    from tsnekit._facade.tsne import TSNE

    given = getattr(model, name)
    default = inspect.signature(TSNE).parameters[name].default
    return "the default" if isinstance(given, str) and given == default else None


def reason_of_optimizer(model: Any) -> str | None:
    """Return the reason for the optimizer, or None if the user gave it."""
    reason = reason_of_parameter(model, "optimizer")
    if reason is None or model.schedule == "documented":
        return reason
    return f"for schedule={model.schedule!r}"


def reason_of_kernel(model: Any) -> str | None:
    """Return the reason for the affinity kernel, or None if the user gave it."""
    if reason_of_parameter(model, "affinity") is None:
        return None
    return "for several perplexities" if _has_perplexities(model) else "for one perplexity"


def kernel_of(model: Any) -> Any:
    """Return the affinity kernel that was given, or else the one for the perplexity."""
    if reason_of_parameter(model, "affinity") is None:
        return model.affinity
    return "multiscale_mixture" if _has_perplexities(model) else "perplexity"


def _has_perplexities(model: Any) -> bool:
    return not isinstance(model.perplexity, str) and np.ndim(model.perplexity) > 0
