"""From the parameters of TSNE to those of its two phases, checked before there is data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsnekit._backends.named import check_metric
from tsnekit._backends.resolve import check_name
from tsnekit._descent.endings import Ending, check_iterations, ending_of_early
from tsnekit._descent.parameters import DescentParameters
from tsnekit._descent.recipes import check_windows
from tsnekit._facade.reasons import kernel_of
from tsnekit._facade.schedules import early_exaggeration_of, scheduled
from tsnekit._util.validation import check_integer, check_real
from tsnekit.affinity._memory import parse_bytes
from tsnekit.affinity._search import check_neighbors

__all__ = ["checked_parameters", "neighbors_params_of", "phases_of_fit"]


def phases_of_fit(model: Any) -> list[tuple[str, Ending, DescentParameters]]:
    """Check all parameters of a model; return name, ending and parameters of the two phases.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not valid.
    """
    early, final = checked_parameters(model)
    given = scheduled(model)
    phases = [
        ("early exaggeration", ending_of_early(given["early_exaggeration_iter"]), early),
        ("optimization", final.ending_of_optimization(given["n_iter"]), final),
    ]
    check_windows(model.forces, phases)
    return phases


def checked_parameters(model: Any) -> tuple[DescentParameters, DescentParameters]:
    """Check the parameters of a model; return those of the two phases.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not valid.
    """
    check_integer("n_components", model.n_components, at_least=1)
    given = scheduled(model)
    check_iterations("early_exaggeration_iter", model.early_exaggeration_iter)
    check_iterations("n_iter", model.n_iter)
    check_real("initial_momentum", model.initial_momentum, at_least=0)
    check_real("final_momentum", model.final_momentum, at_least=0)
    parse_bytes("memory_limit", model.memory_limit)
    neighbors_params_of(model)
    check_neighbors(model.neighbors)
    check_name("affinity", kernel_of(model))
    check_name("optimizer", model.optimizer)
    # A search that is given as an instance may have metrics that no registered one has.
    if isinstance(model.neighbors, str) or not isinstance(model.metric, str):
        check_metric(model.metric)
    known = DescentParameters.names()
    common = {name: getattr(model, name) for name in known if hasattr(model, name)}
    common |= {"momentum": given["final_momentum"], "fade": given["fade"]}
    final = DescentParameters(**common)
    early = final.replace(
        exaggeration=early_exaggeration_of(model), momentum=model.initial_momentum
    )
    return early, final


def neighbors_params_of(model: Any) -> Mapping[str, Any] | None:
    """Return the options of the neighbor search, which have two names.

    Raises
    ------
    ValueError
        If both are given.
    """
    if model.neighbors_params is not None and model.knn_kwargs is not None:
        raise ValueError(
            "knn_kwargs is another name for neighbors_params; give only one of the two"
        )
    given: Mapping[str, Any] | None = model.neighbors_params
    return model.knn_kwargs if given is None else given
