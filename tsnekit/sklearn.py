"""t-SNE as a scikit-learn transformer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from tsnekit._embedding.full import PartialTSNEEmbedding
from tsnekit._facade.tsne import TSNE as Facade  # noqa: N811
from tsnekit._util.validation import as_plain

try:
    from sklearn.utils.validation import validate_data
except ImportError:  # before scikit-learn 1.6, it was a method

    def validate_data(estimator: Any, X: Any, **options: Any) -> Any:
        """Check data, and that its features are those of the fitted data."""
        return estimator._validate_data(X, **options)


__all__ = ["TSNE"]


class TSNE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Facade):
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
        self.fit(X, affinities=affinities, initialization=initialization)
        return np.array(self.embedding_, subok=False)

    def transform(self, X: Any, *args: Any, **kwargs: Any) -> PartialTSNEEmbedding:
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
        PartialTSNEEmbedding of shape (n_new, n_components)
            The positions of the new rows.

        Raises
        ------
        TypeError, ValueError
            If a parameter, or the data, is not valid.
        """
        check_is_fitted(self)
        X = self._checked(X, reset=False)
        return self.embedding_.transform(X, *args, **kwargs)

    def _checked(self, X: Any, **options: Any) -> Any:
        X = as_plain(X)
        # The facade decides which dtypes to keep.
        return validate_data(self, X, accept_sparse="csr", **options)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _more_tags(self) -> dict[str, Any]:  # before scikit-learn 1.6
        return {"preserves_dtype": [np.float32]}
