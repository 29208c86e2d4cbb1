"""The documented facade: parameters in, pipeline out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from tsnekit._backends.resolve import check_name
from tsnekit._descent.endings import Ending, check_iterations, ending_of_early
from tsnekit._descent.parameters import DescentParameters
from tsnekit._descent.recipes import check_windows
from tsnekit._embedding.full import TSNEEmbedding
from tsnekit._facade import prepare as pipeline
from tsnekit._facade.reasons import (
    kernel_of,
    reason_of_kernel,
    reason_of_optimizer,
    reason_of_parameter,
)
from tsnekit._facade.schedules import early_exaggeration_of, scheduled
from tsnekit._util.process import show_logs
from tsnekit._util.threads import resolve_n_jobs
from tsnekit._util.validation import (
    check_data,
    check_integer,
    check_real,
    column_names,
    short_repr,
)
from tsnekit.affinity._base import check_affinities
from tsnekit.affinity._memory import parse_bytes
from tsnekit.affinity._search import check_neighbors
from tsnekit.errors import OptimizationInterrupt

if TYPE_CHECKING:
    from tsnekit.affinity._base import Affinities

__all__ = ["TSNE"]


class TSNE(BaseEstimator):
    """t-distributed stochastic neighbor embedding.

    Parameters
    ----------
    n_components : int, default=2
        Dimensions of the embedding. The approximate gradient methods support 1 to 3 (``fft`` 1 and
        2), and ``exact`` any number.
    perplexity : float or sequence of float, default=30
        Effective number of neighbors whose distances the embedding tries to keep. Several values
        give the mixture of their affinities.
    learning_rate : float or "auto", default="auto"
        "auto" is n_samples / exaggeration, in each of the two phases (Belkina et al., 2019).
    early_exaggeration_iter : int or "auto", default=250
        Iterations of the early exaggeration phase. "auto" ends it when the KL divergence no longer
        falls steeply, after 30 to 250 iterations.
    early_exaggeration : float or "auto", default="auto"
        Factor of the attractive forces in the early exaggeration phase; "auto" is 12, or
        `exaggeration` if that is more.
    n_iter : int or "auto", default=500
        Iterations of the phase that follows. "auto" ends it when the KL divergence changes little
        (see `tolerance`), after 100 to 1,000 iterations.
    exaggeration : float, optional
        Factor of the attractive forces in the phase that follows, 1 by default. More gives denser
        clusters.
    dof : float, default=1
        Degrees of freedom of the kernel (1 + r^2 / dof)^-dof, from 1e-30 to 1e30. Less than 1
        gives heavier tails and finer clusters (Kobak et al., 2019).
    theta : float, default=0.5
        Trade-off between speed and accuracy of the Barnes-Hut method; 0 is exact.
    n_interpolation_points : int, default=3
        Interpolation points per grid interval and dimension, for ``fft``.
    min_num_intervals : int, default=50
        The least number of grid intervals along the longest side of the map, for ``fft``.
    ints_in_interval : float, default=1
        The greatest width of a grid interval, for ``fft``; less is more accurate.
    initialization : str, array-like of shape (n_samples, n_components) or Initializer, \
default="pca"
        ``pca``, ``spectral``, ``random``, a plugin's name, an instance, or positions. Given
        positions should have a small standard deviation, such as 1e-4.
    metric : str or callable, default="euclidean"
        Metric of the data space.
    metric_params : dict, optional
        Keyword arguments of the metric.
    initial_momentum : float, default=0.8
        Momentum of the early exaggeration phase.
    final_momentum : float, default=0.8
        Momentum of the phase that follows.
    max_grad_norm : float, optional
        Bound on the norm of each point's gradient.
    max_step_norm : float, default=5
        Bound on the norm of each point's step; None for none.
    n_jobs : int, default=1
        Number of threads; -1 for all processors, -2 for all but one, and so on.
    neighbors : str or NeighborSearch, default="auto"
        ``exact``, ``annoy``, ``forest``, ``pynndescent``, ``hnsw``, ``precomputed``, a plugin's
        name, an instance, or a rule: ``auto`` is exact below 1,000 rows and ``approx`` above,
        ``approx`` is Annoy for dense data in a metric that Annoy has, else PyNNDescent, and
        ``fastest`` is the search with the lowest expected time.
    negative_gradient_method : str or GradientMethod, default="auto"
        ``bh`` (or ``BH``, ``barnes-hut``, ``barnes_hut``), ``fft`` (or ``FFT``,
        ``interpolation``), ``mesh``, ``exact``, a plugin's name, an instance, or ``auto`` for the
        faster one.
    callbacks : callable or list of callable, optional
        Called as ``callback(iteration, error, embedding)``; see `tsnekit.callbacks`.
    callbacks_every_iters : int, default=50
        Iterations between two calls of the callbacks.
    random_state : int, RandomState or None, default=None
        Seed; None draws from ``numpy.random``.
    verbose : bool, default=False
        Whether to show the chosen backends and a progress bar.
    affinity : str or AffinityKernel, default="auto"
        ``perplexity``, ``multiscale_mixture``, ``multiscale``, ``fixed_sigma``, ``uniform``, a
        plugin's name, or an instance; "auto" is ``perplexity``, or ``multiscale_mixture`` for
        several perplexities.
    optimizer : str or Optimizer, default="momentum"
        Name of an optimizer, or an instance.
    forces : str, ForceTerm, pair, list of these or None, default=None
        Force terms, which are added to the gradient: names, instances, or pairs of one of them and
        a dict of options; see `tsnekit.forces`.
    neighbors_params, affinity_params, initialization_params, gradient_params, optimizer_params : \
dict, optional
        Options of the chosen backends, by name.
    knn_kwargs : dict, optional
        Another name for `neighbors_params`; only one of the two can be given.
    memory_limit : int or str, optional
        Memory for neighbors and affinities, the largest part of a fit: bytes, or a text such as
        "4GB". A fit that certainly needs more raises a MemoryError before it starts. The default is
        the memory of the machine, or the limit of the process's cgroup if that is lower.
    schedule : {"documented", "converge"}, default="documented"
        "converge" replaces the defaults of five parameters, so that a map takes fewer iterations
        and says by itself when it is done: ``early_exaggeration_iter="auto"``, ``n_iter="auto"``,
        ``final_momentum=0.94``, ``fade=0.03`` and ``optimizer="accelerated"``. A parameter that
        is not at its default stays as it is.
    fade : float, default=1
        Greatest share of itself that the early exaggeration loses in an iteration after the first
        phase; 1 is all at once.
    tolerance : float, default=0.02
        An ``n_iter`` of "auto" ends when the KL divergence changes by no more than this share of
        itself in 50 iterations.

    References
    ----------
    .. [1] L. van der Maaten, G. Hinton. "Visualizing data using t-SNE". JMLR 9 (2008), 2579-2605.
    .. [2] A. C. Belkina et al. "Automated optimized parameters for T-distributed stochastic
       neighbor embedding improve visualization and analysis of large datasets". Nature
       Communications 10 (2019), 5415.
    .. [3] D. Kobak et al. "Heavy-tailed kernels reveal a finer cluster structure in t-SNE
       visualisations". ECML PKDD 2019, 124-139.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from tsnekit import TSNE
    >>> embedding = TSNE(random_state=0).fit(load_iris().data)
    >>> embedding.shape
    (150, 2)
    """

    def __init__(
        self,
        n_components: int = 2,
        perplexity: Any = 30,
        learning_rate: float | str = "auto",
        early_exaggeration_iter: int | str = 250,
        early_exaggeration: float | str = "auto",
        n_iter: int | str = 500,
        exaggeration: float | None = None,
        dof: float = 1,
        theta: float = 0.5,
        n_interpolation_points: int = 3,
        min_num_intervals: int = 50,
        ints_in_interval: float = 1,
        initialization: Any = "pca",
        metric: Any = "euclidean",
        metric_params: Mapping[str, Any] | None = None,
        initial_momentum: float = 0.8,
        final_momentum: float = 0.8,
        max_grad_norm: float | None = None,
        max_step_norm: float | None = 5,
        n_jobs: int | None = 1,
        neighbors: Any = "auto",
        negative_gradient_method: Any = "auto",
        callbacks: Any = None,
        callbacks_every_iters: int = 50,
        random_state: Any = None,
        verbose: bool = False,
        *,
        affinity: Any = "auto",
        optimizer: Any = "momentum",
        forces: Any = None,
        neighbors_params: Mapping[str, Any] | None = None,
        affinity_params: Mapping[str, Any] | None = None,
        initialization_params: Mapping[str, Any] | None = None,
        gradient_params: Mapping[str, Any] | None = None,
        optimizer_params: Mapping[str, Any] | None = None,
        knn_kwargs: Mapping[str, Any] | None = None,
        memory_limit: int | str | None = None,
        schedule: str = "documented",
        fade: float = 1,
        tolerance: float = 0.02,
    ) -> None:
        self.n_components = n_components
        self.perplexity = perplexity
        self.learning_rate = learning_rate
        self.early_exaggeration_iter = early_exaggeration_iter
        self.early_exaggeration = early_exaggeration
        self.n_iter = n_iter
        self.exaggeration = exaggeration
        self.dof = dof
        self.theta = theta
        self.n_interpolation_points = n_interpolation_points
        self.min_num_intervals = min_num_intervals
        self.ints_in_interval = ints_in_interval
        self.initialization = initialization
        self.metric = metric
        self.metric_params = metric_params
        self.initial_momentum = initial_momentum
        self.final_momentum = final_momentum
        self.max_grad_norm = max_grad_norm
        self.max_step_norm = max_step_norm
        self.n_jobs = n_jobs
        self.neighbors = neighbors
        self.negative_gradient_method = negative_gradient_method
        self.callbacks = callbacks
        self.callbacks_every_iters = callbacks_every_iters
        self.random_state = random_state
        self.verbose = verbose
        self.affinity = affinity
        self.optimizer = optimizer
        self.forces = forces
        self.neighbors_params = neighbors_params
        self.affinity_params = affinity_params
        self.initialization_params = initialization_params
        self.gradient_params = gradient_params
        self.optimizer_params = optimizer_params
        self.knn_kwargs = knn_kwargs
        self.memory_limit = memory_limit
        self.schedule = schedule
        self.fade = fade
        self.tolerance = tolerance

    def fit(
        self,
        X: Any = None,
        affinities: Affinities | None = None,
        initialization: Any = None,
    ) -> TSNEEmbedding:
        """Embed a data set, or affinities.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), optional
            The data. Required unless `affinities` are given. A float array or CSR matrix is kept
            without a copy, because new rows are compared with it. Writing to it after the fit
            changes later calls of ``transform`` and ``extend``.
        affinities : Affinities, optional
            Affinities that were computed before; then all parameters about perplexity and
            neighbors are ignored. A matrix is given as
            `tsnekit.affinity.PrecomputedAffinities`.
        initialization : str, array-like or Initializer, optional
            Replaces the parameter of that name. If there is no data, ``spectral`` replaces an
            initialization that needs data.

        Returns
        -------
        TSNEEmbedding
            The optimized embedding.

        Raises
        ------
        TypeError, ValueError
            If a parameter, or the data, is not valid; raised before any work starts.
        MemoryError
            If the fit needs more than `memory_limit`; raised before any work starts.
        InterruptedByUser
            On Ctrl-C during the optimization; its ``final_embedding`` is the map at that moment.
        """
        phases = self._phases_of_fit()
        embedding = self.prepare_initial(X, affinities, initialization)
        try:
            for name, ending, parameters in phases:
                embedding.run_phase(name, ending, parameters)
        except OptimizationInterrupt:
            pass
        return embedding

    def prepare_initial(
        self,
        X: Any = None,
        affinities: Affinities | None = None,
        initialization: Any = None,
    ) -> TSNEEmbedding:
        """Compute affinities and initial positions, without optimizing.

        Parameters
        ----------
        X, affinities, initialization
            As for `fit`.

        Returns
        -------
        TSNEEmbedding
            Ready to be optimized.

        Raises
        ------
        TypeError, ValueError
            If a parameter, or the data, is not valid; raised before any work starts.
        MemoryError
            If the fit needs more than `memory_limit`; raised before any work starts.
        """
        _, parameters = self._phases()
        start_reason = (
            reason_of_parameter(self, "initialization") if initialization is None else None
        )
        initialization = self.initialization if initialization is None else initialization
        n_jobs = resolve_n_jobs(self.n_jobs)
        rng = check_random_state(self.random_state)
        # The seed is always drawn, so that a random start is the same with and without a search.
        seed = int(rng.randint(np.iinfo(np.int32).max))
        if affinities is not None:
            check_affinities(affinities)
        elif X is None:
            raise ValueError("fit needs X or affinities; both are None")
        seconds, choices = dict[str, float](), dict[str, Any]()
        feature_names = column_names(X)
        with show_logs(self.verbose):
            if X is not None:
                # In a sparse matrix of distances, a stored 0 differs from an entry that is not
                # stored.
                X = check_data(X, keep_zeros=self._reads_distances())
            n_samples = X.shape[0] if affinities is None else affinities.n_samples
            initialization = pipeline.check_initialization(
                initialization,
                self.initialization_params,
                n_samples=n_samples,
                n_components=self.n_components,
            )
            pipeline.check_gradient_method(parameters, n_samples, self.n_components)
            pipeline.check_forces(parameters, n_samples, self.n_components, affinities)
            optimizer = pipeline.build_optimizer(
                scheduled(self)["optimizer"],
                self.optimizer_params,
                reason_of_optimizer(self),
                choices,
            )
            if affinities is None:
                affinities = pipeline.compute_affinities(
                    X,
                    neighbors=self.neighbors,
                    neighbors_params=self._neighbors_params(),
                    affinity=kernel_of(self),
                    affinity_reason=reason_of_kernel(self),
                    affinity_params=self.affinity_params,
                    perplexity=self.perplexity,
                    metric=self.metric,
                    metric_params=self.metric_params,
                    n_jobs=n_jobs,
                    seed=seed,
                    verbose=self.verbose,
                    feature_names=feature_names,
                    memory_limit=parse_bytes("memory_limit", self.memory_limit),
                    seconds=seconds,
                    choices=choices,
                )
            elif X is not None and X.shape[0] != affinities.n_samples:
                raise ValueError(
                    f"X has {X.shape[0]} rows, but affinities are those of {affinities.n_samples}; "
                    "give X and the affinities of the same rows"
                )
            started = time.perf_counter()
            positions = pipeline.compute_initialization(
                initialization,
                # An initializer cannot start from distances between rows.
                None if self._reads_distances() else X,
                affinities,
                n_components=self.n_components,
                params=self.initialization_params,
                n_jobs=n_jobs,
                rng=rng,
                reason=start_reason,
                choices=choices,
            )
            seconds["initialization"] = time.perf_counter() - started
            if optimizer.state():
                optimizer.start(positions)  # a fit does not go on from an earlier one
        embedding = TSNEEmbedding(
            positions,
            affinities,
            random_state=self.random_state,
            optimizer=optimizer,
            **parameters.values(),
        )
        embedding.state.seconds |= seconds
        embedding.state.backends |= choices
        return embedding

    def _phases(self) -> tuple[DescentParameters, DescentParameters]:
        """Check all parameters, and return those of the two phases."""
        check_integer("n_components", self.n_components, at_least=1)
        given = scheduled(self)
        check_iterations("early_exaggeration_iter", self.early_exaggeration_iter)
        check_iterations("n_iter", self.n_iter)
        check_real("initial_momentum", self.initial_momentum, at_least=0)
        check_real("final_momentum", self.final_momentum, at_least=0)
        parse_bytes("memory_limit", self.memory_limit)
        self._neighbors_params()
        check_neighbors(self.neighbors)
        check_name("affinity", kernel_of(self))
        check_name("optimizer", self.optimizer)
        if not isinstance(self.metric, str) and not callable(self.metric):
            raise TypeError(f"metric must be a name or a callable, got {short_repr(self.metric)}")
        known = DescentParameters.names()
        common = {name: getattr(self, name) for name in known if hasattr(self, name)}
        common |= {"momentum": given["final_momentum"], "fade": given["fade"]}
        final = DescentParameters(**common)
        early = final.replace(
            exaggeration=early_exaggeration_of(self), momentum=self.initial_momentum
        )
        return early, final

    def _phases_of_fit(self) -> list[tuple[str, Ending, DescentParameters]]:
        """Check all parameters, and return name, ending and parameters of the two phases."""
        early, final = self._phases()
        given = scheduled(self)
        phases = [
            ("early exaggeration", ending_of_early(given["early_exaggeration_iter"]), early),
            ("optimization", final.ending_of_optimization(given["n_iter"]), final),
        ]
        check_windows(self.forces, phases)
        return phases

    def _reads_distances(self) -> bool:
        """Return whether X holds distances between rows instead of features."""
        graph = (self._neighbors_params() or {}).get("graph")
        given = (self.metric,) if graph is not None else (self.metric, self.neighbors)
        return any(isinstance(each, str) and each == "precomputed" for each in given)

    def _neighbors_params(self) -> Mapping[str, Any] | None:
        if self.neighbors_params is not None and self.knn_kwargs is not None:
            raise ValueError(
                "knn_kwargs is another name for neighbors_params; give only one of the two"
            )
        return self.knn_kwargs if self.neighbors_params is None else self.neighbors_params
