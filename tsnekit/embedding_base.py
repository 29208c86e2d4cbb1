"""What full and partial embeddings share: being optimized."""

from __future__ import annotations

import dataclasses
import functools
import os
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tsnekit.backends import Choice, resolve_backend
from tsnekit.callbacks import CallbackRunner, IterationState, check_callbacks
from tsnekit.embedding_array import EmbeddingArray
from tsnekit.errors import InterruptedByUser, OptimizationInterrupt
from tsnekit.gradient import KLGradient
from tsnekit.interfaces import (
    Optimizer,
    Phase,
    RepulsionProblem,
    SparseAffinities,
    WholeGradient,
)
from tsnekit.optimize import descend
from tsnekit.parameters import DescentParameters
from tsnekit.pinning import PinnedOptimizer, check_fixed
from tsnekit.progress import ProgressBar, show_logs
from tsnekit.reference_field import ReferenceField
from tsnekit.run_state import RunState
from tsnekit.threads import resolve_n_jobs
from tsnekit.validation import MAX_POSITION, check_integer

__all__ = ["BaseEmbedding"]

Self = TypeVar("Self", bound="BaseEmbedding")


class BaseEmbedding(EmbeddingArray):
    """Positions (n, d), float32, that can be optimized."""

    @property
    def state(self) -> RunState:
        """Parameters, optimizer, chosen backends and times of this embedding."""
        if self._state is None:
            raise AttributeError(
                "this array was derived from an embedding and holds positions only; "
                "call the methods of the embedding itself"
            )
        return self._state

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer, with its state."""
        return self.state.optimizer

    @property
    def gradient_descent_params(self) -> dict[str, Any]:
        """The defaults of `optimize`, by name."""
        return {name: getattr(self.state.parameters, name) for name in DescentParameters.names()}

    @property
    def backends(self) -> dict[str, Choice]:
        """The backends that were chosen, and why, by extension point."""
        return dict(self.state.backends)

    @property
    def seconds(self) -> dict[str, float]:
        """The time spent on each step so far."""
        return dict(self.state.seconds)

    @property
    def kl_divergence(self) -> float:
        """The KL divergence of the embedding, computed when asked for."""
        return self._gradient(self.state.parameters).kl_divergence(self._positions())

    def optimize(
        self: Self,
        n_iter: int,
        inplace: bool = False,
        propagate_exception: bool = False,
        *,
        fixed: Any = None,
        **gradient_descent_params: Any,
    ) -> Self:
        """Run the optimization for a number of iterations.

        Momentum and gains are kept between calls, so that one call of 100 iterations equals 100
        calls of one. The affinities are never changed.

        Parameters
        ----------
        n_iter : int
            Number of iterations.
        inplace : bool, default=False
            Whether to move this embedding instead of a copy.
        propagate_exception : bool, default=False
            Whether a callback that ends the optimization raises `OptimizationInterrupt`; otherwise
            the embedding is returned as it is then.
        fixed : array-like of shape (n_samples,), bool or float, optional
            Points to hold while the others move: a mask, or weights from 0 for points that are
            free to 1 for points that stay where they are, to the bit; a point of weight w makes
            steps 1 - w as long. The map is not recentered while any point is held.
        **gradient_descent_params
            Parameters of gradient descent in place of the embedding's own:

            - ``learning_rate``, float or "auto": "auto" is n / exaggeration; for new points in an
              embedding, see `PartialTSNEEmbedding`.
            - ``exaggeration``, float or None: factor of the attractive forces, 1 by default.
            - ``momentum``, float.
            - ``negative_gradient_method``, str or GradientMethod: name of a gradient method,
              "auto", or an instance; and ``gradient_params``, mapping or None: its options.
            - ``theta``, float: trade-off of the Barnes-Hut method; 0 is exact.
            - ``n_interpolation_points``, ``min_num_intervals``, ``ints_in_interval``: grid of the
              fft method.
            - ``dof``, float: degrees of freedom of the kernel.
            - ``max_grad_norm``, ``max_step_norm``, float or None: bounds on the norm of each
              point's gradient and step.
            - ``n_jobs``, int: number of threads.
            - ``callbacks``, callable, list of callable or None: called as
              ``callback(iteration, error, embedding)``, see `tsnekit.callbacks`; and
              ``callbacks_every_iters``, int: how often.
            - ``verbose``, bool: whether to show a progress bar.

        Returns
        -------
        TSNEEmbedding or PartialTSNEEmbedding
            This embedding if `inplace`, else a new one.

        Raises
        ------
        OptimizationInterrupt
            If a callback ended the optimization and `propagate_exception` is set.
        InterruptedByUser
            On Ctrl-C; a KeyboardInterrupt whose ``final_embedding`` is the embedding as it was.
        TypeError, ValueError
            If a parameter is unknown or has no valid value; nothing has been done then.
        """
        n_iter = check_integer("n_iter", n_iter, at_least=0)
        held = check_fixed(fixed, len(self))
        parameters = self.state.parameters.replace(**gradient_descent_params)
        embedding = self if inplace else self.copy()
        try:
            embedding.run_phase("optimization", n_iter, parameters, held)
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
            Whether to include the data, in whose rows the neighbors of new rows are found; without
            it, the file is smaller and the restored embedding takes no new rows.

        Raises
        ------
        TypeError
            If a parameter or backend is not one that can be restored; nothing is written then.
        OSError
            If the file cannot be written; an existing one stays as it is.
        """
        from tsnekit.persistence import save

        save(self, path, data=data)

    def plot(self, labels: Any = None, ax: Any = None, **options: Any) -> Any:
        """Draw the embedding.

        Parameters
        ----------
        labels : array-like of shape (n_samples,), optional
            Classes or values, for the colours of the points.
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure, which pyplot does not know of.
        **options
            See `tsnekit.plot`.

        Returns
        -------
        matplotlib Axes
            The one that was drawn on.

        Raises
        ------
        TypeError, ValueError
            If the labels do not fit the embedding, or an option is not valid.
        """
        from tsnekit.plotting import plot

        return plot(self, labels, ax, **options)

    def run_phase(
        self,
        phase_name: str,
        n_iter: int,
        parameters: DescentParameters,
        fixed: NDArray[np.float32] | None = None,
    ) -> None:
        """Run one phase of the optimization, in place.

        Parameters
        ----------
        phase_name : str
            Shown by the progress bar, told to callbacks, and the key of `seconds`.
        n_iter : int
            Number of iterations.
        parameters : DescentParameters
        fixed : ndarray of shape (n_samples,), optional
            How firmly each point is held, checked.

        Raises
        ------
        OptimizationInterrupt
            If a callback ended the optimization.
        InterruptedByUser
            On Ctrl-C.
        ValueError
            If the map diverged.
        """
        state = self.state
        started = time.perf_counter()
        exaggeration = 1.0 if parameters.exaggeration is None else float(parameters.exaggeration)
        phase = Phase(
            name=phase_name,
            n_iter=n_iter,
            learning_rate=self._resolved_learning_rate(parameters.learning_rate, exaggeration),
            momentum=float(parameters.momentum),
            exaggeration=exaggeration,
            max_grad_norm=parameters.max_grad_norm,
            max_step_norm=parameters.max_step_norm,
            n_jobs=resolve_n_jobs(parameters.n_jobs),
        )
        callbacks = CallbackRunner(check_callbacks(parameters.callbacks), self)
        with show_logs(parameters.verbose):
            gradient = self._gradient(parameters)
        with ProgressBar(phase_name, n_iter, shown=parameters.verbose) as bar:
            callbacks.start()
            if not state.optimizer.state():
                state.optimizer.start(self._positions())
            pinned = None if fixed is None else PinnedOptimizer(state.optimizer, fixed)

            def call_back(iteration_state: IterationState) -> None:
                if pinned is not None:
                    pinned.release()
                callbacks(iteration_state)

            observers = [self._observer(gradient, phase, parameters, call_back, bar)]
            try:
                descend(
                    self._positions(),
                    gradient,
                    pinned or state.optimizer,
                    phase,
                    recenter=self._recentered and pinned is None,
                    observers=observers,
                )
                self._check_convergence(parameters)
            except KeyboardInterrupt:
                raise InterruptedByUser(self) from None
            finally:
                if pinned is not None:
                    pinned.release()
                elapsed = time.perf_counter() - started
                state.seconds[phase_name] = state.seconds.get(phase_name, 0.0) + elapsed

    def _check_convergence(self, parameters: DescentParameters) -> None:
        if not (np.abs(self._positions()) <= MAX_POSITION).all():
            raise ValueError(
                f"the optimization diverged: the map holds values beyond {MAX_POSITION:g}; try a "
                f"smaller learning_rate than {parameters.learning_rate!r}, or a bound on steps "
                f"instead of max_step_norm={parameters.max_step_norm!r}"
            )

    def _observer(
        self,
        gradient: WholeGradient,
        phase: Phase,
        parameters: DescentParameters,
        call_back: Callable[[IterationState], None],
        bar: ProgressBar,
    ) -> Callable[[int], None]:
        state = self.state
        every = parameters.callbacks_every_iters if check_callbacks(parameters.callbacks) else 0

        def observe(iteration: int) -> None:
            state.iteration += 1
            bar.advance()
            called = every > 0 and iteration % every == 0
            if not called and not bar.wants_error(iteration):
                return
            error = gradient.kl_divergence(self._positions())
            bar.show_error(error)
            if called:
                call_back(
                    IterationState(
                        iteration=iteration,
                        global_iteration=state.iteration,
                        phase=phase,
                        error=error,
                    )
                )

        return observe

    def _gradient(self, parameters: DescentParameters) -> WholeGradient:
        """Return the planned gradient, the last one where it still fits."""
        state = self.state
        field = self._reference_field()
        problem = RepulsionProblem(
            n_samples=len(self),
            n_components=self.shape[1],
            dof=float(parameters.dof),
            n_jobs=resolve_n_jobs(parameters.n_jobs),
        )
        if field is not None:
            problem = dataclasses.replace(problem, reference=field.positions, padding=field.padding)
        offered = parameters.offered_to_method()
        method = parameters.negative_gradient_method
        key = (
            method,
            repr(offered),
            repr(parameters.gradient_params),
            problem.dof,
            problem.n_jobs,
        )
        affinities = self._affinity_matrix()
        if state.plan is not None and state.plan[0] == key and state.plan[1] is affinities:
            return state.plan[2]
        backend = resolve_backend(
            "negative_gradient_method",
            method,
            problem,
            params=parameters.gradient_params,
            offered=offered,
        )
        problem = dataclasses.replace(problem, affinities=affinities)
        make = functools.partial(backend.instance.plan, problem)
        plan = make() if field is None else field.plan(key, make)
        gradient = (
            plan
            if isinstance(plan, WholeGradient)
            else KLGradient(
                affinities,
                plan,
                dof=problem.dof,
                n_jobs=problem.n_jobs,
                reference=problem.reference,
            )
        )
        state.backends["negative_gradient_method"] = backend.choice
        state.plan = (key, affinities, gradient)
        return gradient

    # -- What the kinds of embedding differ in -------------------------------------------------

    _recentered: bool

    def _affinity_matrix(self) -> SparseAffinities:
        raise NotImplementedError

    def _reference_field(self) -> ReferenceField | None:
        raise NotImplementedError

    def _resolved_learning_rate(self, learning_rate: float | str, exaggeration: float) -> float:
        raise NotImplementedError
