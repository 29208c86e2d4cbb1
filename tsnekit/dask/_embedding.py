"""Maps that a cluster computed: positions here, affinities on the workers."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from tsnekit._backends.missing import check_installed
from tsnekit._descent.course import Course
from tsnekit._descent.endings import Ending, check_iterations
from tsnekit._descent.loop import check_convergence
from tsnekit._descent.parameters import DescentParameters, lists_parameters
from tsnekit._embedding.drawn import Drawn
from tsnekit._embedding.full import TSNEEmbedding
from tsnekit._embedding.state import HasRunState, RunState
from tsnekit._util.process import show_logs
from tsnekit._util.progress import ERROR_EVERY, ProgressBar
from tsnekit.affinity._base import Affinities
from tsnekit.callbacks import check_callbacks
from tsnekit.dask._cluster import check_cluster, find_client, threads_of
from tsnekit.dask._joint import DaskAffinities
from tsnekit.dask._portable import check_on_workers, take_over, without_state
from tsnekit.errors import InterruptedByUser, OptimizationInterrupt

if TYPE_CHECKING:
    from tsnekit.dask._run import PhaseResult

__all__ = ["DaskEmbedding"]


class DaskEmbedding(HasRunState, Drawn):
    """A map whose affinities are on the workers of a cluster, and whose positions are here.

    `tsnekit.dask.TSNE.fit` makes it, and `tsnekit.dask.load` reads it from a file. It has the
    habits of `tsnekit.TSNEEmbedding`. NumPy reads it as an array of its positions.

    Parameters
    ----------
    positions : ndarray of shape (n_samples, n_components), float32
        Checked.
    affinities : DaskAffinities
        The affinities of the rows.
    state : RunState
        Parameters, optimizer, chosen backends and times.
    random_state : int, RandomState, Generator or None
        Seed for what is random when new points are added.

    Attributes
    ----------
    affinities : DaskAffinities
        P, block by block on the workers; `TSNE.fit` takes it for another map.
    state : RunState
        Parameters, optimizer, chosen backends and times.
    """

    def __init__(
        self,
        positions: NDArray[np.float32],
        affinities: DaskAffinities,
        state: RunState,
        random_state: Any = None,
    ) -> None:
        self._positions = positions
        self.affinities = affinities
        self.state = state
        self.random_state = random_state

    # -- An array of positions -----------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, int]:
        """The number of points and of dimensions."""
        n, d = self._positions.shape
        return n, d

    def __len__(self) -> int:
        return len(self._positions)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("the positions of a DaskEmbedding are always given as a copy")
        return np.array(self._positions, dtype=dtype)

    def compute(self) -> NDArray[np.float32]:
        """Return the positions.

        Returns
        -------
        ndarray of shape (n_samples, n_components), float32
            A copy.
        """
        with self.state.lock:
            return self._positions.copy()

    def __repr__(self) -> str:
        n, d = self.shape
        return (
            f"<{type(self).__name__}: {n:,} points in {d}-D, {self.state.iteration:,} iterations, "
            f"affinities in {len(self.affinities.blocks)} blocks>"
        )

    # -- What is known of it -------------------------------------------------------------------

    @property
    def kl_divergence(self) -> float:
        """The KL divergence of the map, which the workers compute when it is asked for."""
        from tsnekit.dask._run import evaluate

        client, n_jobs = self._cluster(self.state.parameters)
        return evaluate(
            client,
            affinity_blocks=self.affinities.matrices,
            blocks=self.affinities.blocks,
            positions=self.compute(),
            parameters=self.state.parameters,
            n_jobs=n_jobs,
        )

    # -- The optimization ----------------------------------------------------------------------

    @lists_parameters
    def optimize(
        self,
        n_iter: int | str,
        inplace: bool = False,
        propagate_exception: bool = False,
        **gradient_descent_params: Any,
    ) -> DaskEmbedding:
        """Run the optimization for a number of iterations, on all workers together.

        Momentum and gains are kept between calls.

        Parameters
        ----------
        n_iter : int or "auto"
            Number of iterations. "auto" ends when the KL divergence changes little (see
            ``tolerance`` below), after 100 to 1,000 iterations.
        inplace : bool, default=False
            Whether to move this map instead of a copy. Both have the same affinities.
        propagate_exception : bool, default=False
            Whether a callback that ends the optimization raises `OptimizationInterrupt`; otherwise
            the map is returned as it is then.
        **gradient_descent_params
            Parameters of gradient descent in place of the map's own:

            {parameters}

        Returns
        -------
        DaskEmbedding
            This map if `inplace`, else a new one.

        Raises
        ------
        OptimizationInterrupt
            If a callback ended the optimization and `propagate_exception` is set.
        InterruptedByUser
            On Ctrl-C. It is a KeyboardInterrupt; its ``final_embedding`` is the map after the last
            whole iteration.
        ClusterError
            If workers are lost and those that remain cannot go on; the message says where the last
            checkpoint is.
        TypeError, ValueError
            If a parameter is unknown or not valid; raised before any work starts.
        """
        check_iterations("n_iter", n_iter)
        parameters = self.state.parameters.replace(**gradient_descent_params)
        embedding = self if inplace else self.copy()
        ending = parameters.ending_of_optimization(n_iter)
        with ProgressBar("optimization", ending.at_most, shown=parameters.verbose) as bar:
            try:
                embedding.run_phase("optimization", ending, parameters, bar)
            except OptimizationInterrupt:
                if propagate_exception:
                    raise
        return embedding

    def copy(self) -> DaskEmbedding:
        """Return a map that can be optimized on its own; both have the same affinities."""
        with self.state.lock:
            return DaskEmbedding(
                self._positions.copy(), self.affinities, self.state.copied(), self.random_state
            )

    def run_phase(
        self, phase_name: str, ending: Ending, parameters: DescentParameters, bar: ProgressBar
    ) -> None:
        """Run one phase of the optimization, in place.

        Parameters
        ----------
        phase_name : str
            Shown by the progress bar, and the key of `seconds` and `endings`.
        ending : Ending
            Made for this phase.
        parameters : DescentParameters
        bar : ProgressBar
            Of the whole fit.

        Raises
        ------
        OptimizationInterrupt, InterruptedByUser, ClusterError
            See `optimize`.
        TypeError
            If a callback needs a map that can be saved.
        ValueError
            If the map diverged.
        """
        from tsnekit.dask._run import run_phase

        state, callbacks = self.state, check_callbacks(parameters.callbacks)
        check_installed(state.optimizer, parameters.negative_gradient_method)
        check_on_workers(callbacks, parameters, *self.shape)
        started, iterations = time.perf_counter(), state.iteration
        reason = "an error ended it"
        with state.phase_lock:
            bar.describe(phase_name)
            shown = 0

            def show(iteration: int, error: float | None) -> None:
                nonlocal shown
                bar.advance(iteration - shown)
                shown = iteration
                if error is not None:
                    bar.show_error(error)

            try:
                client, n_jobs = self._cluster(parameters)
                parameters = parameters.replace(n_jobs=n_jobs)
                with show_logs(parameters.verbose):
                    result = run_phase(
                        client,
                        affinity_blocks=self.affinities.matrices,
                        blocks=self.affinities.blocks,
                        positions=self.compute(),
                        optimizer=without_state(state.optimizer, self.shape[1]),
                        optimizer_state=state.optimizer.state(),
                        course=Course.of(phase_name, ending, parameters, len(self)),
                        parameters=parameters,
                        iteration=state.iteration,
                        exaggeration=state.exaggeration,
                        n_jobs=n_jobs,
                        error_every=ERROR_EVERY if parameters.verbose else 0,
                        final_divergence=bool(callbacks),
                        defaults=state.parameters.values(),
                        on_progress=show,
                    )
                reason = result.reason
                show(result.n_iter, None)
                bar.shorten(ending.at_most - result.n_iter)
                self._move(result)
                take_over(callbacks, result.callbacks)
                if result.interrupted:
                    raise InterruptedByUser(cast("Any", self))
                check_convergence(self._positions, parameters)
                if result.stopped:
                    raise OptimizationInterrupt(result.divergence, cast("Any", self))
            except InterruptedByUser:
                raise
            except KeyboardInterrupt:
                reason = "Ctrl-C ended it"
                raise InterruptedByUser(cast("Any", self)) from None
            finally:
                with show_logs(parameters.verbose):
                    state.end_phase(phase_name, started, iterations, reason)

    def _move(self, result: PhaseResult) -> None:
        """Take over where a phase left the map."""
        state = self.state
        with state.lock:
            self._positions = np.array(result.positions, dtype=np.float32, order="C")
            if result.optimizer_state:
                if not state.optimizer.state():
                    state.optimizer.start(self._positions)
                state.optimizer.restore(result.optimizer_state)
            state.iteration, state.exaggeration = result.iteration, result.exaggeration
            state.backends["negative_gradient_method"] = result.method

    # -- What else can be done with it ---------------------------------------------------------

    def transform(
        self,
        X: Any,
        perplexity: Any = 5,
        initialization: Any = "median",
        k: int = 25,
        learning_rate: float | str = 0.1,
        early_exaggeration: float = 4,
        early_exaggeration_iter: int = 0,
        exaggeration: float = 1.5,
        n_iter: int = 250,
        initial_momentum: float = 0.8,
        final_momentum: float = 0.8,
        max_grad_norm: float | None = 0.25,
        max_step_norm: float | None = None,
    ) -> Any:
        """Place new rows on this map, which stays as it is, chunk by chunk.

        Each new point feels the map and no other new point. Nothing is computed before the result
        is used.

        Parameters
        ----------
        X : dask array or DataFrame of shape (n_new, n_features)
            New rows, in chunks as for `TSNE.fit`.
        perplexity : float, default=5
            Perplexity of the new points' affinities to the embedded ones.
        initialization : {"median", "weighted", "random"} or array-like, default="median"
            Where the new points start; see `tsnekit.TSNEEmbedding.prepare_partial`.
        k : int, default=25
            How many nearest neighbors to look at for the start.
        learning_rate : float or "auto", default=0.1
            "auto" is 1 / exaggeration; see `tsnekit.PartialTSNEEmbedding`.
        early_exaggeration : float, default=4
            Exaggeration of the first phase.
        early_exaggeration_iter : int, default=0
            Iterations of the first phase.
        exaggeration : float, default=1.5
            Exaggeration of the second phase.
        n_iter : int, default=250
            Iterations of the second phase.
        initial_momentum, final_momentum : float, default=0.8
            Momentum of the two phases.
        max_grad_norm : float or None, default=0.25
            Bound on the norm of each point's gradient.
        max_step_norm : float or None, default=None
            Bound on the norm of each point's step.

        Returns
        -------
        dask array of shape (n_new, n_components), float32
            The positions, in the chunks of `X`. ``compute()`` needs the client of the map as the
            current client; ``client.compute(...)`` does not.

        Raises
        ------
        TypeError, ValueError
            If the rows are not like the data, a parameter is not valid, or the map does not have
            its data.
        """
        from tsnekit.dask._transform import transform

        return transform(
            self,
            X,
            perplexity=perplexity,
            initialization=initialization,
            k=k,
            learning_rate=learning_rate,
            early_exaggeration=early_exaggeration,
            early_exaggeration_iter=early_exaggeration_iter,
            exaggeration=exaggeration,
            n_iter=n_iter,
            initial_momentum=initial_momentum,
            final_momentum=final_momentum,
            max_grad_norm=max_grad_norm,
            max_step_norm=max_step_norm,
        )

    def to_local(self) -> TSNEEmbedding:
        """Return a map for this machine, which holds all affinities.

        Optimization continues where this map is. The new map does not have the data, and cannot
        place new rows; a file that `save` writes has it.

        Returns
        -------
        TSNEEmbedding

        Raises
        ------
        MemoryError
            If the affinities are larger than the memory of this machine.
        """
        find_client(self.affinities.client)
        affinities = Affinities()
        affinities._matrix = self.affinities.local()
        with self.state.lock:
            embedding = TSNEEmbedding(
                self._positions,
                affinities,
                random_state=self.random_state,
                **self.state.parameters.values(),
            )
            embedding._state = self.state.copied()
        return embedding

    def save(self, path: str | os.PathLike[str], *, data: bool = True) -> None:
        """Save the map to one file, for `tsnekit.dask.load` and for `tsnekit.load`.

        The affinities and the data pass through this machine block by block. An existing file is
        replaced only when the new one is complete.

        Parameters
        ----------
        path : path-like
            The name is taken as it is; no extension is added.
        data : bool, default=True
            Whether to include the data, which new rows need. Without it, the file is smaller, and
            `tsnekit.dask.load` can be given the data.

        Raises
        ------
        TypeError
            If a parameter or backend cannot be restored from a file; nothing is written then.
        OSError
            If the file cannot be written; an existing one stays as it is.
        """
        from tsnekit.dask._files import save

        save(self, path, data=data)

    def _cluster(self, parameters: DescentParameters) -> tuple[Any, int]:
        """Return the client, checked, and the number of threads of each worker."""
        client = find_client(self.affinities.client)
        return client, threads_of(parameters.n_jobs, check_cluster(client))
