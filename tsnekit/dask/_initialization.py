"""Starting positions, computed where the data and the affinities are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._backends.registry import default_registry
from tsnekit._backends.resolve import Choice, find_registered, resolve_backend
from tsnekit._facade import prepare
from tsnekit._util.random_states import as_random_state
from tsnekit._util.validation import check_integer, check_positions, check_real, short_repr
from tsnekit.dask._blocks import Blocks
from tsnekit.dask._principal import principal_components
from tsnekit.dask._spectral import diffusion_map
from tsnekit.initialization import random
from tsnekit.initialization._placement import finish
from tsnekit.interfaces import InitSource
from tsnekit.specs import InitializerSpec

__all__ = ["check_initialization", "initial_positions"]

SHARED = ("pca", "spectral")
"""The initializers that the workers compute together, although they need data or affinities."""


def check_initialization(
    given: Any,
    params: Mapping[str, Any] | None,
    *,
    n_samples: int,
    n_components: int,
) -> Any:
    """Return an initialization that a cluster can compute, checked before any work.

    Parameters
    ----------
    given : str, Initializer, array-like or dask array of shape (n_samples, n_components)
    params : mapping, optional
        Options of the initializer.
    n_samples, n_components : int

    Returns
    -------
    str, Initializer, ndarray or dask array

    Raises
    ------
    TypeError, ValueError
        If `given` is none of these, has another shape or an unknown option, or if an initializer
        needs the data or the affinities in one place.
    """
    if hasattr(given, "__dask_graph__"):
        shape = getattr(given, "shape", None)
        if shape != (n_samples, n_components):
            raise ValueError(
                f"initialization must have shape {(n_samples, n_components)}, got {shape}"
            )
        return given
    checked = prepare.check_initialization(
        given, params, n_samples=n_samples, n_components=n_components
    )
    if isinstance(checked, np.ndarray):
        return checked
    found = (
        default_registry().get("initialization", given)
        if isinstance(given, str)
        else find_registered("initialization", given)
    )
    spec = None if found is None else found.spec
    if not isinstance(spec, InitializerSpec):
        raise ValueError(
            f"initialization {short_repr(given)} is not registered, so that it is not known "
            "whether it needs all data in one place, which a cluster does not have; give positions "
            "instead"
        )
    if spec.name not in SHARED and (spec.needs_data or spec.needs_affinities):
        what = "data" if spec.needs_data else "affinities"
        raise ValueError(
            f"initialization {spec.name!r} needs all {what} in one place, which a cluster does not "
            f"have; use {', '.join(map(repr, SHARED))}, 'random', or positions"
        )
    solver = getattr(given, "svd_solver", (params or {}).get("svd_solver", "auto"))
    if spec.name == "pca" and solver != "auto":
        raise ValueError(f"svd_solver must be 'auto' on a cluster, got {solver!r}")
    return checked


def initial_positions(
    client: Any,
    rows: Any,
    blocks: Blocks,
    affinity_blocks: Sequence[Any],
    *,
    initialization: Any = "pca",
    params: Mapping[str, Any] | None = None,
    n_components: int = 2,
    seed: Any = 0,
    n_jobs: int = 1,
    reason: str | None = None,
    choices: dict[str, Choice] | None = None,
) -> NDArray[np.float32]:
    """Return starting positions; the client then holds them, but no data and no affinities.

    Parameters
    ----------
    client : distributed.Client
    rows : Rows or None
        Without rows, ``spectral`` replaces an initialization that needs them.
    blocks : Blocks
    affinity_blocks : sequence of futures
        The rows of P of each block, a `SparseAffinities`.
    initialization, params, n_components
        See `check_initialization`.
    seed : int or RandomState, default=0
        The same one gives the same positions as on one machine.
    n_jobs : int, default=1
        Threads of an initializer that runs on the client.
    reason : str, optional
        Why this is the initialization, if not since the user asked for it.
    choices : dict, optional
        Gets the choice of the initializer.

    Returns
    -------
    ndarray of shape (n, n_components), float32

    Raises
    ------
    TypeError, ValueError
        See `check_initialization`; or if positions are not finite.
    """
    n = blocks.n_samples
    given = check_initialization(initialization, params, n_samples=n, n_components=n_components)
    if not isinstance(given, str) and not callable(given):
        if not isinstance(given, np.ndarray):
            given = client.compute(given).result()
        positions = check_positions(
            given, name="initialization", n_samples=n, n_components=n_components
        )
        prepare.check_spread(positions)
        return positions
    rng = as_random_state(seed)
    everything: Any = {"data": rows, "affinities": affinity_blocks}
    source = InitSource(n_samples=n, **everything)
    given, params, reason = prepare.usable_initializer(given, params, reason, source)
    backend = resolve_backend(
        "initialization",
        given,
        source,
        params=params,
        reason=reason,
    )
    if choices is not None:
        choices["initialization"] = backend.choice
    registered = find_registered("initialization", backend.instance)
    name = None if registered is None else registered.spec.name
    if name == "pca":
        found = principal_components(client, rows, n_components)
        made = finish(found, n_components, rng, add_jitter=True)
    elif name == "spectral":
        tol = check_real("tol", backend.instance.tol, at_least=0)
        max_iter = backend.instance.max_iter
        if max_iter is not None:
            max_iter = check_integer("max_iter", max_iter, at_least=1)
        coordinates = diffusion_map(
            client, affinity_blocks, blocks, n_components, tol=tol, max_iter=max_iter
        )
        made = (
            random(n, n_components, rng)
            if coordinates is None
            else finish(coordinates, n_components, rng, add_jitter=True)
        )
    else:
        made = backend.instance(InitSource(n_samples=n, n_jobs=n_jobs), n_components, rng)
    return check_positions(
        made,
        name=f"the result of initializer {backend.choice.name!r}",
        n_samples=n,
        n_components=n_components,
    )
