"""The force terms of a saved map."""

from __future__ import annotations

from typing import Any

import numpy as np

from tsnekit._descent.recipes import POINT, check_forces, recipes_of
from tsnekit._files.backends import backend_from_plain, backend_to_plain, name_to_plain
from tsnekit._files.schema import Fields, refusals
from tsnekit._files.values import to_plain
from tsnekit._util.validation import short_repr
from tsnekit.forces import ForceProblem
from tsnekit.interfaces import NeighborGraph
from tsnekit.specs import Spec

__all__ = ["forces_from_plain", "forces_to_plain"]


def forces_to_plain(forces: Any) -> list[dict[str, Any]]:
    """Return what stands for force terms in a file.

    Raises
    ------
    TypeError
        If the class of a term is not registered, or an option cannot be saved.
    """
    saved = []
    for recipe in recipes_of(forces):
        term, name = recipe.term, str(recipe)
        options = recipe.options | recipe.schedule
        saved.append(
            {
                "term": name_to_plain(POINT, term)
                if isinstance(term, str)
                else backend_to_plain(POINT, term),
                "options": {
                    key: to_plain(each, f"option {key!r} of {name}")
                    for key, each in options.items()
                },
            }
        )
    return saved


def forces_from_plain(
    saved: Any, where: str, notices: list[str], n_samples: int, n_components: int
) -> list[tuple[Any, dict[str, Any]]] | None:
    """Return the force terms of a file, each of which is built once to check it.

    Parameters
    ----------
    saved : object
        What `forces_to_plain` returned.
    where : str
        The path in the file, for messages.
    notices : list of str
        Gets what the user should know, such as the name of a plugin that is missing.
    n_samples, n_components : int
        The shape of the map.

    Raises
    ------
    ValueError
        If a term or an option is not valid.
    """
    if not isinstance(saved, list):
        raise ValueError(f"{where} must be a list, got {short_repr(saved)}")
    nothing = np.empty((n_samples, 0))
    problem = ForceProblem(
        n_samples=n_samples,
        n_components=n_components,
        # Whether the map knows neighbors is seen when the term is used.
        neighbors=NeighborGraph(nothing.astype(np.int32), nothing.astype(np.float32)),
    )
    forces = []
    for number, each in enumerate(saved):
        fields = Fields(each, f"{where}/{number}", notices)
        given = fields.fields("options")
        options = {key: given.value(key) for key in given.names()}

        def check(
            term: Any,
            spec: Spec | None = None,
            options: dict[str, Any] = options,
            path: str = fields.path("options"),
        ) -> None:
            with refusals(path, of=Exception):
                check_forces(POINT, [(term, options)])
                for recipe in recipes_of([(term, options)]):
                    recipe.resolved(problem)

        term = backend_from_plain(POINT, fields.fields("term"), check=check)
        fields.finish()
        forces.append((term, options))
    return forces or None
