"""What every estimator of scikit-learn can do, and what `tsnekit.TSNE` says of the rest."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator

__all__ = ["Model"]

OF_TRANSFORMERS = (
    "fit_transform",
    "transform",
    "get_feature_names_out",
    "set_output",
    "embedding_",
    "kl_divergence_",
)
"""Attributes that users of scikit-learn expect, and that its transformer has."""


class Model(BaseEstimator):
    """Parameters with a short repr, and a hint where to find what is not here."""

    def __getattr__(self, name: str) -> Any:
        """Raise an error, which names the class that has the attribute if one has it."""
        kind = type(self).__name__
        hint = ""
        if name in OF_TRANSFORMERS:
            hint = (
                "; fit(X) returns the map, an array that has transform and kl_divergence. "
                "tsnekit.sklearn.TSNE is the transformer for scikit-learn"
            )
        raise AttributeError(
            f"{kind!r} object has no attribute {name!r}{hint}", name=name, obj=self
        )

    def __repr__(self, N_CHAR_MAX: int = 200) -> str:
        """Return the parameters that are not at their default, in a few lines."""
        return str(super().__repr__(N_CHAR_MAX))
