"""The measures of a map: functions of the data and the map, and `diagnose`, which takes all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._embedding.full import TSNEEmbedding
from tsnekit._util.process import without_warnings
from tsnekit._util.validation import check_data, check_integer, short_repr
from tsnekit.affinity._base import Affinities
from tsnekit.affinity._neighbors import NeighborAffinities
from tsnekit.callbacks import KLHistory, check_callbacks
from tsnekit.diagnostics._comparison import Comparison, sample_rows
from tsnekit.diagnostics._report import Diagnostics
from tsnekit.diagnostics._trust import PointTrust, trust_of_points
from tsnekit.interfaces import Metric
from tsnekit.specs import KL_DIVERGENCE

__all__ = [
    "Diagnostics",
    "PointTrust",
    "diagnose",
    "distance_correlation",
    "effective_perplexity",
    "neighbors_kept",
    "neighbors_kept_scorer",
    "trustworthiness",
]


def neighbors_kept(
    X: Any,
    embedding: Any,
    *,
    n_neighbors: int = 10,
    metric: Metric = "euclidean",
    metric_params: Mapping[str, Any] | None = None,
    n_sampled: int | None = 2000,
    random_state: Any = 0,
) -> float:
    """Return the share of the nearest neighbors in the data that are nearest neighbors in the map.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
        The data; distances (n_samples, n_samples) where `metric` is "precomputed".
    embedding : array-like of shape (n_samples, n_components)
        The map.
    n_neighbors : int, default=10
        How many neighbors of each row to compare.
    metric : str or callable, default="euclidean"
        Metric of the data.
    metric_params : mapping, optional
        Keyword arguments of the metric.
    n_sampled : int or None, default=2000
        Number of rows, drawn at random, whose neighbors are compared; None for all rows.
    random_state : int, RandomState, Generator or None, default=0
        Seed of the sample.

    Returns
    -------
    float
        From 0 to 1. A random map keeps about ``n_neighbors / n_samples``.

    Raises
    ------
    TypeError, ValueError
        If data and map do not fit together, or a parameter is not valid.

    References
    ----------
    D. Kobak, P. Berens. "The art of using t-SNE for single-cell transcriptomics". Nature
    Communications 10 (2019), 5416.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from tsnekit import TSNE
    >>> from tsnekit.diagnostics import neighbors_kept
    >>> X = load_iris().data
    >>> neighbors_kept(X, TSNE(random_state=0).fit(X)) > 0.5
    True
    """
    pair = Comparison(X, embedding, metric, metric_params)
    ranks = pair.ranks(sample_rows(pair.n_samples, n_sampled, random_state), n_neighbors)
    return float((ranks <= n_neighbors).mean())


def trustworthiness(
    X: Any,
    embedding: Any,
    *,
    n_neighbors: int = 5,
    metric: Metric = "euclidean",
    metric_params: Mapping[str, Any] | None = None,
    n_sampled: int | None = 2000,
    random_state: Any = 0,
) -> float:
    """Return how far neighbors in the map can be trusted to be neighbors in the data.

    With ``n_sampled=None`` it is the measure of `sklearn.manifold.trustworthiness`.

    Parameters
    ----------
    X, embedding, metric, metric_params, n_sampled, random_state
        See `neighbors_kept`.
    n_neighbors : int, default=5
        How many neighbors of each point to look at; less than half of the points.

    Returns
    -------
    float
        1 if all neighbors in the map are among the nearest in the data. Each other neighbor lowers
        it by its rank in the data. Rows at equal distances share the better rank.

    Raises
    ------
    TypeError, ValueError
        If data and map do not fit together, or a parameter is not valid.

    References
    ----------
    J. Venna, S. Kaski. "Neighborhood preservation in nonlinear projection methods: An experimental
    study". ICANN 2001, 485-491.
    """
    pair = Comparison(X, embedding, metric, metric_params)
    ranks = pair.ranks(sample_rows(pair.n_samples, n_sampled, random_state), n_neighbors)
    return _trust(ranks, pair.n_samples)


def distance_correlation(
    X: Any,
    embedding: Any,
    *,
    method: str = "spearman",
    metric: Metric = "euclidean",
    metric_params: Mapping[str, Any] | None = None,
    n_sampled: int | None = 1000,
    random_state: Any = 0,
) -> float:
    """Return the correlation of the distances in the map with the distances in the data.

    Parameters
    ----------
    X, embedding, metric, metric_params, random_state
        See `neighbors_kept`.
    method : {"spearman", "pearson"}, default="spearman"
        Whether to correlate the ranks of the distances or the distances.
    n_sampled : int or None, default=1000
        Number of rows, drawn at random. The distances are those of all their pairs. None for all
        rows.

    Returns
    -------
    float
        From -1 to 1; NaN if all distances are equal. It is often low for t-SNE, which has no
        reason to keep large distances.

    Raises
    ------
    TypeError, ValueError
        If data and map do not fit together, or a parameter is not valid.

    References
    ----------
    D. Kobak, P. Berens. "The art of using t-SNE for single-cell transcriptomics". Nature
    Communications 10 (2019), 5416.
    """
    if method not in ("spearman", "pearson"):
        raise ValueError(f"method must be 'spearman' or 'pearson', got {short_repr(method)}")
    pair = Comparison(X, embedding, metric, metric_params)
    return _correlation(
        *pair.distances(sample_rows(pair.n_samples, n_sampled, random_state)), method=method
    )


def effective_perplexity(affinities: Affinities, *, of: str = "auto") -> NDArray[np.float64]:
    """Return the effective number of neighbors of each row: 2 to the entropy, in bits.

    Parameters
    ----------
    affinities : Affinities
    of : {"auto", "weights", "P"}, default="auto"
        "weights" are the conditional weights of the neighbors of a row, which the kernel
        calibrates. "P" is the row of the symmetrised affinities, divided by its sum; it includes
        the rows whose neighbor this row is. "auto" is "weights" if the neighbors are known, else
        "P".

    Returns
    -------
    ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If `of` is unknown, or is "weights" and the neighbors are not known.
    """
    if of not in ("auto", "weights", "P"):
        raise ValueError(f"of must be 'auto', 'weights' or 'P', got {short_repr(of)}")
    if of == "P" or not isinstance(affinities, NeighborAffinities):
        if of == "weights":
            raise ValueError("of='weights' needs affinities that know the neighbors of each row")
        weights = affinities.matrix.data.astype(float)
        counts = np.diff(affinities.matrix.indptr)
    else:
        kernel = affinities.kernel
        with without_warnings():  # the affinities have given these warnings before
            k = kernel.n_neighbors(affinities.n_samples)
        graph = affinities.knn_index.neighbors(k)
        with without_warnings():
            weights = kernel.weights(graph.distances).astype(float).ravel()
        counts = np.full(affinities.n_samples, graph.distances.shape[1])
    rows = np.repeat(np.arange(len(counts)), counts)
    sums = np.bincount(rows, weights, minlength=len(counts))
    weights = weights / np.where(sums > 0, sums, 1)[rows]
    logs = np.log(weights, where=weights > 0, out=np.zeros_like(weights))
    return np.exp(-np.bincount(rows, weights * logs, minlength=len(counts)))


def neighbors_kept_scorer(estimator: Any, X: Any, y: Any = None) -> float:
    """Score an estimator by the neighbors that its ``transform`` keeps.

    Use it as ``GridSearchCV(TSNE(), {"perplexity": [10, 30, 100]}, scoring=neighbors_kept_scorer)``
    with `tsnekit.sklearn.TSNE`, or with a pipeline that ends in one. The rows that were held out
    are placed into the map of the others. The score is `neighbors_kept` of the held-out rows alone.

    Parameters
    ----------
    estimator : estimator with ``transform``
        Fitted.
    X : array-like or sparse matrix of shape (n_samples, n_features)
        More than 10 rows.
    y : object
        Ignored.

    Returns
    -------
    float
        See `neighbors_kept`.

    Raises
    ------
    ValueError
        If there are too few rows.
    """
    return neighbors_kept(X, np.asarray(estimator.transform(X)))


def diagnose(
    embedding: TSNEEmbedding,
    X: Any = None,
    *,
    n_neighbors: int = 10,
    metric: Metric | None = None,
    metric_params: Mapping[str, Any] | None = None,
    n_sampled: int | None = 2000,
    history: KLHistory | None = None,
    random_state: Any = 0,
    n_shuffled: int = 0,
) -> Diagnostics:
    """Measure what an embedding keeps of the data.

    Parameters
    ----------
    embedding : TSNEEmbedding
    X : array-like or sparse matrix of shape (n_samples, n_features), optional
        The data. The default is the data of the affinities, if they hold it.
    n_neighbors : int, default=10
        How many neighbors to compare; at most half of the rows.
    metric : str or callable, optional
        Metric of the data. The default is the metric of the affinities, or "euclidean" if they do
        not have one.
    metric_params : mapping, optional
        Keyword arguments of a given metric.
    n_sampled : int or None, default=2000
        Number of rows whose neighbors are compared; None for all rows. Distances are correlated
        between at most 1000 of these rows.
    history : KLHistory, optional
        Callback that was called while the embedding was optimized. The default is the first one
        among the callbacks of the embedding.
    random_state : int, RandomState, Generator or None, default=0
        Seed of the sample.
    n_shuffled : int, default=0
        How many maps of shuffled data to make, to tell which points keep no more neighbors than
        points of data without structure do; see `PointTrust`. Each takes the time of a fit; 1 is
        usually enough.

    Returns
    -------
    Diagnostics
        Print it for the numbers; its ``plot()`` draws them.

    Raises
    ------
    TypeError, ValueError
        If there is no data, it does not fit the embedding, or a parameter is not valid.

    References
    ----------
    .. [1] E. M. Johnson, W. Kath, M. Mani. "EMBEDR: Distinguishing signal from noise in single-cell
       omics data". Patterns 3 (2022), 100443.
    .. [2] L. Xia, C. Lee, J. J. Li. "Statistical method scDEED for detecting dubious 2D single-cell
       embeddings and optimizing t-SNE and UMAP hyperparameters". Nature Communications 15 (2024),
       1753.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from tsnekit import TSNE
    >>> from tsnekit.callbacks import KLHistory
    >>> from tsnekit.diagnostics import diagnose
    >>> embedding = TSNE(callbacks=KLHistory(), random_state=0).fit(load_iris().data)
    >>> report = diagnose(embedding)
    >>> report.trustworthiness > 0.98
    True
    >>> report.plot().savefig("report.png")  # doctest: +SKIP
    """
    if not isinstance(embedding, TSNEEmbedding):
        raise TypeError(
            "embedding must be a TSNEEmbedding (for other maps, see the other functions of "
            f"tsnekit.diagnostics), got {type(embedding).__name__}"
        )
    if history is not None and not isinstance(history, KLHistory):
        raise TypeError(f"history must be a KLHistory, got {short_repr(history)}")
    check_integer("n_shuffled", n_shuffled, at_least=0)
    X, metric, metric_params = _data_of(embedding.affinities, X, metric, metric_params)
    pair = Comparison(X, embedding, metric, metric_params)
    check_integer("n_neighbors", n_neighbors, at_least=1)
    n_neighbors = min(n_neighbors, max(1, (pair.n_samples - 1) // 2))
    sampled = sample_rows(pair.n_samples, n_sampled, random_state)
    most = min(5 * n_neighbors, pair.n_samples - 1)
    ranks = pair.ranks(sampled, most)
    near = ranks[:, :n_neighbors]
    kept = (near <= n_neighbors).mean(axis=1)
    trust = None
    if n_shuffled:
        trust = trust_of_points(
            embedding,
            kept,
            check_data(X),
            n_neighbors=n_neighbors,
            n_shuffled=n_shuffled,
            n_sampled=n_sampled,
            random_state=random_state,
        )
    distances = pair.distances(sampled[:: -(-len(sampled) // 1000)])
    if history is None:
        callbacks = check_callbacks(embedding.gradient_descent_params["callbacks"])
        history = next((each for each in callbacks if isinstance(each, KLHistory)), KLHistory())
    losses = embedding.losses
    return Diagnostics(
        positions=np.array(embedding, subok=False),
        sampled=sampled,
        n_neighbors=n_neighbors,
        neighbors_kept=float((near <= n_neighbors).mean()),
        neighbors_kept_of_row=kept,
        neighbors_kept_at=np.array([(ranks[:, :k] <= k).mean() for k in range(1, most + 1)]),
        trustworthiness=_trust(near, pair.n_samples),
        spearman=_correlation(*distances, method="spearman"),
        pearson=_correlation(*distances, method="pearson"),
        data_distances=np.ldexp(distances[0], pair.data.exponent),
        map_distances=np.ldexp(distances[1], pair.map.exponent),
        kl_divergence=losses.pop(KL_DIVERGENCE),
        other_losses=losses,
        kl_iterations=np.array(history.iterations, dtype=np.intp),
        kl_errors=np.array(history.errors, dtype=float),
        effective_perplexity=effective_perplexity(embedding.affinities),
        perplexity_of="weights" if isinstance(embedding.affinities, NeighborAffinities) else "P",
        trust=trust,
    )


def _trust(ranks: NDArray[np.intp], n: int) -> float:
    m, k = ranks.shape
    if 2 * k >= n:
        raise ValueError(f"n_neighbors must be less than half of {n} rows, got {k}")
    return float(1 - 2 / (m * k * (2 * n - 3 * k - 1)) * np.maximum(ranks - k, 0).sum())


def _correlation(x: NDArray[Any], y: NDArray[Any], *, method: str) -> float:
    from scipy.stats import rankdata

    if method == "spearman":
        x, y = rankdata(x), rankdata(y)
    x, y = _standardized(x), _standardized(y)
    scale = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / scale) if scale > 0 else float("nan")


def _standardized(x: NDArray[Any]) -> NDArray[np.float64]:
    """Return numbers minus their mean, divided by a power of two, so that squares are finite."""
    x = np.ldexp(x, -np.frexp(np.abs(x).max())[1])
    return np.asarray(x - x.mean(dtype=float))


def _data_of(
    affinities: Affinities, X: Any, metric: Metric | None, metric_params: Any
) -> tuple[Any, Metric, Any]:
    """Return the data and the metric that are given, or else those of the affinities."""
    index = affinities.knn_index if isinstance(affinities, NeighborAffinities) else None
    problem = None if index is None else index.problem
    if X is None:
        X = None if index is None else index.data
        if X is None:
            raise ValueError("X is needed: the affinities of the embedding do not hold the data")
    if metric is None:
        if problem is None:
            return X, "euclidean", None
        return X, problem.metric, problem.metric_params
    return X, metric, metric_params
