"""The automatic choices, as pure functions of the problem and the specs.

Each rule takes the facts of the problem and the registered specs by name. It returns the name of a
backend and the reason for it. The documented rules only choose built-in backends, so that
installing a plugin does not change what a call does. Only ``neighbors="fastest"`` chooses among all
backends.
"""

from __future__ import annotations

import math
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any

from tsnekit._util.caller import warn
from tsnekit._util.failures import FAILURES, describe
from tsnekit._util.metrics import metric_name
from tsnekit.errors import BackendUnavailableError, PluginWarning
from tsnekit.interfaces import RepulsionProblem, SearchProblem
from tsnekit.specs import NeighborSpec, Spec

__all__ = [
    "RULES",
    "choose_approximate_neighbors",
    "choose_fastest_neighbors",
    "choose_gradient",
    "choose_neighbors",
]

EXACT_NEIGHBORS_BELOW = 1_000
"""Rows below which ``neighbors="auto"`` searches exactly."""

GRADIENT_CROSSOVERS: dict[int, tuple[tuple[int | None, str], ...]] = {
    1: ((2_000, "barnes_hut"), (None, "mesh")),
    2: ((10_000, "barnes_hut"), (None, "mesh")),
    3: ((None, "barnes_hut"),),
}
"""For each n_components: the fastest method up to a number of points, then the next method.

The numbers come from late maps of subsets of MNIST. In milliseconds per call, Barnes-Hut / mesh, on
one thread with AVX-512: in 1-D 0.08 / 0.10 at 1,500 points and 0.22 / 0.13 at 3,000; in 2-D 0.96 /
1.10 at 8,000 and 1.52 / 1.39 at 12,000; in 3-D 5 / 328 at 20,000 and 25 / 534 at 50,000.
"""


def choose_neighbors(problem: SearchProblem, specs: Mapping[str, Spec]) -> tuple[str, str]:
    """Choose a search by the documented rule: exact below 1,000 rows, else approximate."""
    few = problem.n_samples < EXACT_NEIGHBORS_BELOW
    if few and not specs["exact"].unmet(problem):
        return "exact", f"fewer than {EXACT_NEIGHBORS_BELOW:,} rows"
    return choose_approximate_neighbors(problem, specs)


def choose_approximate_neighbors(
    problem: SearchProblem, specs: Mapping[str, Spec]
) -> tuple[str, str]:
    """Choose Annoy for dense data in a metric that Annoy has, else PyNNDescent, else exact search.

    If the data are distances (``metric="precomputed"``), choose the search that reads them. Annoy
    is published as source only. If it could not be compiled, the native forest takes its place.
    """
    name, title, reason = "annoy", "Annoy", "dense data in a metric that Annoy has"
    if specs["annoy"].missing():
        name, title = "forest", "the forest"
        reason = "Annoy is not installed, and the forest has this metric"
    reasons = {
        name: reason,
        "pynndescent": f"{title} does not have this metric or kind of data",
        "exact": "no approximate search has this metric",
        "precomputed": "the data are distances",
    }
    return _first_able("neighbors", tuple(reasons.items()), problem, specs)


def choose_fastest_neighbors(problem: SearchProblem, specs: Mapping[str, Spec]) -> tuple[str, str]:
    """Choose the search that is expected to be fastest among all that can serve the problem."""
    k = min(90, max(1, problem.n_samples - 1))
    costs = []
    for name, spec in specs.items():
        if isinstance(spec, NeighborSpec) and spec.cost is not None:
            seconds = _expected_seconds(spec, problem, k)
            if seconds is not None:
                costs.append((seconds, name))
    # A spec may have to load its library before it answers. So the slower searches are not asked.
    for seconds, name in sorted(costs):
        if not specs[name].unmet(problem):
            return name, f"the least expected time, {seconds:.2g} s"
    try:
        return choose_neighbors(problem, specs)
    except BackendUnavailableError as error:
        able = sorted(name for name, spec in specs.items() if not spec.unmet(problem))
        if not able:
            raise
        named = " or ".join(f"neighbors={name!r}" for name in able)
        raise BackendUnavailableError(
            f"neighbors='fastest' finds no search for metric {metric_name(problem.metric)} that "
            f"says how long it takes; ask for {named} by name, which can serve here"
        ) from error


def _expected_seconds(spec: NeighborSpec, problem: SearchProblem, k: int) -> float | None:
    """Return the expected time of a search; warn and return None if its cost function fails."""
    try:
        seconds = float(pkgutil.resolve_name(str(spec.cost))(problem, k))
        if not 0 <= seconds < math.inf:
            raise ValueError(f"it expects {seconds} s, which is no time")
    except FAILURES as error:
        if spec.unmet(problem):
            return None  # this search cannot be chosen anyway
        why = f"its cost {spec.cost!r} failed: {describe(error)}"
        warn(
            f"neighbors='fastest' leaves {spec.name!r} out, since {why}",
            PluginWarning,
        )
        return None
    return seconds


def choose_gradient(problem: RepulsionProblem, specs: Mapping[str, Spec]) -> tuple[str, str]:
    """Choose the faster gradient method for this many points and dimensions."""
    table = GRADIENT_CROSSOVERS.get(problem.n_components, ())
    n = problem.n_samples if problem.reference is None else len(problem.reference)
    wanted = next((name for limit, name in table if limit is None or n <= limit), "exact")
    facts = f"{n:,} points in {problem.n_components}-D"
    order = [(wanted, f"fastest for {facts}")]
    order += [(name, f"the next best for {facts}") for _, name in table if name != wanted]
    order.append(("exact", f"no approximation serves {facts}"))
    return _first_able("negative_gradient_method", tuple(dict(order).items()), problem, specs)


def _first_able(
    point: str, order: tuple[tuple[str, str], ...], problem: Any, specs: Mapping[str, Spec]
) -> tuple[str, str]:
    refusals = []
    for name, reason in order:
        unmet = specs[name].unmet(problem)
        if not unmet:
            return name, reason
        refusals.append(f"{name}: {'; '.join(unmet)}")
    metric = getattr(problem, "metric", None)
    what = f" for metric {metric_name(metric)}" if metric is not None else ""
    raise BackendUnavailableError(f"{point}='auto' finds no backend{what}. {'. '.join(refusals)}")


RULES: dict[str, dict[str, Callable[[Any, Mapping[str, Spec]], tuple[str, str]]]] = {
    "neighbors": {
        "auto": choose_neighbors,
        "approx": choose_approximate_neighbors,
        "fastest": choose_fastest_neighbors,
    },
    "negative_gradient_method": {"auto": choose_gradient},
}
"""The rules of each extension point, by the name that asks for them."""
