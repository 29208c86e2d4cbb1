"""What a map prepares for its optimization: a planned gradient, and force terms."""

from __future__ import annotations

import dataclasses
import functools

from tsnekit._backends.contracts import (
    descends_of,
    described,
    follower_of,
    objective_of,
    planned,
)
from tsnekit._backends.resolve import resolve_backend, wants
from tsnekit._descent.field import ReferenceField
from tsnekit._descent.gradient import KLGradient
from tsnekit._descent.parameters import DescentParameters
from tsnekit._descent.plan import Plan, PlanKey
from tsnekit._descent.recipes import POINT, recipes_of
from tsnekit._descent.symmetry import symmetric
from tsnekit._descent.terms import ForceKey, Terms
from tsnekit._embedding.drawn import DrawnEmbedding
from tsnekit._embedding.state import HasRunState, RunState
from tsnekit.forces import ForceProblem
from tsnekit.interfaces import (
    NeighborGraph,
    Repulsion,
    RepulsionProblem,
    SparseAffinities,
    WholeGradient,
)

__all__ = ["PlannedEmbedding"]

FACTS = ("neighbors", "seed", "phase")
"""What a gradient method may want to know of the map."""


class PlannedEmbedding(HasRunState, DrawnEmbedding):
    """A map whose plans are kept for as long as they fit."""

    @property
    def state(self) -> RunState:
        """Parameters, optimizer, chosen backends and times of this embedding."""
        if self._state is None:
            raise AttributeError(
                "this array was derived from an embedding and holds positions only; "
                "call the methods of the embedding itself"
            )
        return self._state

    def _plan(self, parameters: DescentParameters) -> Plan:
        """Return the planned gradient: the last one if it still fits, else a new one."""
        key, affinities = PlanKey.of(parameters), self._affinity_matrix()
        return self.state.plans.find(
            key, affinities, lambda: self._new_plan(parameters, key, affinities)
        )

    def _new_plan(
        self, parameters: DescentParameters, key: PlanKey, affinities: SparseAffinities
    ) -> Plan:
        field = self._reference_field()
        matrix = self._symmetric(affinities) if field is None else affinities
        problem = RepulsionProblem(
            n_samples=len(self),
            n_components=self.shape[1],
            dof=key.dof,
            n_jobs=key.n_jobs,
            affinities=matrix,
            neighbors=self._known_neighbors(),
        )
        if field is not None:
            problem = dataclasses.replace(problem, reference=field.positions, padding=field.padding)
        backend = resolve_backend(
            "negative_gradient_method",
            parameters.negative_gradient_method,
            problem,
            params=parameters.gradient_params,
            facade_params=parameters.facade_params(),
        )
        self.state.backends["negative_gradient_method"] = backend.choice
        method, whose = backend.instance, described("negative_gradient_method", backend.instance)
        wanted = {each: wants("negative_gradient_method", method, each) for each in FACTS}
        problem = dataclasses.replace(
            problem,
            neighbors=problem.neighbors if wanted["neighbors"] else None,
            seed=self._seed() if wanted["seed"] else None,
        )
        repulsion: Repulsion
        follows = None
        if field is None:
            made = planned(method, problem)
            follows = follower_of(method, made) if wanted["phase"] else None
            if isinstance(made, WholeGradient):
                return Plan(
                    key,
                    made,
                    affinities,
                    whose=whose,
                    objective=objective_of(method, made),
                    follows=follows,
                    descends=descends_of(method, made),
                )
            repulsion = made
        else:
            shared = field.plan(
                key,
                affinities,
                lambda: planned(method, problem),
                whose=whose,
                objective=functools.partial(objective_of, method),
            )
            if shared.affinities is affinities:
                return shared
            repulsion = shared
        gradient = KLGradient(
            matrix,
            repulsion,
            dof=key.dof,
            n_jobs=key.n_jobs,
            reference=problem.reference,
            whose=whose,
        )
        return Plan(key, gradient, affinities, whose=whose, follows=follows)

    def _terms(self, parameters: DescentParameters) -> Terms | None:
        """Return the prepared force terms: the last ones if they still fit, else new ones."""
        if not recipes_of(parameters.forces):
            self.state.backends.pop(POINT, None)
            return None
        key, affinities = ForceKey.of(parameters), self._affinity_matrix()
        field = self._reference_field()

        def made() -> Terms:
            problem = ForceProblem(
                n_samples=len(self),
                n_components=self.shape[1],
                dof=key.dof,
                n_jobs=key.n_jobs,
                affinities=self._symmetric(affinities) if field is None else affinities,
                neighbors=self._known_neighbors(),
                reference=None if field is None else field.positions,
            )
            return Terms.of(parameters, problem, affinities)

        terms = self.state.terms.find(key, affinities, made)
        self.state.backends[POINT] = terms.choice
        return terms

    def _symmetric(self, affinities: SparseAffinities) -> SparseAffinities:
        """Return the affinities made symmetric; the result for the last matrix is kept."""
        state = self.state
        if state.joint is None or state.joint[0] is not affinities:
            state.joint = affinities, symmetric(affinities)
        return state.joint[1]

    def _affinity_matrix(self) -> SparseAffinities:
        raise NotImplementedError

    def _reference_field(self) -> ReferenceField | None:
        raise NotImplementedError

    def _known_neighbors(self) -> NeighborGraph | None:
        """Return the neighbors of each point in the data, if they are known."""
        raise NotImplementedError

    def _seed(self) -> int:
        """Return the seed for gradient methods, the same one whenever it is asked for."""
        raise NotImplementedError
