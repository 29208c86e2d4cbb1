"""The facade of a cluster: the parameters of one machine, and a client."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from tsnekit._backends.resolve import Choice, resolve_backend
from tsnekit._embedding.state import RunState
from tsnekit._facade import prepare as pipeline
from tsnekit._facade.phases import checked_parameters, neighbors_params_of, phases_of_fit
from tsnekit._facade.reasons import (
    kernel_of,
    reason_of_kernel,
    reason_of_optimizer,
    reason_of_parameter,
)
from tsnekit._facade.schedules import scheduled
from tsnekit._facade.tsne import TSNE as Facade  # noqa: N811
from tsnekit._util.process import show_logs
from tsnekit._util.progress import ProgressBar
from tsnekit._util.random_states import as_random_state
from tsnekit._util.validation import MAX_COUNT
from tsnekit.affinity._base import check_affinities
from tsnekit.callbacks import check_callbacks
from tsnekit.dask._affinities import affinities as compute_affinities
from tsnekit.dask._blocks import Blocks
from tsnekit.dask._cluster import check_cluster, find_client, threads_of
from tsnekit.dask._embedding import DaskEmbedding
from tsnekit.dask._initialization import check_initialization, initial_positions
from tsnekit.dask._interrupts import INTERRUPTS
from tsnekit.dask._joint import DaskAffinities
from tsnekit.dask._neighbors import find_neighbors
from tsnekit.dask._portable import check_on_workers
from tsnekit.dask._rows import Rows, rows_of
from tsnekit.dask._searches import Recipe
from tsnekit.errors import InterruptedByUser, OptimizationInterrupt
from tsnekit.interfaces import AffinityKernel

__all__ = ["TSNE"]


class TSNE(Facade):
    """t-distributed stochastic neighbor embedding, computed by the workers of a Dask cluster.

    Parameters
    ----------
    client : distributed.Client, optional
        The cluster. The default is the current client.
    **parameters
        Those of `tsnekit.TSNE`, with the same names, defaults and order. Some mean something else
        on a cluster: `n_jobs` is the number of threads of each worker, and negative numbers count
        the threads that Dask gave it. `callbacks` are called on a worker, with a copy of the
        positions in place of the map. `memory_limit`, and distances in place of rows, are refused.

    Examples
    --------
    >>> import dask.array as da
    >>> import distributed
    >>> from sklearn.datasets import load_iris
    >>> import tsnekit.dask
    >>> client = distributed.Client(n_workers=2, threads_per_worker=1)  # doctest: +SKIP
    >>> X = da.from_array(load_iris().data, chunks=(50, -1))  # doctest: +SKIP
    >>> tsnekit.dask.TSNE(client, random_state=0).fit(X)  # doctest: +SKIP
    <DaskEmbedding: 150 points in 2-D, 750 iterations, affinities in 8 blocks>
    """

    def __init__(self, client: Any = None, *args: Any, **parameters: Any) -> None:
        super().__init__(*args, **parameters)
        self.client = client

    def fit(  # type: ignore[override]
        self, X: Any = None, affinities: Any = None, initialization: Any = None
    ) -> DaskEmbedding:
        """Embed a data set, or affinities.

        Parameters
        ----------
        X : dask array or DataFrame of shape (n_samples, n_features), optional
            The data, in chunks of whole rows that are NumPy arrays or SciPy CSR matrices; see
            `open_rows` for files. Required unless `affinities` are given. The chunks are read
            several times. Data that takes long to compute should be persisted or saved before.
        affinities : DaskAffinities or Affinities, optional
            Affinities that were computed before, by another fit on this cluster or on this machine;
            then all parameters about perplexity and neighbors are ignored.
        initialization : str, array-like or Initializer, optional
            Replaces the parameter of that name. If there is no data, ``spectral`` replaces an
            initialization that needs data.

        Returns
        -------
        DaskEmbedding
            The optimized map.

        Raises
        ------
        ImportError
            If Dask is not installed.
        TypeError, ValueError
            If a parameter, the client or the data is not valid. All but invalid values in the data
            is found before any work starts. For these, the message names the chunk and the row.
        ClusterError
            If workers are lost and those that remain cannot go on; the message says where the last
            checkpoint is.
        InterruptedByUser
            On Ctrl-C during the optimization; its ``final_embedding`` is the map at that moment.
        """
        phases = phases_of_fit(self)
        total = sum(ending.at_most for _, ending, _ in phases)
        with INTERRUPTS, ProgressBar("neighbors", total, shown=self.verbose) as bar:
            embedding = self._prepared(X, affinities, initialization, bar)
            try:
                for name, ending, parameters in phases:
                    embedding.run_phase(name, ending, parameters, bar)
            except OptimizationInterrupt:
                pass
            except InterruptedByUser:
                raise
            except KeyboardInterrupt:  # between two phases
                raise InterruptedByUser(cast("Any", embedding)) from None
        return embedding

    def prepare_initial(  # type: ignore[override]
        self, X: Any = None, affinities: Any = None, initialization: Any = None
    ) -> DaskEmbedding:
        """Compute affinities and initial positions, without optimizing.

        Parameters
        ----------
        X, affinities, initialization
            As for `fit`.

        Returns
        -------
        DaskEmbedding
            Ready to be optimized.

        Raises
        ------
        ImportError, TypeError, ValueError
            As for `fit`.
        """
        checked_parameters(self)
        with ProgressBar("neighbors", 0, shown=self.verbose) as bar:
            return self._prepared(X, affinities, initialization, bar)

    def _prepared(
        self, X: Any, affinities: Any, initialization: Any, bar: ProgressBar
    ) -> DaskEmbedding:
        _, parameters = checked_parameters(self)
        if self.memory_limit is not None:
            raise ValueError(
                "memory_limit is for one machine; each worker of a cluster has its own limit, as "
                "in distributed.LocalCluster(memory_limit='4GB')"
            )
        client = find_client(self.client)
        threads = check_cluster(client)
        n_jobs = threads_of(self.n_jobs, threads)
        start_reason = (
            reason_of_parameter(self, "initialization") if initialization is None else None
        )
        initialization = self.initialization if initialization is None else initialization
        rng = as_random_state(self.random_state)
        # The seed is always drawn, so that a random start is the same with and without a search.
        seed = int(rng.randint(np.iinfo(np.int32).max))
        if affinities is None and X is None:
            raise ValueError("fit needs X or affinities; both are None")
        seconds: dict[str, float] = {}
        choices: dict[str, Choice] = {}
        rows = None if X is None else rows_of(X, client)
        if affinities is not None and not isinstance(affinities, DaskAffinities):
            check_affinities(affinities)
        n = affinities.n_samples if rows is None else rows.n_samples
        if n < 2:
            raise ValueError(f"a map needs at least 2 rows, got {n}")
        initialization = check_initialization(
            initialization,
            self.initialization_params,
            n_samples=n,
            n_components=self.n_components,
        )
        pipeline.check_gradient_method(parameters, n, self.n_components)
        check_on_workers(check_callbacks(parameters.callbacks), parameters, n, self.n_components)
        with show_logs(self.verbose):
            optimizer = pipeline.build_optimizer(
                scheduled(self)["optimizer"],
                self.optimizer_params,
                reason_of_optimizer(self),
                choices,
            )
        blocks = Blocks.for_workers(n, len(threads))
        if affinities is not None:
            joint = _given_affinities(affinities, client, n, blocks)
        else:
            assert rows is not None
            joint = self._affinities(rows, client, blocks, n_jobs, seed, seconds, choices, bar)
        bar.describe("initialization")
        started = time.perf_counter()
        with show_logs(self.verbose):
            positions = initial_positions(
                client,
                rows,
                joint.blocks,
                joint.present(),
                initialization=initialization,
                params=self.initialization_params,
                n_components=self.n_components,
                seed=rng,
                n_jobs=n_jobs,
                reason=start_reason,
                choices=choices,
            )
        seconds["initialization"] = time.perf_counter() - started
        if optimizer.state():
            optimizer.start(positions)  # a fit does not go on from an earlier one
        state = RunState(parameters, optimizer, backends=choices, seconds=seconds)
        return DaskEmbedding(positions, joint, state, self.random_state)

    def _affinities(
        self,
        rows: Rows,
        client: Any,
        blocks: Blocks,
        n_jobs: int,
        seed: int,
        seconds: dict[str, float],
        choices: dict[str, Choice],
        bar: ProgressBar,
    ) -> DaskAffinities:
        """Search neighbors and turn their distances into affinities, on the workers."""
        with show_logs(self.verbose):
            kernel = resolve_backend(
                "affinity",
                kernel_of(self),
                params=self.affinity_params,
                facade_params={"perplexity": self.perplexity, "perplexities": self.perplexity},
                reason=reason_of_kernel(self),
            )
        _check_perplexities(kernel.instance, rows.n_samples)
        started = time.perf_counter()
        neighbors = find_neighbors(
            client,
            rows,
            blocks,
            neighbors=self.neighbors,
            neighbors_params=neighbors_params_of(self),
            metric=self.metric,
            metric_params=self.metric_params,
            k=kernel.instance.n_neighbors(rows.n_samples),
            seed=seed,
            n_jobs=n_jobs,
            verbose=self.verbose,
        )
        found = time.perf_counter()
        bar.describe("affinities")
        matrices = compute_affinities(
            client, neighbors.graphs, blocks, kernel.instance, n_jobs=n_jobs
        )
        seconds |= {"neighbors": found - started, "affinities": time.perf_counter() - found}
        choices |= {"neighbors": neighbors.choice, "affinity": kernel.choice}
        # The neighbors are as large as P, and are not needed any more.
        neighbors = neighbors.without_graphs()
        recipe = Recipe(
            method=self.neighbors,
            params=neighbors_params_of(self),
            metric=self.metric,
            metric_params=self.metric_params,
            n_jobs=n_jobs,
            feature_names=rows.feature_names,
        )
        shape = rows.n_samples, rows.n_features
        search, problem = recipe.of_all_rows(shape, rows.sparse, seed)
        return DaskAffinities(
            client,
            blocks,
            matrices,
            kernel=kernel.instance,
            rows=rows,
            search=search.instance,
            problem=problem,
            neighbors=lambda: neighbors,
        )

    def __sklearn_clone__(self) -> TSNE:
        # A client cannot be copied.
        return type(self)(**self.get_params(deep=False))

    def __getstate__(self) -> Mapping[str, Any]:
        # A client belongs to its process.
        return dict(super().__getstate__()) | {"client": None}


def _signature() -> inspect.Signature:
    """Return the signature of the class: a client, and the parameters of one machine."""
    own = inspect.signature(TSNE.__init__).parameters
    of_facade = list(inspect.signature(Facade.__init__).parameters.values())
    return inspect.Signature([own["self"], own["client"], *of_facade[1:]], return_annotation=None)


# scikit-learn, and the documentation, read the parameters of a class from its signature.
TSNE.__init__.__signature__ = _signature()  # type: ignore[attr-defined]


def _given_affinities(given: Any, client: Any, n: int, blocks: Blocks) -> DaskAffinities:
    """Return affinities that the user gave, on the workers."""
    joint = given if isinstance(given, DaskAffinities) else None
    if joint is not None and joint.client is not client:
        raise ValueError("affinities are on the workers of another client")
    if joint is None:
        joint = DaskAffinities.divided(client, given, blocks)
    if joint.n_samples != n:
        raise ValueError(
            f"X has {n} rows, but affinities are those of {joint.n_samples}; give X and the "
            "affinities of the same rows"
        )
    return joint


def _check_perplexities(kernel: AffinityKernel, n_samples: int) -> None:
    """Check that there are enough rows for the perplexities of a kernel, if it has any.

    On one machine, too large ones are lowered. A cluster is for data whose perplexity is known to
    fit, and a long run should not start with a mistake.
    """
    if not hasattr(kernel, "effective_perplexities"):
        return
    wanted = kernel.effective_perplexities(MAX_COUNT)
    if kernel.effective_perplexities(n_samples - 1) != wanted:
        raise ValueError(
            f"perplexity {max(wanted):g} is too large for {n_samples} rows; each row has "
            f"{n_samples - 1} others, which is enough for {max(1.0, (n_samples - 1) / 3):.4g}"
        )
