"""Neighbors, affinities and initialization: what comes before the optimization."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._backends.contracts import positions_of
from tsnekit._backends.resolve import (
    Choice,
    check_name,
    check_options,
    find_backend,
    resolve_backend,
)
from tsnekit._descent.recipes import check_fits
from tsnekit._util.validation import check_positions
from tsnekit.errors import BackendUnavailableError
from tsnekit.forces import ForceProblem
from tsnekit.interfaces import InitSource, Metric, NeighborGraph, Optimizer, RepulsionProblem

if TYPE_CHECKING:
    from tsnekit._descent.parameters import DescentParameters
    from tsnekit.affinity._base import Affinities

__all__ = [
    "build_optimizer",
    "check_forces",
    "check_gradient_method",
    "check_initialization",
    "check_spread",
    "compute_affinities",
    "compute_initialization",
    "usable_initializer",
]

logger = logging.getLogger(__name__)

LARGE_INITIAL_STD = 1e-2


def compute_affinities(
    X: Any,
    *,
    neighbors: Any,
    neighbors_params: Mapping[str, Any] | None,
    affinity: Any,
    affinity_reason: str | None,
    affinity_params: Mapping[str, Any] | None,
    perplexity: Any,
    metric: Metric,
    metric_params: Mapping[str, Any] | None,
    n_jobs: int,
    seed: int,
    verbose: bool,
    feature_names: tuple[str, ...] | None,
    memory_limit: int | None,
    seconds: dict[str, float],
    choices: dict[str, Choice],
) -> Affinities:
    """Search neighbors and turn their distances into affinities, both by the chosen backends.

    The parameters are those of `tsnekit.TSNE`, resolved, and why the affinity is not the user's
    choice; `seconds` and `choices` are filled. Both
    backends, and their options, are checked before any work starts.
    """
    from tsnekit.affinity._neighbors import build_affinities
    from tsnekit.affinity._search import resolve_search

    perplexities = {"perplexity": perplexity, "perplexities": perplexity}
    kernel = resolve_backend(
        "affinity",
        affinity,
        params=affinity_params,
        facade_params=perplexities,
        reason=affinity_reason,
    )
    search, problem = resolve_search(
        neighbors,
        X,
        metric=metric,
        metric_params=metric_params,
        params=neighbors_params,
        n_jobs=n_jobs,
        seed=seed,
        verbose=verbose,
        feature_names=feature_names,
    )
    built = build_affinities(
        X,
        kernel=kernel.instance,
        search=search.instance,
        problem=problem,
        verbose=verbose,
        memory_limit=memory_limit,
    )
    found = dataclasses.replace(search.choice, recall=built.knn_index.estimated_recall)
    choices |= {"neighbors": found, "affinity": kernel.choice}
    seconds |= built.seconds
    return built


def check_initialization(
    given: Any, params: Mapping[str, Any] | None, *, n_samples: int, n_components: int
) -> Any:
    """Return an initialization: the name of an initializer, an instance, or checked positions.

    Raises
    ------
    TypeError, ValueError
        If `given` is none of these, the positions have another shape, or the initializer does not
        have a given option.
    """
    if given is None or isinstance(given, str) or callable(given):
        check_name("initialization", given)
        check_options("initialization", given, params)
        return given
    return check_positions(
        given, name="initialization", n_samples=n_samples, n_components=n_components
    )


def check_gradient_method(parameters: DescentParameters, n_samples: int, n_components: int) -> None:
    """Check that the gradient method can serve this embedding and has the given options.

    Raises
    ------
    TypeError, ValueError
        If it cannot serve the embedding, or does not have a given option.
    """
    method = parameters.negative_gradient_method
    if isinstance(method, str):
        problem = RepulsionProblem(
            n_samples=n_samples, n_components=n_components, dof=float(parameters.dof)
        )
        method = find_backend("negative_gradient_method", method, problem)[0].spec.name
    check_options("negative_gradient_method", method, parameters.gradient_params)


def check_forces(
    parameters: DescentParameters,
    n_samples: int,
    n_components: int,
    affinities: Affinities | None,
) -> None:
    """Check that force terms can act on this embedding, before any work.

    Raises
    ------
    TypeError, ValueError
        If one of them cannot, or an option does not fit the embedding.
    """
    # Neighbors that are yet to be searched are none now.
    nothing = np.empty((n_samples, 0))
    searched = NeighborGraph(nothing.astype(np.int32), nothing.astype(np.float32))
    index = getattr(affinities, "knn_index", None)
    check_fits(
        parameters.forces,
        ForceProblem(
            n_samples=n_samples,
            n_components=n_components,
            dof=float(parameters.dof),
            neighbors=searched if affinities is None else getattr(index, "graph", None),
        ),
    )


def compute_initialization(
    given: Any,
    X: Any,
    affinities: Affinities,
    *,
    n_components: int,
    params: Mapping[str, Any] | None,
    n_jobs: int,
    rng: np.random.RandomState,
    reason: str | None,
    choices: dict[str, Choice],
) -> NDArray[np.float32]:
    """Return initial positions (n, n_components).

    `given` is what `check_initialization` returned. If the input of an initializer is missing, such
    as the data for ``pca``, ``spectral`` replaces it and starts from the affinities.
    """
    n_samples = affinities.n_samples
    if isinstance(given, np.ndarray):
        check_spread(given)
        return given
    source = InitSource(n_samples=n_samples, data=X, affinities=affinities.matrix, n_jobs=n_jobs)
    given, params, reason = usable_initializer(given, params, reason, source)
    backend = resolve_backend("initialization", given, source, params=params, reason=reason)
    choices["initialization"] = backend.choice
    return positions_of(backend.instance, source, n_components, rng)


def check_spread(positions: NDArray[np.float32]) -> None:
    """Log a warning if given positions are far apart."""
    std = positions.std(axis=0).max()
    if len(positions) > 1 and std > LARGE_INITIAL_STD:
        logger.warning(
            "the given initialization has a standard deviation of %.2g; more than %g often leads "
            "to a poor embedding (see tsnekit.initialization.rescale)",
            std,
            LARGE_INITIAL_STD,
        )


def usable_initializer(
    given: Any, params: Mapping[str, Any] | None, reason: str | None, source: InitSource
) -> tuple[Any, Mapping[str, Any] | None, str | None]:
    """Return an initializer, its options, and why it is used: ``spectral`` where there is no data.

    Parameters
    ----------
    given : str or Initializer
    params : mapping or None
    reason : str or None
    source : InitSource
        What there is to start from.
    """
    if not isinstance(given, str):
        return given, params, reason
    try:
        find_backend("initialization", given, source)
    except BackendUnavailableError as error:
        logger.warning("%s; using 'spectral' instead", error)
        return "spectral", None, f"in place of {given}, which cannot start from what there is"
    return given, params, reason


def build_optimizer(
    given: Any, params: Mapping[str, Any] | None, reason: str | None, choices: dict[str, Choice]
) -> Optimizer:
    """Build the optimizer and record the choice, and its reason if there is one."""
    backend = resolve_backend("optimizer", given, params=params, reason=reason)
    choices["optimizer"] = backend.choice
    optimizer: Optimizer = backend.instance
    return optimizer
