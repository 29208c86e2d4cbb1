"""The documented parameters of gradient descent, checked by name and value."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tsnekit.backends import check_name
from tsnekit.callbacks import check_callbacks
from tsnekit.interfaces import GradientMethod
from tsnekit.threads import resolve_n_jobs
from tsnekit.validation import check_integer, check_real, short_repr

__all__ = ["DescentParameters"]


@dataclass(frozen=True, kw_only=True)
class DescentParameters:
    """What ``optimize`` accepts beside the number of iterations; see `tsnekit.TSNEEmbedding`."""

    learning_rate: float | str = "auto"
    exaggeration: float | None = None
    momentum: float = 0.8
    negative_gradient_method: str | GradientMethod = "auto"
    gradient_params: Mapping[str, Any] | None = None
    theta: float = 0.5
    n_interpolation_points: int = 3
    min_num_intervals: int = 50
    ints_in_interval: float = 1
    dof: float = 1
    max_grad_norm: float | None = None
    max_step_norm: float | None = 5
    n_jobs: int | None = 1
    callbacks: Callable[..., Any] | Sequence[Callable[..., Any]] | None = None
    callbacks_every_iters: int = 50
    verbose: bool = False

    def __post_init__(self) -> None:
        check_learning_rate(self.learning_rate)
        if self.exaggeration is not None:
            check_real("exaggeration", self.exaggeration, above=0)
        check_real("momentum", self.momentum, at_least=0)
        check_name("negative_gradient_method", self.negative_gradient_method)
        check_real("theta", self.theta, at_least=0)
        check_integer("n_interpolation_points", self.n_interpolation_points, at_least=1)
        check_integer("min_num_intervals", self.min_num_intervals, at_least=1)
        check_real("ints_in_interval", self.ints_in_interval, above=0)
        check_real("dof", self.dof, above=0)
        for name in ("max_grad_norm", "max_step_norm"):
            if getattr(self, name) is not None:
                check_real(name, getattr(self, name), above=0)
        resolve_n_jobs(self.n_jobs)
        check_callbacks(self.callbacks)
        check_integer("callbacks_every_iters", self.callbacks_every_iters, at_least=1)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of all parameters."""
        return tuple(field.name for field in dataclasses.fields(cls))

    def replace(self, **changes: Any) -> DescentParameters:
        """Return a copy with some parameters changed.

        Raises
        ------
        TypeError
            If a name is unknown, or a value has the wrong type.
        ValueError
            If a value is out of range.
        """
        for name in changes:
            if name not in self.names():
                close = difflib.get_close_matches(name, self.names(), n=1)
                hint = f"; did you mean {close[0]!r}?" if close else "."
                raise TypeError(
                    f"{name!r} is not a parameter of gradient descent{hint} "
                    f"The parameters are {', '.join(self.names())}"
                )
        return dataclasses.replace(self, **changes)

    def offered_to_method(self) -> dict[str, Any]:
        """Return the documented options of gradient methods."""
        options = ("theta", "n_interpolation_points", "min_num_intervals", "ints_in_interval")
        return {name: getattr(self, name) for name in options}


def check_learning_rate(learning_rate: Any) -> None:
    """Check a learning rate, a positive number or "auto".

    Raises
    ------
    TypeError, ValueError
        If it is neither.
    """
    if isinstance(learning_rate, str):
        if learning_rate != "auto":
            raise ValueError(
                f"learning_rate must be 'auto' or a number, got {short_repr(learning_rate)}"
            )
    else:
        check_real("learning_rate", learning_rate, above=0)
