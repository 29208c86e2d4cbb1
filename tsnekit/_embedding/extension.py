"""A map that grows: new points among old ones, all optimized together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsnekit._backends.missing import check_installed
from tsnekit._descent.endings import check_iterations
from tsnekit._descent.fixed import check_fixed
from tsnekit._descent.recipes import check_windows, terms_of
from tsnekit._embedding.placement import check_placement, place
from tsnekit._util.validation import check_integer
from tsnekit.affinity._base import check_affinities
from tsnekit.initialization import jitter

if TYPE_CHECKING:
    from tsnekit._embedding.full import TSNEEmbedding
    from tsnekit.affinity._base import Affinities

__all__ = ["extend"]


def extend(
    embedding: TSNEEmbedding,
    X: Any,
    *,
    affinities: Affinities | None,
    fixed: Any,
    initialization: Any,
    k: int,
    n_iter: int | str,
    **gradient_descent_params: Any,
) -> TSNEEmbedding:
    """Return a map of old and new points; see `tsnekit.TSNEEmbedding.extend`."""
    n_old = len(embedding)
    check_iterations("n_iter", n_iter)
    k = check_integer("k", k, at_least=1)
    check_placement(initialization)
    parameters = embedding.state.parameters.replace(**gradient_descent_params)
    check_installed(
        embedding.optimizer, parameters.negative_gradient_method, *terms_of(parameters.forces)
    )
    ending = parameters.ending_of_optimization(n_iter)
    check_windows(parameters.forces, [("optimization", ending, parameters)])
    if isinstance(fixed, bool | np.bool_):
        fixed = np.full(n_old, fixed)
    fixed = check_fixed(fixed, n_old)
    old = embedding._snapshot()
    if X is None:
        if affinities is None or isinstance(initialization, str):
            raise ValueError(
                "extend needs X, or else affinities of all points and an array as initialization"
            )
        neighbors = None
    else:
        _, neighbors = embedding.affinities.to_new_with_neighbors(X, k)
    grown = embedding.affinities.extended(X) if affinities is None else check_affinities(affinities)
    n_new = grown.n_samples - n_old
    given = n_new if neighbors is None else len(neighbors.indices)
    if n_new < 1 or given != n_new:
        raise ValueError(
            f"affinities must be those of {n_old} old and then {given} new points, "
            f"got {grown.n_samples}"
        )
    new = place(
        initialization, old, neighbors, n_new=n_new, k=k, random_state=embedding.random_state
    )
    # Points at the same place would feel the same forces and never separate.
    start = jitter(np.concatenate([old, new]), random_state=embedding.random_state)
    start[:n_old] = old
    extended = type(embedding)(
        start,
        grown,
        random_state=embedding.random_state,
        optimizer=embedding.optimizer,
        **parameters.values(),
    )
    extended.optimizer.start(np.asarray(extended))
    extended.state.backends |= embedding.backends
    extended.state.seconds |= getattr(grown, "seconds", {})
    weights = None if fixed is None else np.append(fixed, np.zeros(n_new, dtype=np.float32))
    return extended.optimize(n_iter, inplace=True, fixed=weights)
