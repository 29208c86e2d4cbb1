"""The force terms of a map, prepared once for many phases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsnekit._descent.parameters import DescentParameters
from tsnekit._descent.recipes import POINT, recipes_of
from tsnekit._descent.terms import ForceKey, Terms
from tsnekit.forces import ForceProblem

if TYPE_CHECKING:
    from tsnekit._embedding.base import BaseEmbedding

__all__ = ["terms_for"]


def terms_for(embedding: BaseEmbedding, parameters: DescentParameters) -> Terms | None:
    """Return the force terms of some parameters: the last ones if they still fit, else new ones.

    The chosen backends of the embedding tell which terms there are.

    Parameters
    ----------
    embedding : BaseEmbedding
    parameters : DescentParameters

    Raises
    ------
    TypeError, ValueError
        If a term cannot act on this map, or breaks its contract.
    """
    state = embedding.state
    if not recipes_of(parameters.forces):
        state.backends.pop(POINT, None)
        return None
    key, affinities = ForceKey.of(parameters), embedding._affinity_matrix()
    field = embedding._reference_field()

    def made() -> Terms:
        problem = ForceProblem(
            n_samples=len(embedding),
            n_components=embedding.shape[1],
            dof=key.dof,
            n_jobs=key.n_jobs,
            affinities=embedding._symmetric(affinities) if field is None else affinities,
            neighbors=embedding._neighbors(),
            reference=None if field is None else field.positions,
        )
        return Terms.of(parameters, problem, affinities)

    terms = state.terms.find(key, affinities, made)
    state.backends[POINT] = terms.choice
    return terms
