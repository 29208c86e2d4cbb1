"""Starting positions that need no data: at random, or near the neighbors; and their scale."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._util.random_states import as_random_state
from tsnekit._util.validation import as_plain, check_integer, check_real, short_repr

__all__ = ["finish", "jitter", "median", "random", "rescale", "weighted_mean"]

TARGET_STD = 1e-4
JITTER = 0.01


def rescale(
    x: Any, inplace: bool = False, target_std: float = TARGET_STD
) -> NDArray[np.floating[Any]]:
    """Scale positions, so that the first coordinate has a given standard deviation.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Positions. Where all first coordinates are equal, nothing is changed.
    inplace : bool, default=False
        Whether to change and return `x` itself, which then must be a float array.
    target_std : float, default=1e-4

    Returns
    -------
    ndarray of shape (n, d)

    Examples
    --------
    >>> import numpy as np
    >>> from tsnekit.initialization import rescale
    >>> positions = np.random.default_rng(0).normal(size=(100, 2))
    >>> f"{rescale(positions)[:, 0].std():.0e}"
    '1e-04'
    """
    target_std = check_real("target_std", target_std, above=0)
    scaled = _positions(x, inplace)
    std = _spread(scaled)
    if std > 0:
        scaled *= target_std / std
    return scaled


def jitter(
    x: Any, inplace: bool = False, scale: float = JITTER, random_state: Any = None
) -> NDArray[np.floating[Any]]:
    """Move apart the points that lie exactly on one another, and no others.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Positions.
    inplace : bool, default=False
        Whether to change and return `x` itself, which then must be a float array.
    scale : float, default=0.01
        Standard deviation of the Gaussian noise, relative to that of the first coordinate.
    random_state : int, RandomState, Generator or None, default=None
        Seed; None draws from ``numpy.random``.

    Returns
    -------
    ndarray of shape (n, d)
    """
    scale = check_real("scale", scale, at_least=0)
    rng = as_random_state(random_state)
    moved = _positions(x, inplace)
    order = np.lexsort(moved.T)
    same = (moved[order[1:]] == moved[order[:-1]]).all(axis=1)
    tied = order[np.append(same, False) | np.append(False, same)]
    std = _spread(moved) or TARGET_STD
    moved[tied] += rng.normal(scale=scale * std, size=(len(tied), moved.shape[1]))
    return moved


def _spread(positions: NDArray[np.floating[Any]]) -> float:
    """Return the standard deviation of the first coordinate, 0 where all are equal."""
    first = positions[:, 0]
    # The rounded mean of equal numbers may be another number.
    return float(np.std(first, dtype=np.float64)) if np.ptp(first) > 0 else 0.0


def random(
    n_samples: Any,
    n_components: int = 2,
    random_state: Any = None,
    verbose: bool = False,
    *,
    std: float = TARGET_STD,
) -> NDArray[np.float64]:
    """Place points at random, from a Gaussian distribution.

    Parameters
    ----------
    n_samples : int or array of shape (n, ...)
        How many points, or something with as many rows.
    n_components : int, default=2
        Dimensions of the embedding.
    random_state : int, RandomState, Generator or None, default=None
        Seed; None draws from ``numpy.random``.
    verbose : bool, default=False
        Not used; nothing here takes time.
    std : float, default=1e-4
        Standard deviation of each coordinate.

    Returns
    -------
    ndarray of shape (n, n_components), float64
    """
    std = check_real("std", std, above=0)
    n_samples = n_samples.shape[0] if hasattr(n_samples, "shape") else n_samples
    n_samples = check_integer("n_samples", n_samples, at_least=1)
    n_components = check_integer("n_components", n_components, at_least=1)
    rng = as_random_state(random_state)
    return rng.normal(scale=std, size=(n_samples, n_components))


def weighted_mean(
    X: Any, embedding: Any, neighbors: Any, distances: Any, verbose: bool = False
) -> NDArray[np.float64]:
    """Place new points at the mean of their neighbors' positions, weighted by 1 / distance.

    A new point at distance 0 from neighbors gets exactly the mean position of these neighbors.

    Parameters
    ----------
    X : array-like of shape (n_new, p)
        The new rows. Not used, since the neighbors are enough.
    embedding : array-like of shape (n, d)
        Positions.
    neighbors : array-like of shape (n_new, k), int
        Neighbors of the new points, as rows of `embedding`.
    distances : array-like of shape (n_new, k)
        Their distances.
    verbose : bool, default=False
        Not used; nothing here takes time.

    Returns
    -------
    ndarray of shape (n_new, d), float64
    """
    distances = np.asarray(distances, dtype=np.float64)
    nearest = distances.min(axis=1, keepdims=True)
    weights = np.divide(nearest, distances, where=distances > nearest, out=np.ones_like(distances))
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("ij,ijc->ic", weights, np.asarray(embedding, dtype=np.float64)[neighbors])


def median(embedding: Any, neighbors: Any, verbose: bool = False) -> NDArray[np.float64]:
    """Place new points at the median of their neighbors' positions, coordinate by coordinate.

    Parameters
    ----------
    embedding : array-like of shape (n, d)
        Positions.
    neighbors : array-like of shape (n_new, k), int
        Neighbors of the new points, as rows of `embedding`.
    verbose : bool, default=False
        Not used; nothing here takes time.

    Returns
    -------
    ndarray of shape (n_new, d), float64
    """
    middle: NDArray[np.float64] = np.median(
        np.asarray(embedding, dtype=np.float64)[neighbors], axis=1
    )
    return middle


def _positions(x: Any, inplace: bool) -> NDArray[np.floating[Any]]:
    """Return positions to be changed: `x` itself, or a copy."""
    if inplace:
        if not isinstance(x, np.ndarray) or not np.issubdtype(x.dtype, np.floating):
            raise TypeError(f"x must be a float array to be changed in place, got {short_repr(x)}")
        return x
    plain = as_plain(x, name="x")
    return np.array(plain, dtype=np.result_type(plain.dtype, np.float32), order="C")


def finish(
    found: NDArray[np.floating[Any]],
    n_components: int,
    rng: np.random.RandomState,
    *,
    add_jitter: bool,
) -> NDArray[np.float64]:
    """Return scaled coordinates, with noise where they are missing or do not vary."""
    found = found.astype(np.float64)
    stds = found.std(axis=0) if found.shape[1] else np.zeros(1)
    if not stds[0] > 0:
        return random(len(found), n_components, rng)
    positions = rng.normal(scale=JITTER * TARGET_STD, size=(len(found), n_components))
    varies = np.flatnonzero(stds > 1e-6 * stds[0])
    positions[:, varies] = found[:, varies] * (TARGET_STD / stds[0])
    if add_jitter:
        jitter(positions, inplace=True, random_state=rng)
    return positions
