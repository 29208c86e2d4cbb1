"""What full and partial embeddings share: the optimization."""

from __future__ import annotations

import os
import time
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tsnekit._backends.contracts import (
    check_state,
)
from tsnekit._backends.missing import check_installed
from tsnekit._descent.course import Course
from tsnekit._descent.endings import Ending, check_iterations
from tsnekit._descent.engine import descend_at_once, is_engine_for
from tsnekit._descent.fixed import FixedPointsOptimizer, check_fixed, tell_rows
from tsnekit._descent.loop import Centering, Observer, check_convergence, descend
from tsnekit._descent.losses import losses_in_force, losses_of, objective_in_force
from tsnekit._descent.parameters import DescentParameters, lists_parameters
from tsnekit._descent.plan import Plan
from tsnekit._descent.recipes import check_windows, terms_of
from tsnekit._descent.terms import Terms
from tsnekit._embedding.described import as_text
from tsnekit._embedding.planning import PlannedEmbedding
from tsnekit._util.process import show_logs
from tsnekit._util.progress import ProgressBar
from tsnekit.callbacks import CallbackRunner, IterationState, check_callbacks
from tsnekit.errors import InterruptedByUser, OptimizationInterrupt
from tsnekit.interfaces import (
    MapRows,
    Optimizer,
    Phase,
)
from tsnekit.specs import KL_DIVERGENCE

__all__ = ["BaseEmbedding"]

Self = TypeVar("Self", bound="BaseEmbedding")


class BaseEmbedding(PlannedEmbedding):
    """Positions (n, d), float32, that can be optimized."""

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer, with its state."""
        return self.state.optimizer

    @property
    def kl_divergence(self) -> float:
        """The KL divergence of the embedding, computed when asked for.

        Any thread may read it. If another thread optimizes this embedding in place, the divergence
        is that of the positions between two iterations.
        """
        return self._plan(self.state.parameters).kl_divergence(self._snapshot())

    @property
    def losses(self) -> dict[str, float]:
        """The losses of the embedding by name, computed when asked for.

        There is always "KL divergence". A gradient method with another objective has its loss here,
        and so has each force term, without its weight, whether it acts now or not.
        """
        parameters = self.state.parameters
        return losses_of(self._plan(parameters), self._terms(parameters), self._snapshot())

    @lists_parameters
    def optimize(
        self: Self,
        n_iter: int | str,
        inplace: bool = False,
        propagate_exception: bool = False,
        *,
        fixed: Any = None,
        **gradient_descent_params: Any,
    ) -> Self:
        """Run the optimization for a number of iterations.

        Momentum and gains are kept between calls, so that one call of 100 iterations equals 100
        calls of one. The affinities are never changed. Other threads may read `kl_divergence` and
        make copies meanwhile, also of an embedding that is optimized in place: they get positions
        and optimizer as they were between two iterations.

        Parameters
        ----------
        n_iter : int or "auto"
            Number of iterations. "auto" ends when the KL divergence changes little (see
            ``tolerance`` below), after 100 to 1,000 iterations.
        inplace : bool, default=False
            Whether to move this embedding instead of a copy.
        propagate_exception : bool, default=False
            Whether a callback that ends the optimization raises `OptimizationInterrupt`; otherwise
            the embedding is returned as it is then.
        fixed : array-like of shape (n_samples,), bool or float, optional
            Points that stay while the others move: a mask, or weights from 0 for points that are
            free to 1 for points that stay where they are, to the bit. The steps of a point with
            weight w are multiplied by 1 - w. The map is not recentered while any point is fixed.
        **gradient_descent_params
            Parameters of gradient descent in place of the embedding's own:

            {parameters}

        Returns
        -------
        TSNEEmbedding or PartialTSNEEmbedding
            This embedding if `inplace`, else a new one.

        Raises
        ------
        OptimizationInterrupt
            If a callback ended the optimization and `propagate_exception` is set.
        InterruptedByUser
            On Ctrl-C. It is a KeyboardInterrupt; its ``final_embedding`` is the embedding after the
            last whole iteration.
        TypeError, ValueError
            If a parameter is unknown or not valid; raised before any work starts.
        """
        check_iterations("n_iter", n_iter)
        weights = check_fixed(fixed, len(self))
        parameters = self.state.parameters.replace(**gradient_descent_params)
        embedding = self if inplace else self.copy()
        ending = parameters.ending_of_optimization(n_iter)
        try:
            embedding.run_phase("optimization", ending, parameters, weights)
        except OptimizationInterrupt:
            if propagate_exception:
                raise
        return embedding

    def save(self, path: str | os.PathLike[str], *, data: bool = True) -> None:
        """Save the embedding to one file, from which `tsnekit.load` restores it to the bit.

        The file holds positions, affinities with neighbors and data, parameters, and the state of
        the optimizer, as plain arrays and JSON; callbacks are not kept. An existing file is
        replaced only when the new one is complete.

        Parameters
        ----------
        path : path-like
            The name is taken as it is; no extension is added.
        data : bool, default=True
            Whether to include the data. Without the data, the file is smaller, but the restored
            embedding cannot place new rows, whose neighbors are searched in the data.

        Raises
        ------
        TypeError
            If a parameter or backend cannot be restored from a file; nothing is written then.
        OSError
            If the file cannot be written; an existing one stays as it is.
        """
        from tsnekit._files.embedding import save

        save(self.copy(), path, data=data)

    def __repr__(self) -> str:
        return super().__repr__() if self._state is None else self._described()

    def _repr_html_(self) -> str | None:
        if self._state is None:
            return None
        from tsnekit._embedding.described import as_html

        return as_html(self, self._described())

    def _described(self) -> str:
        return as_text(self)

    def run_phase(
        self,
        phase_name: str,
        ending: Ending,
        parameters: DescentParameters,
        fixed: NDArray[np.float32] | None = None,
    ) -> None:
        """Run one phase of the optimization, in place.

        Parameters
        ----------
        phase_name : str
            Shown by the progress bar, passed to callbacks, and the key of `seconds` and `endings`.
        ending : Ending
            Made for this phase.
        parameters : DescentParameters
        fixed : ndarray of shape (n_samples,), optional
            How much each point is fixed, checked.

        Raises
        ------
        OptimizationInterrupt
            If a callback ended the optimization.
        InterruptedByUser
            On Ctrl-C.
        ValueError
            If the map diverged, or a backend is missing that it was saved with.
        """
        state = self.state
        check_installed(
            state.optimizer, parameters.negative_gradient_method, *terms_of(parameters.forces)
        )
        check_windows(parameters.forces, [(phase_name, ending, parameters)])
        started, iterations = time.perf_counter(), state.iteration
        course = Course.of(phase_name, ending, parameters, self._n_auto())
        centering = Centering(self.shape[1], course.phase.n_jobs)
        callbacks = CallbackRunner(check_callbacks(parameters.callbacks), self)
        reason = "an error ended it"
        with state.phase_lock:
            try:
                with show_logs(parameters.verbose):
                    plan, terms = self._plan(parameters), self._terms(parameters)
                weights = {} if terms is None else terms.acting(phase_name, 0)
                ending.watched = f"the {objective_in_force(plan, weights)}"
                with ProgressBar(phase_name, ending.at_most, shown=parameters.verbose) as bar:
                    callbacks.start()
                    optimizer = self._started_optimizer(fixed)
                    observers = [self._observer(plan, terms, course, parameters, callbacks, bar)]
                    forced = terms is not None and terms.act_in(phase_name)
                    if fixed is None and not forced and is_engine_for(plan, optimizer):
                        reason = descend_at_once(
                            self._positions(),
                            plan,
                            optimizer,
                            course,
                            progress=state,
                            every=_every(parameters),
                            observers=observers,
                        )
                    else:
                        reason = descend(
                            self._positions(),
                            plan,
                            optimizer,
                            course,
                            terms=terms,
                            recenter=centering if self._recentered and fixed is None else None,
                            enter_phase=plan.enter_phase,
                            progress=state,
                            whose=plan.whose,
                            observers=observers,
                        )
                check_convergence(self._positions(), parameters)
            except OptimizationInterrupt:
                reason = "a callback ended it"
                raise
            except KeyboardInterrupt:
                reason = "Ctrl-C ended it"
                raise InterruptedByUser(self) from None
            finally:
                with show_logs(parameters.verbose):
                    state.end_phase(phase_name, started, iterations, reason)

    def _started_optimizer(self, fixed: NDArray[np.float32] | None) -> Optimizer:
        optimizer = self.state.optimizer
        with self.state.lock:
            if not optimizer.state():
                optimizer.start(self._positions())
            check_state(optimizer)
            if fixed is not None:
                return FixedPointsOptimizer(optimizer, fixed)
            everything, free = np.arange(len(self)), np.zeros(len(self), dtype=np.float32)
            tell_rows(optimizer, MapRows(n_samples=len(self), moving=everything, fixed=free))
            return optimizer

    def _observer(
        self,
        plan: Plan,
        terms: Terms | None,
        course: Course,
        parameters: DescentParameters,
        callbacks: CallbackRunner,
        bar: ProgressBar,
    ) -> Observer:
        every = _every(parameters)

        def observe(iteration: int, phase: Phase) -> None:
            bar.advance()
            called = every > 0 and iteration % every == 0
            if not called and not bar.wants_error(iteration):
                return
            share = (iteration - 1) / course.ending.at_most
            losses = losses_in_force(plan, terms, self._positions(), phase.name, share)
            others = {k: v for k, v in losses.parts.items() if k != KL_DIVERGENCE}
            bar.show_error(losses.parts[KL_DIVERGENCE], others)
            if called:
                callbacks(
                    IterationState(
                        iteration=iteration,
                        global_iteration=self.state.iteration,
                        phase=phase,
                        error=losses.parts[KL_DIVERGENCE],
                        losses=losses.parts,
                        objective=losses.objective,
                        loss=losses.total,
                    )
                )

        return observe

    def _snapshot(self) -> NDArray[np.float32]:
        """Return a copy of the positions between two iterations."""
        with self.state.lock:
            return self._positions().copy()

    # -- What differs between full and partial embeddings --------------------------------------

    _recentered: bool

    def _n_auto(self) -> int:
        """Return the number of samples that a learning rate of "auto" is for."""
        raise NotImplementedError


def _every(parameters: DescentParameters) -> int:
    """Return the iterations from one call of the callbacks to the next, 0 without callbacks."""
    return parameters.callbacks_every_iters if check_callbacks(parameters.callbacks) else 0
