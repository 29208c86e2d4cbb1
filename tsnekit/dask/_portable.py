"""What of a map on one machine runs on many: callbacks, optimizers and gradient methods."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tsnekit._backends.resolve import find_backend, find_registered
from tsnekit._descent.parameters import DescentParameters
from tsnekit._descent.recipes import recipes_of
from tsnekit.callbacks import Checkpoint
from tsnekit.interfaces import Optimizer, RepulsionProblem
from tsnekit.specs import GradientSpec

__all__ = ["check_no_forces", "check_on_workers", "take_over", "without_state"]

METHOD = "negative_gradient_method"


def check_on_workers(
    callbacks: Sequence[Callable[..., Any]],
    parameters: DescentParameters,
    n_samples: int,
    n_components: int,
) -> None:
    """Check that workers can share an optimization, before any work.

    Parameters
    ----------
    callbacks : sequence of callable
    parameters : DescentParameters
    n_samples, n_components : int
        The shape of the map.

    Raises
    ------
    TypeError
        If a callback needs more than the positions.
    ValueError
        If there are force terms, or if the gradient method computes whole gradients, or cannot
        compute the forces of all points on some of them.
    """
    if any(isinstance(each, Checkpoint) for each in callbacks):
        raise TypeError(
            "callbacks: Checkpoint saves a map with its affinities, which no worker has; call "
            "optimize(n_iter, inplace=True) and save in turns"
        )
    check_no_forces(parameters)
    spec = _spec_of(parameters, n_samples, n_components)
    if isinstance(spec, GradientSpec) and not (
        (spec.separable or spec.reference) and not spec.whole_gradient
    ):
        raise ValueError(
            f"{METHOD}={spec.name!r} cannot be shared by the workers of a cluster: it must compute "
            "the forces of fixed points on others, or say that it is separable"
        )


def check_no_forces(parameters: DescentParameters) -> None:
    """Check that there are no force terms.

    Raises
    ------
    ValueError
        If there are.
    """
    if recipes_of(parameters.forces):
        raise ValueError(
            "forces: the workers of a cluster compute no force terms, which need all points and "
            "neighbors at once; make the map on one machine, or give forces=None"
        )


def _spec_of(parameters: DescentParameters, n_samples: int, n_components: int) -> Any:
    method = parameters.negative_gradient_method
    if isinstance(method, str):
        problem = RepulsionProblem(
            n_samples=n_samples, n_components=n_components, dof=float(parameters.dof)
        )
        return find_backend(METHOD, method, problem)[0].spec
    found = find_registered(METHOD, method)
    return None if found is None else found.spec


def take_over(own: Sequence[Any], used: Sequence[Any]) -> None:
    """Give callbacks the state of their copies, which were called on a worker."""
    for callback, copied in zip(own, used, strict=True):
        if callback is not copied and hasattr(callback, "__dict__"):
            vars(callback).update(vars(copied))


def without_state(optimizer: Optimizer, n_components: int) -> Optimizer:
    """Return a copy of an optimizer with the state of a single point, which each rank replaces."""
    blank = copy.deepcopy(optimizer)
    blank.start(np.zeros((1, n_components), dtype=np.float32))
    return blank
