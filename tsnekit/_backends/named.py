"""Metrics and callbacks by the names that plugins gave them."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Collection, Mapping
from typing import Any

from tsnekit._backends.loading import Registered
from tsnekit._backends.missing import MissingBackend
from tsnekit._backends.options import check_known, options_of
from tsnekit._backends.registry import Registry, default_registry
from tsnekit._util.failures import FAILURES, describe
from tsnekit._util.metrics import BUILT_IN, canonical_metric, is_built_in, keep_pairwise
from tsnekit._util.validation import short_repr
from tsnekit.errors import BackendUnavailableError, UnknownPluginError
from tsnekit.interfaces import Metric
from tsnekit.specs import MetricSpec, NeighborSpec

__all__ = [
    "build_callback",
    "check_metric",
    "find_named",
    "function_of_metric",
    "load_metric",
    "name_of_metric",
]


def find_named(point: str, name: str, registry: Registry | None = None) -> Registered:
    """Find what plugins registered under a name, and check that it can be used.

    Raises
    ------
    UnknownPluginError, PluginConflictError
        If the name cannot be resolved.
    BackendUnavailableError
        If it requires what is not installed.
    """
    found = (registry or default_registry()).get(point, name)
    missing = found.spec.missing()
    if missing:
        raise BackendUnavailableError(f"{point}={name!r} cannot be used here: {'; '.join(missing)}")
    return found


# -- Metrics ---------------------------------------------------------------------------------------


def check_metric(metric: Any, registry: Registry | None = None) -> None:
    """Check that a metric is a function or has the name of one, before there is any data.

    A name that nobody registered is asked of every search. No search that takes long to import has
    a metric of its own.

    Raises
    ------
    TypeError
        If `metric` is neither a name nor a function.
    UnknownPluginError
        If no metric has the name, and no neighbor search knows it.
    """
    if callable(metric):
        return
    if not isinstance(metric, str):
        raise TypeError(f"metric must be a name or a callable, got {short_repr(metric)}")
    registry = registry or default_registry()
    name = str(canonical_metric(metric))
    if is_built_in(name) or registry.has("metric", name):
        return
    specs = [each.spec for each in registry.all("neighbors")]
    if not any(_has(spec, name) for spec in specs):
        own = [each for each in map(_listed, specs) if each]
        raise UnknownPluginError(registry.explain_unknown("metric", metric, BUILT_IN.union(*own)))


def function_of_metric(
    metric: Metric,
    params: Mapping[str, Any] | None,
    method: Any,
    *,
    registry: Registry | None = None,
) -> Metric:
    """Return the function that a plugin registered under the name of a metric.

    Built-in metrics, functions, and names that the search itself knows are returned as they are.

    Parameters
    ----------
    metric : str or callable
        A name without aliases.
    params : mapping or None
        The parameters of the metric.
    method : str or NeighborSearch
        The search, or a rule that chooses it.
    registry : Registry, optional

    Raises
    ------
    PluginConflictError, BackendUnavailableError
        If several metrics have the name, or it cannot be used here.
    TypeError
        If the metric does not have a parameter.
    """
    if not isinstance(metric, str) or is_built_in(metric):
        return metric
    registry = registry or default_registry()
    if not isinstance(method, str) or (
        registry.has("neighbors", method) and _has(registry.get("neighbors", method).spec, metric)
    ):
        return metric
    if not registry.has("metric", metric):
        return metric
    function = load_metric(metric, registry)
    check_known(
        params or {},
        options_of(function),
        owner=f"metric {metric!r}",
        parameter="metric_params",
    )
    return function


def load_metric(name: str, registry: Registry | None = None) -> Any:
    """Return the function of a metric that a plugin registered.

    Raises
    ------
    UnknownPluginError, PluginConflictError, BackendUnavailableError
        If it cannot be loaded.
    """
    found = find_named("metric", name, registry)
    function = found.load()
    if isinstance(found.spec, MetricSpec) and found.spec.pairwise is not None:
        try:
            keep_pairwise(function, pkgutil.resolve_name(found.spec.pairwise))
        except FAILURES as error:
            raise BackendUnavailableError(
                f"metric {name!r} of {found.origin} cannot load its pairwise function "
                f"{found.spec.pairwise!r}: {describe(error)}"
            ) from error
    return function


def name_of_metric(metric: Any, registry: Registry | None = None) -> str | None:
    """Return the name under which a plugin registered a function, if one did."""
    module, name = (getattr(metric, each, None) for each in ("__module__", "__qualname__"))
    if isinstance(metric, MissingBackend):
        return None
    for found in (registry or default_registry()).all("metric"):
        if found.spec.factory == f"{module}:{name}":
            return found.spec.name
    return None


def _listed(spec: Any) -> Collection[str]:
    """Return the metrics that the spec of a search lists."""
    found = spec.metrics if isinstance(spec, NeighborSpec) else ()
    return () if isinstance(found, str) else found


def _has(spec: Any, metric: str) -> bool:
    """Return whether a search has a metric of its own; one that does not answer has not."""
    try:
        return isinstance(spec, NeighborSpec) and (
            spec.has_metric(metric) or (spec.sparse and spec.has_metric(metric, sparse=True))
        )
    except FAILURES:
        return False


# -- Callbacks -------------------------------------------------------------------------------------


def build_callback(
    name: str, options: Mapping[str, Any] | None = None, registry: Registry | None = None
) -> Callable[..., Any]:
    """Return a new callback by its name.

    Raises
    ------
    UnknownPluginError, PluginConflictError, BackendUnavailableError
        If the name cannot be resolved, or the callback cannot be used here.
    TypeError
        If the callback does not have an option, or one is missing that it needs.
    """
    options = options or {}
    found = find_named("callbacks", name, registry)
    factory = found.load()
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    known = {
        each.name: each.default
        for each in inspect.signature(factory).parameters.values()
        if each.kind in kinds
    }
    check_known(options, known, owner=f"callback {name!r}", parameter="callbacks")
    for option, default in known.items():
        if default is inspect.Parameter.empty and option not in options:
            raise TypeError(
                f"callbacks: {name!r} needs the option {option!r}, "
                f"as in callbacks=({name!r}, {{{option!r}: ...}})"
            )
    callback = factory(**options)
    if not callable(callback):
        raise TypeError(
            f"callbacks: {name!r} of {found.origin} makes {callback!r}, which cannot be called"
        )
    made: Callable[..., Any] = callback
    return made
