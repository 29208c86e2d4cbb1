"""t-SNE, and the search for neighbors, as scikit-learn transformers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from tsnekit._facade.tsne import TSNE as Facade  # noqa: N811
from tsnekit._util.validation import as_plain, check_integer
from tsnekit.affinity._base import Affinities
from tsnekit.affinity._index import NeighborIndex
from tsnekit.affinity._search import find_index
from tsnekit.interfaces import NeighborGraph

try:
    from sklearn.utils.validation import validate_data
except ImportError:  # before scikit-learn 1.6, it was a method

    def validate_data(estimator: Any, X: Any, **options: Any) -> Any:
        """Check data, and that its features are those of the fitted data."""
        return estimator._validate_data(X, **options)


__all__ = ["TSNE", "KNeighborsTransformer"]


class _Transformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """A transformer of dense or sparse rows into float32."""

    def _checked(self, X: Any, **options: Any) -> Any:
        X = as_plain(X)
        # The code behind decides which dtypes to keep.
        return validate_data(self, X, accept_sparse="csr", **options)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _more_tags(self) -> dict[str, Any]:  # before scikit-learn 1.6
        return {"preserves_dtype": [np.float32]}


class TSNE(_Transformer, Facade):
    """t-distributed stochastic neighbor embedding, by scikit-learn's conventions.

    The parameters are those of `tsnekit.TSNE`.

    Attributes
    ----------
    embedding_ : TSNEEmbedding of shape (n_samples, n_components)
        The embedding of the training data.
    affinities_ : Affinities
        Its affinities.
    kl_divergence_ : float
        Its KL divergence.
    n_iter_ : int
        Number of iterations that were run.
    n_features_in_ : int
        Number of features of the training data.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where the training data has names that are strings.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from tsnekit.sklearn import TSNE
    >>> pipeline = make_pipeline(StandardScaler(), TSNE(random_state=0))
    >>> pipeline.fit_transform(load_iris().data).shape
    (150, 2)
    """

    def fit(  # type: ignore[override]
        self, X: Any, y: Any = None, *, affinities: Any = None, initialization: Any = None
    ) -> TSNE:
        """Embed the training data.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The data.
        y : object
            Ignored.
        affinities : Affinities, optional
            Affinities of the data that were computed before; see `tsnekit.TSNE.fit`.
        initialization : str, array-like or Initializer, optional
            Replaces the parameter of that name.

        Returns
        -------
        TSNE
            The transformer itself.

        Raises
        ------
        TypeError, ValueError
            If a parameter, or the data, is not valid; raised before any work starts.
        """
        if isinstance(y, Affinities):
            raise TypeError(
                "y is ignored, but it holds affinities; give them by name: fit(X, affinities=...)"
            )
        X = self._checked(X, ensure_min_samples=2)
        self.embedding_ = super().fit(X, affinities, initialization)
        self.affinities_ = self.embedding_.affinities
        self.kl_divergence_ = self.embedding_.kl_divergence
        self.n_iter_ = self.embedding_.state.iteration
        self._n_features_out = self.embedding_.shape[1]
        return self

    def fit_transform(
        self, X: Any, y: Any = None, *, affinities: Any = None, initialization: Any = None
    ) -> NDArray[np.float32]:
        """Embed the training data and return its positions.

        Parameters
        ----------
        X, y, affinities, initialization
            As for `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_components), float32
            The positions, as a plain array of its own.
        """
        self.fit(X, y, affinities=affinities, initialization=initialization)
        return np.array(self.embedding_, subok=False)

    def transform(self, X: Any, *args: Any, **kwargs: Any) -> NDArray[np.float32]:
        """Embed new rows among those of the training data, which stay where they are.

        Rows of the training data come near their places in ``embedding_``, but not exactly there:
        here, each row is placed on its own, while in a fit all rows move together.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_new, n_features)
            New rows.
        *args, **kwargs
            See `tsnekit.TSNEEmbedding.transform`.

        Returns
        -------
        ndarray of shape (n_new, n_components), float32
            The positions of the new rows, as a plain array. ``embedding_.transform`` returns them
            as an embedding that can be optimized.

        Raises
        ------
        TypeError, ValueError
            If a parameter, or the data, is not valid.
        """
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        return np.array(self.embedding_.transform(X, *args, **kwargs), subok=False)


class KNeighborsTransformer(_Transformer, BaseEstimator):
    """The graph of the nearest neighbors, by the searches of tsnekit.

    It does what `sklearn.neighbors.KNeighborsTransformer` does, and takes its place: in pipelines
    before estimators with ``metric="precomputed"``, and as ``transformer`` of
    ``scanpy.pp.neighbors``.

    Parameters
    ----------
    n_neighbors : int, default=5
        How many neighbors of each row there are, besides the row itself.
    mode : {"distance", "connectivity"}, default="distance"
        What the graph holds: distances, or 1 for each neighbor.
    metric : str or callable, default="euclidean"
        Metric of the data.
    metric_params : dict, optional
        Keyword arguments of the metric.
    neighbors : str or NeighborSearch, default="auto"
        The search, as for `tsnekit.TSNE`.
    neighbors_params : dict, optional
        Options of the search.
    n_jobs : int, default=1
        Number of threads; -1 for all processors.
    random_state : int, RandomState, Generator or None, default=None
        Seed of the search.

    Attributes
    ----------
    n_features_in_ : int
        Number of features of the training data.
    n_samples_fit_ : int
        Number of its rows.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from tsnekit.sklearn import KNeighborsTransformer
    >>> graph = KNeighborsTransformer(n_neighbors=5).fit_transform(load_iris().data)
    >>> graph.shape, graph.nnz
    ((150, 150), 900)

    The neighbors of scanpy:

    >>> knn = KNeighborsTransformer(n_neighbors=15, random_state=0)
    >>> sc.pp.neighbors(adata, transformer=knn)  # doctest: +SKIP
    """

    def __init__(
        self,
        n_neighbors: int = 5,
        *,
        mode: str = "distance",
        metric: Any = "euclidean",
        metric_params: Mapping[str, Any] | None = None,
        neighbors: Any = "auto",
        neighbors_params: Mapping[str, Any] | None = None,
        n_jobs: int | None = 1,
        random_state: Any = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.mode = mode
        self.metric = metric
        self.metric_params = metric_params
        self.neighbors = neighbors
        self.neighbors_params = neighbors_params
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> KNeighborsTransformer:
        """Prepare the search in the training data.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The data.
        y : object
            Ignored.

        Returns
        -------
        KNeighborsTransformer
            The transformer itself.

        Raises
        ------
        TypeError, ValueError
            If a parameter, or the data, is not valid.
        """
        check_integer("n_neighbors", self.n_neighbors, at_least=1)
        if self.mode not in ("distance", "connectivity"):
            raise ValueError(f"mode must be 'distance' or 'connectivity', got {self.mode!r}")
        X = self._checked(X, ensure_min_samples=2)
        if self.n_neighbors >= X.shape[0]:
            raise ValueError(
                f"n_neighbors must be less than n_samples={X.shape[0]}, got {self.n_neighbors}"
            )
        self._index: NeighborIndex = find_index(
            X,
            None,
            method=self.neighbors,
            metric=self.metric,
            metric_params=self.metric_params,
            n_jobs=self.n_jobs,
            random_state=self.random_state,
            verbose=False,
            knn_kwargs=self.neighbors_params,
        )
        self.n_samples_fit_ = self._n_features_out = X.shape[0]
        return self

    def fit_transform(self, X: Any, y: Any = None) -> csr_matrix:
        """Search the neighbors of the training data.

        Parameters
        ----------
        X, y
            As for `fit`.

        Returns
        -------
        CSR matrix of shape (n_samples, n_samples)
            Each row holds itself first and then its neighbors, nearest first.
        """
        graph = self.fit(X)._index.neighbors(self.n_neighbors)
        itself = np.arange(self.n_samples_fit_)[:, None]
        return self._matrix(
            NeighborGraph(
                np.hstack([itself, graph.indices]),
                np.hstack([np.zeros_like(graph.distances[:, :1]), graph.distances]),
            )
        )

    def transform(self, X: Any) -> csr_matrix:
        """Search the neighbors of rows among those of the training data.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_new, n_features)
            The rows. Those of the training data find themselves, too.

        Returns
        -------
        CSR matrix of shape (n_new, n_samples)
            Each row holds its ``n_neighbors + 1`` neighbors, nearest first.

        Raises
        ------
        TypeError, ValueError
            If the rows are not like the data, or the search cannot find neighbors of new rows.
        """
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        return self._matrix(self._index.query(X, self.n_neighbors + 1))

    def _matrix(self, graph: NeighborGraph) -> csr_matrix:
        n, k = graph.indices.shape
        values = graph.distances if self.mode == "distance" else np.ones((n, k))
        pointers = np.arange(0, n * k + 1, k)
        return csr_matrix(
            (values.ravel(), graph.indices.ravel(), pointers), shape=(n, self.n_samples_fit_)
        )
