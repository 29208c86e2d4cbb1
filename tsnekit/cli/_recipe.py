"""From the features of a file to what is embedded; the same is done to new rows of a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._files.schema import Arrays, Fields
from tsnekit._util.validation import check_data
from tsnekit.cli._scaling import dominating_columns, scale_of, scaled, transformed

__all__ = ["Recipe", "prepare"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What was done to the features of a map.

    Parameters
    ----------
    n_features : int
    names : tuple of str, optional
        Names of the features, where the file has them.
    transform : str, optional
        See `tsnekit.cli._scaling.transformed`.
    center, scale : ndarray of shape (n_features,), optional
        What was then subtracted from each feature, and what it was divided by.
    mean : ndarray of shape (n_features,), optional
    axes : ndarray of shape (n_features, n_reduced), optional
        Then, principal components: what was subtracted, and the axes of the projection.
    """

    n_features: int
    names: tuple[str, ...] | None = None
    transform: str | None = None
    center: NDArray[Any] | None = None
    scale: NDArray[Any] | None = None
    mean: NDArray[Any] | None = None
    axes: NDArray[Any] | None = None

    def apply(self, X: Any, source: str) -> Any:
        """Return new rows as those of the map were embedded.

        Raises
        ------
        ValueError
            If they have another number of features.
        """
        X = check_data(X, name=source)
        if X.shape[1] != self.n_features:
            raise ValueError(
                f"{source} has {X.shape[1]} features, but the map was made of {self.n_features}"
            )
        if self.transform is not None:
            X = transformed(X, self.transform)
        X = scaled(X, self.center, self.scale)
        if self.axes is None or self.mean is None:
            return X
        reduced = X @ self.axes - self.mean @ self.axes
        return np.ascontiguousarray(reduced, dtype=np.float32)

    def pack(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return fields and arrays for a file."""
        names = None if self.names is None else list(self.names)
        fields = {"n_features": self.n_features, "names": names, "transform": self.transform}
        arrays = {name: getattr(self, name) for name in ("center", "scale", "mean", "axes")}
        return fields, {name: each for name, each in arrays.items() if each is not None}

    @classmethod
    def unpack(cls, fields: Fields, arrays: Arrays) -> Recipe:
        """Return what `pack` was given.

        Raises
        ------
        ValueError
            If it is no recipe.
        """
        p = fields.integer("n_features", at_least=1)
        names, transform = fields.value("names"), fields.value("transform")
        if names is not None and not (
            isinstance(names, list) and len(names) == p and all(isinstance(n, str) for n in names)
        ):
            raise ValueError(f"{fields.path('names')} must be {p} names or null")
        if transform is not None:
            transformed(np.ones((1, 1)), str(transform))
        shapes = {"center": (p,), "scale": (p,), "mean": (p,), "axes": (p, None)}
        found = {
            name: arrays.take(name, shape, np.float64)
            for name, shape in shapes.items()
            if name in arrays
        }
        fields.finish()
        arrays.finish()
        return cls(
            n_features=p,
            names=None if names is None else tuple(names),
            transform=transform,
            **found,
        )


def prepare(
    X: Any,
    names: Sequence[str] | None,
    *,
    transform: str | None = None,
    scale: str | None = None,
    pca: int | None = None,
    seed: int | None = None,
) -> tuple[Any, Recipe, str | None]:
    """Return the features as the user wants them, and the recipe for new rows.

    Returns
    -------
    X : array or sparse matrix of shape (n, p)
    recipe : Recipe
    note : str or None
        What there is to say where nobody said how to scale the features.

    Raises
    ------
    ValueError
        If the data has no such transform, or not so many principal components.
    """
    n_features = X.shape[1]
    X = X if transform is None else transformed(X, transform)
    note = None if scale is not None or names is None else dominating_columns(X, names)
    center, spread = scale_of(X, scale or "none")
    X = scaled(X, center, spread)
    mean = axes = None
    if pca is not None:
        X, mean, axes = _reduced(check_data(X), pca, seed)
    recipe = Recipe(
        n_features=n_features,
        names=None if _are_places(names) else tuple(map(str, names or ())),
        transform=transform,
        center=center,
        scale=spread,
        mean=mean,
        axes=axes,
    )
    return X, recipe, note


def _are_places(names: Sequence[str] | None) -> bool:
    """Whether columns have no names but their places, as those of a table without a header."""
    return names is None or list(names) == [str(i + 1) for i in range(len(names))]


def _reduced(
    X: Any, n_components: int, seed: int | None
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    """Return the principal components, and the mean and axes that give those of new rows."""
    from tsnekit.initialization._principal_components import principal_components

    if not 1 <= n_components <= min(X.shape):
        raise ValueError(f"--pca must be between 1 and {min(X.shape)}, got {n_components}")
    rng = np.random.RandomState(seed)
    found = principal_components(X, n_components, svd_solver="auto", rng=rng, n_jobs=1)
    mean = np.asarray(X.mean(axis=0, dtype=np.float64)).reshape(-1)
    # The components are orthogonal, so that each axis is the regression on its own component.
    # Components can be in units of the largest entry, so the axes need not have length 1.
    products = np.asarray(X.T @ found) - np.outer(mean, found.sum(axis=0))
    squares = (products**2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        axes = np.where(squares > 0, products * ((found**2).sum(axis=0) / squares), 0.0)
    return np.ascontiguousarray(found, dtype=np.float32), mean, axes
