"""What backends return, checked against their interfaces, for built-in backends and plugins alike.

Each check takes time in proportion to what it checks. The message of an error names the backend and
its distribution.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tsnekit._backends.resolve import find_registered
from tsnekit._util.validation import MAX_POSITION, short_repr
from tsnekit.errors import ContractError
from tsnekit.forces import Force, ForceProblem, ForceTerm
from tsnekit.interfaces import (
    AffinityKernel,
    Descends,
    FollowsPhases,
    Initializer,
    InitSource,
    NeighborGraph,
    NeighborSearch,
    Optimizer,
    Repulsion,
    RepulsionProblem,
    SearchProblem,
    SupportsLoss,
    WholeGradient,
)
from tsnekit.specs import KL_DIVERGENCE, POINTS, GradientSpec

__all__ = [
    "check_gradient",
    "check_graph",
    "check_state",
    "descends_of",
    "described",
    "fitted",
    "follower_of",
    "n_neighbors_of",
    "number_of",
    "objective_of",
    "planned",
    "positions_of",
    "prepared",
    "refuse",
    "weights_of",
]

_ROWS_PER_BLOCK = 8192

SUM_TOLERANCE = 1e-3
"""How far the weights of a row may sum from 1."""


def described(point: str, backend: Any) -> str:
    """Return the kind, the name and the distribution of a backend, for messages.

    A backend whose class is not registered is named by its class and module.
    """
    found = find_registered(point, backend)
    if found is not None:
        return f"{found.spec.kind} {found.spec.name!r} of {found.origin}"
    kind = type(backend)
    return f"{POINTS[point].kind} {kind.__qualname__} of {kind.__module__}"


def refuse(whose: str, what: str) -> NoReturn:
    """Raise the error that says what a backend did.

    Raises
    ------
    ContractError
        Always.
    """
    raise ContractError(f"{whose} {what}")


# -- Neighbor searches -----------------------------------------------------------------------------


def fitted(search: NeighborSearch, X: Any, problem: SearchProblem) -> NeighborSearch:
    """Fit a search to data, and return what `fit` returns.

    Raises
    ------
    ContractError
        If it does not return a search.
    """
    found = search.fit(X, problem)
    if not isinstance(found, NeighborSearch):
        whose = described("neighbors", search)
        refuse(whose, f"returned {_kind(found)} from fit, which must return the search itself")
    return found


def check_graph(
    graph: Any, search: NeighborSearch, shape: tuple[int, int], n_rows: int, *, own: bool
) -> NeighborGraph:
    """Return what a search found, checked.

    Parameters
    ----------
    graph : object
        What the search returned.
    search : NeighborSearch
    shape : (int, int)
        The number of queries and of neighbors of each.
    n_rows : int
        The number of rows that may be neighbors.
    own : bool
        Whether the queries are the rows themselves, which are not their own neighbors.

    Raises
    ------
    ContractError
        If the search did not return what the interface says.
    """
    whose = described("neighbors", search)
    if not isinstance(graph, NeighborGraph):
        refuse(whose, f"returned {_kind(graph)}, not a NeighborGraph")
    _check_array(whose, "indices", graph.indices, np.int32, shape)
    _check_array(whose, "distances", graph.distances, np.float32, shape)
    for start in range(0, shape[0], _ROWS_PER_BLOCK):
        rows = slice(start, start + _ROWS_PER_BLOCK)
        _check_indices(whose, graph.indices[rows], start, n_rows, own=own)
        _check_ascending(whose, graph.distances[rows], start)
    return graph


def _check_indices(
    whose: str, indices: NDArray[np.int32], start: int, n_rows: int, *, own: bool
) -> None:
    if not indices.size:
        return
    ordered = np.sort(indices, axis=1)
    outside = (ordered[:, 0] < 0) | (ordered[:, -1] >= n_rows)
    if outside.any():
        row = int(outside.argmax())
        wrong = ordered[row, 0] if ordered[row, 0] < 0 else ordered[row, -1]
        refuse(
            whose,
            f"returned {wrong} as a neighbor of row {start + row}; rows are from 0 to {n_rows - 1}",
        )
    if own:
        selves = (indices == np.arange(start, start + len(indices))[:, None]).any(axis=1)
        if selves.any():
            row = start + int(selves.argmax())
            refuse(whose, f"returned row {row} as its own neighbor")
    twice = ordered[:, 1:] == ordered[:, :-1]
    if twice.any():
        row, place = np.argwhere(twice)[0]
        refuse(whose, f"returned {ordered[row, place]} twice as a neighbor of row {start + row}")


def _check_ascending(whose: str, distances: NDArray[np.float32], start: int) -> None:
    # A comparison with NaN is false, so that the ends of a row tell whether it is finite.
    ascends = (distances[:, 1:] >= distances[:, :-1]).all(axis=1)
    good = ascends & (distances[:, 0] >= 0) & (distances[:, -1] < np.inf)
    if good.all():
        return
    row = int(good.argmin())
    found = distances[row]
    if not np.isfinite(found).all():
        what = f"distances that are not finite, such as {found[~np.isfinite(found)][0]}"
    elif (found < 0).any():
        what = f"negative distances, such as {found[found < 0][0]:g}"
    else:
        place = int((found[1:] < found[:-1]).argmax())
        what = f"distances that do not ascend, {found[place]:g} before {found[place + 1]:g}"
    refuse(whose, f"returned {what}, for row {start + row}")


# -- Affinity kernels ------------------------------------------------------------------------------


def n_neighbors_of(kernel: AffinityKernel, n_samples: int) -> int:
    """Return how many neighbors a kernel needs.

    Raises
    ------
    ContractError
        If it is not a number from 1 to that of the other rows.
    """
    k = kernel.n_neighbors(n_samples)
    if not isinstance(k, Integral) or isinstance(k, bool) or not 1 <= k < max(n_samples, 2):
        refuse(
            described("affinity", kernel),
            f"asks for {short_repr(k)} neighbors of each of {n_samples} rows; that is not "
            f"an integer from 1 to {max(n_samples, 2) - 1}",
        )
    return int(k)


def weights_of(
    kernel: AffinityKernel, distances: NDArray[np.float32], n_jobs: int
) -> NDArray[np.float32]:
    """Return the weights of a kernel for some distances.

    Raises
    ------
    ContractError
        If they are not what the interface says.
    """
    weights = kernel.weights(distances, n_jobs=n_jobs)
    whose = described("affinity", kernel)
    _check_array(whose, "weights", weights, np.float32, distances.shape)
    sums = weights.sum(axis=1, dtype=np.float64)
    lowest = weights.min(axis=1) if weights.size else sums
    good = (np.abs(sums - 1) <= SUM_TOLERANCE) & (lowest >= 0)  # false for NaN, too
    if not good.all():
        row = int(good.argmin())
        if not np.isfinite(weights[row]).all():
            what = "weights that are not finite"
        elif lowest[row] < 0:
            what = f"negative weights, such as {lowest[row]:g}"
        else:
            what = f"weights that sum to {sums[row]:g}, not to 1"
        refuse(whose, f"returned {what}, for row {row}")
    return weights


# -- Initializers ----------------------------------------------------------------------------------


def positions_of(
    initializer: Initializer, source: InitSource, n_components: int, rng: np.random.RandomState
) -> NDArray[np.float32]:
    """Return the positions at which an initializer places the points, as float32.

    Raises
    ------
    ContractError
        If they are not what the interface says.
    """
    found = initializer(source, n_components, rng)
    whose = described("initialization", initializer)
    shape = (source.n_samples, n_components)
    if not isinstance(found, np.ndarray) or found.dtype.kind != "f":
        refuse(whose, f"returned {_kind(found)}, not an array of floats")
    if found.shape != shape:
        refuse(whose, f"returned positions of shape {found.shape}, not {shape}")
    if not (np.abs(found) <= MAX_POSITION).all():
        refuse(whose, f"returned positions that are not finite, or beyond {MAX_POSITION:g}")
    return np.array(found, dtype=np.float32, order="C", subok=False)


# -- Gradient methods ------------------------------------------------------------------------------


def planned(method: Any, problem: RepulsionProblem) -> Repulsion | WholeGradient:
    """Return what a gradient method plans.

    Raises
    ------
    ContractError
        If it is neither a repulsion nor a whole gradient.
    """
    plan = method.plan(problem)
    if not isinstance(plan, WholeGradient | Repulsion):
        refuse(
            described("negative_gradient_method", method),
            f"returned {_kind(plan)} from plan, which must return a Repulsion or a WholeGradient",
        )
    return plan


def follower_of(method: Any, plan: Any) -> FollowsPhases | None:
    """Return the plan of a method that wants to know the phases, if it can be told.

    Raises
    ------
    ContractError
        If it cannot be told, although the spec of the method says that it wants to know.
    """
    if isinstance(plan, FollowsPhases):
        return plan
    if find_registered("negative_gradient_method", method) is not None:
        whose = described("negative_gradient_method", method)
        refuse(whose, f'wants "phase", but its plan, {_kind(plan)}, has no enter_phase')
    return None


def objective_of(method: Any, plan: Repulsion | WholeGradient) -> str:
    """Return the name of what a gradient method makes small.

    An instance whose class is not registered has no name for it: it is called "loss" if the plan
    has one.

    Raises
    ------
    ContractError
        If the spec names another objective than the KL divergence, and the plan has no loss.
    """
    found = find_registered("negative_gradient_method", method)
    if found is None:
        return "loss" if isinstance(plan, SupportsLoss) else KL_DIVERGENCE
    assert isinstance(found.spec, GradientSpec)
    objective = found.spec.objective
    if objective != KL_DIVERGENCE and not isinstance(plan, SupportsLoss):
        whose = described("negative_gradient_method", method)
        refuse(whose, f"has the objective {objective!r}, but its plan has no loss")
    return objective


def descends_of(method: Any, plan: Any) -> str | None:
    """Return the name of the optimizer whose iterations a plan takes by itself, if there is one.

    Raises
    ------
    ContractError
        If the spec of the method names one, but the plan cannot do it.
    """
    found = find_registered("negative_gradient_method", method)
    name: str | None = None if found is None else getattr(found.spec, "descends", None)
    if name is not None and not isinstance(plan, Descends):
        whose = described("negative_gradient_method", method)
        refuse(whose, f"descends by {name!r}, but its plan, {_kind(plan)}, has no descend")
    return name


def check_gradient(
    whose: str, Y: NDArray[np.float32], gradient: NDArray[np.float32], iteration: int
) -> None:
    """Check that a gradient is finite.

    Parameters
    ----------
    whose : str
        What `described` says about the gradient method.
    Y : ndarray of shape (n, d), float32
        The positions. If they have diverged, no gradient is expected.
    gradient : ndarray of shape (n, d), float32
        NaN where the method did not fill it.
    iteration : int
        For the message.

    Raises
    ------
    ContractError
        If it is not finite, or was not filled.
    """
    if np.isfinite(gradient).all() or not _is_map(Y):
        return
    points = np.flatnonzero(~np.isfinite(gradient).all(axis=1))
    refuse(
        whose,
        f"gave a gradient that is not finite in iteration {iteration}: it is {gradient[points[0]]} "
        f"for point {points[0]}, and not finite for {len(points)} of {len(Y)} points",
    )


def number_of(whose: str, found: Any, what: str, Y: NDArray[np.float32]) -> float:
    """Return a number that a plan returned for positions `Y`.

    Raises
    ------
    ContractError
        If it is not a finite number, unless the positions have diverged.
    """
    is_number = isinstance(found, Real) and not isinstance(found, bool)
    if not is_number or (not math.isfinite(found) and _is_map(Y)):
        refuse(whose, f"returned {short_repr(found)} as {what}, which must be a finite number")
    return float(found)


def _is_map(Y: NDArray[np.float32]) -> bool:
    return bool((np.abs(Y) <= MAX_POSITION).all())


# -- Optimizers ------------------------------------------------------------------------------------


def check_state(optimizer: Optimizer) -> None:
    """Check the state of an optimizer that has started.

    Raises
    ------
    ContractError
        If its state is not one of finite arrays by name.
    """
    state: Any = optimizer.state()
    whose = described("optimizer", optimizer)
    if not isinstance(state, Mapping):
        refuse(whose, f"returned {_kind(state)} as its state, not arrays by name")
    for name, array in state.items():
        if not isinstance(name, str):
            refuse(whose, f"has a state with the name {short_repr(name)}; names are strings")
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
            refuse(whose, f"has {_kind(array)} in its state, as {name!r}; it must be numbers")
        if not np.isfinite(array).all():
            refuse(whose, f"has numbers that are not finite in its state, in {name!r}")


# -- Force terms -----------------------------------------------------------------------------------


def prepared(term: ForceTerm, problem: ForceProblem) -> Force:
    """Return the force that a term prepares for a map.

    Raises
    ------
    ContractError
        If it is not a force.
    """
    force = term.prepare(problem)
    if not isinstance(force, Force):
        refuse(
            described("forces", term),
            f"returned {_kind(force)} from prepare, which must return a Force",
        )
    return force


# -- All of them -----------------------------------------------------------------------------------


def _check_array(
    whose: str, what: str, array: Any, dtype: type[np.generic], shape: tuple[int, ...]
) -> None:
    wanted = np.dtype(dtype)
    if not isinstance(array, np.ndarray) or array.dtype != wanted:
        refuse(whose, f"returned {_kind(array)} as {what}, not an array of {wanted}")
    if array.shape != shape:
        refuse(whose, f"returned {what} of shape {array.shape}, not {shape}")
    if not array.flags.c_contiguous:
        refuse(whose, f"returned {what} that are not C-contiguous")


def _kind(value: Any) -> str:
    """Return what a value is, for messages."""
    if value is None:
        return "None"
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype}"
    return f"a {type(value).__name__}"
