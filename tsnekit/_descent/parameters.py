"""The parameters of gradient descent: the one declaration of names, defaults, checks, meanings."""

from __future__ import annotations

import dataclasses
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from tsnekit._backends.resolve import check_name
from tsnekit._descent.endings import Ending, FixedLength, SmallChange
from tsnekit._descent.recipes import check_forces
from tsnekit._util.names import did_you_mean
from tsnekit._util.threads import resolve_n_jobs
from tsnekit._util.validation import check_integer, check_real, short_repr
from tsnekit.callbacks import check_callbacks
from tsnekit.interfaces import GradientMethod

__all__ = ["DescentParameters", "lists_parameters"]

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What a parameter has besides its name and default.

    Parameters
    ----------
    values : str
        The valid values, as the documentation writes them.
    meaning : str
        One line, without a full stop.
    check : callable
        Called with name and value; raises TypeError or ValueError.
    of_method : bool
        Whether the parameter is an option of gradient methods.
    of_new_points : bool
        Whether new points take the value from the embedding that they are added to.
    """

    values: str
    meaning: str
    check: Callable[[str, Any], object]
    of_method: bool = False
    of_new_points: bool = False


def check_learning_rate(name: str, value: Any) -> None:
    """Check a learning rate, a positive number or "auto"."""
    if not isinstance(value, str):
        check_real(name, value, above=0)
    elif value != "auto":
        raise ValueError(f"{name} must be 'auto' or a number, got {short_repr(value)}")


def _check_positive(name: str, value: Any) -> None:
    check_real(name, value, above=0)


def _check_dof(name: str, value: Any) -> None:
    # Native code computes with dof and 1 / dof in float32, whose range is about 1e-38 to 3e38.
    check_real(name, value, at_least=1e-30, at_most=1e30)


def _check_positive_or_none(name: str, value: Any) -> None:
    if value is not None:
        check_real(name, value, above=0)


def _check_not_negative(name: str, value: Any) -> None:
    check_real(name, value, at_least=0)


def _check_share(name: str, value: Any) -> None:
    check_real(name, value, above=0, at_most=1)


def _check_count(name: str, value: Any) -> None:
    check_integer(name, value, at_least=1)


def _no_check(name: str, value: Any) -> None:
    """Check nothing here: the code that uses the value knows what is valid."""


def _parameter(
    default: Any,
    values: str,
    meaning: str,
    check: Callable[[str, Any], object],
    *,
    of_method: bool = False,
    of_new_points: bool = False,
) -> Any:
    declaration = Declaration(
        values=values,
        meaning=meaning,
        check=check,
        of_method=of_method,
        of_new_points=of_new_points or of_method,
    )
    return dataclasses.field(default=default, metadata={"declaration": declaration})


@dataclass(frozen=True, kw_only=True)
class DescentParameters:
    """The parameters of ``optimize`` other than `n_iter`; see `tsnekit.TSNEEmbedding`."""

    learning_rate: float | str = _parameter(
        "auto",
        'float or "auto"',
        '"auto" is n_samples / exaggeration; for new points see `PartialTSNEEmbedding`',
        check_learning_rate,
    )
    exaggeration: float | None = _parameter(
        None,
        "float or None",
        "factor of the attractive forces; None is 1",
        _check_positive_or_none,
    )
    fade: float = _parameter(
        1,
        "float",
        "greatest share of itself that the exaggeration of an earlier phase loses in an iteration; "
        "1 is all at once",
        _check_share,
    )
    momentum: float = _parameter(
        0.8, "float", "share of the last step that the next one keeps", _check_not_negative
    )
    tolerance: float = _parameter(
        0.02,
        "float",
        '``n_iter="auto"`` ends when the KL divergence changes by no more than this share of '
        "itself in 50 iterations",
        _check_not_negative,
    )
    negative_gradient_method: str | GradientMethod = _parameter(  # noqa: RUF009
        "auto",
        "str or GradientMethod",
        'name of a gradient method, an instance, or "auto" for the faster method',
        check_name,
        of_new_points=True,
    )
    gradient_params: Mapping[str, Any] | None = _parameter(
        None,
        "mapping or None",
        "options of the gradient method, by name",
        _no_check,
        of_new_points=True,
    )
    forces: Any = _parameter(  # noqa: RUF009
        None,
        "str, ForceTerm, pair, list of these or None",
        "force terms: names, instances, or pairs of one of them and a mapping of its options, with "
        "``weight``, ``start``, ``stop`` and ``phases`` among them",
        check_forces,
    )
    theta: float = _parameter(
        0.5,
        "float",
        "trade-off between speed and accuracy of ``barnes_hut``; 0 is exact",
        _check_not_negative,
        of_method=True,
    )
    n_interpolation_points: int = _parameter(
        3,
        "int",
        "interpolation points per grid interval and dimension, for ``fft``",
        _check_count,
        of_method=True,
    )
    min_num_intervals: int = _parameter(
        50,
        "int",
        "least number of grid intervals along the longest side of the map, for ``fft``",
        _check_count,
        of_method=True,
    )
    ints_in_interval: float = _parameter(
        1,
        "float",
        "greatest width of a grid interval, for ``fft``",
        _check_positive,
        of_method=True,
    )
    dof: float = _parameter(
        1,
        "float",
        "degrees of freedom of the kernel (1 + r^2 / dof)^-dof, from 1e-30 to 1e30",
        _check_dof,
        of_new_points=True,
    )
    max_grad_norm: float | None = _parameter(
        None,
        "float or None",
        "bound on the norm of each point's gradient",
        _check_positive_or_none,
    )
    max_step_norm: float | None = _parameter(
        5, "float or None", "bound on the norm of each point's step", _check_positive_or_none
    )
    n_jobs: int | None = _parameter(
        1,
        "int or None",
        "number of threads; -1 for all processors",
        lambda name, value: resolve_n_jobs(value),
        of_new_points=True,
    )
    callbacks: Any = _parameter(  # noqa: RUF009
        None,
        "callable, str, list of these or None",
        "called as ``callback(iteration, error, embedding)``, or names of callbacks; see "
        "`tsnekit.callbacks`",
        lambda name, value: check_callbacks(value),
    )
    callbacks_every_iters: int = _parameter(
        50, "int", "iterations from one call of the callbacks to the next", _check_count
    )
    verbose: bool = _parameter(
        False,
        "bool",
        "whether to show the chosen backends and a progress bar",
        _no_check,
        of_new_points=True,
    )

    def __post_init__(self) -> None:
        for name in self.names():
            self.declaration(name).check(name, getattr(self, name))
        # Names are made callbacks once, so that all phases share them.
        if self.callbacks is not None and not callable(self.callbacks):
            object.__setattr__(self, "callbacks", check_callbacks(self.callbacks))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of all parameters."""
        return tuple(field.name for field in dataclasses.fields(cls))

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Return the defaults of all parameters, by name."""
        return {field.name: field.default for field in dataclasses.fields(cls)}

    @classmethod
    def declaration(cls, name: str) -> Declaration:
        """Return the declaration of the parameter of this name."""
        found: Declaration = cls.__dataclass_fields__[name].metadata["declaration"]
        return found

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
                hint = did_you_mean(name, self.names())
                raise TypeError(
                    f"{name!r} is not a parameter of gradient descent{hint} "
                    f"The parameters are {', '.join(self.names())}"
                )
        return dataclasses.replace(self, **changes)

    def ending_of_optimization(self, n_iter: int | str) -> Ending:
        """Return what ends a phase of so many iterations, or of "auto" many."""
        return SmallChange(self.tolerance) if isinstance(n_iter, str) else FixedLength(int(n_iter))

    def values(self) -> dict[str, Any]:
        """Return all parameters by name."""
        return {name: getattr(self, name) for name in self.names()}

    def facade_params(self) -> dict[str, Any]:
        """Return the documented options of gradient methods."""
        names = (name for name in self.names() if self.declaration(name).of_method)
        return {name: getattr(self, name) for name in names}

    def of_new_points(self) -> dict[str, Any]:
        """Return the parameters that new points take over from the embedding."""
        names = (name for name in self.names() if self.declaration(name).of_new_points)
        return {name: getattr(self, name) for name in names}


def lists_parameters(function: Function) -> Function:
    """Put the list of all parameters in place of ``{parameters}`` in a docstring."""
    mark = re.search(r"^( *)\{parameters\}\n", function.__doc__ or "", re.MULTILINE)
    if mark is not None:
        function.__doc__ = function.__doc__.replace(mark[0], _listed(mark[1]))  # type: ignore[union-attr]
    return function


def _listed(indent: str) -> str:
    lines = []
    for name, default in DescentParameters.defaults().items():
        known = DescentParameters.declaration(name)
        text = f"- ``{name}``, {known.values}, default {default!r}: {known.meaning}."
        lines += textwrap.wrap(
            text,
            100,
            initial_indent=indent,
            subsequent_indent=f"{indent}  ",
            break_on_hyphens=False,
        )
    return "\n".join(lines) + "\n"
