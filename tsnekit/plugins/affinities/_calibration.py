"""Shared code of the kernels that are calibrated to perplexities."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.errors import ConvergenceWarning
from tsnekit.toolkit import check_integer, check_real, warn

__all__ = [
    "NOT_FINITE",
    "CalibratedKernel",
    "Calibration",
    "calibrate",
    "check_neighbors",
    "check_perplexities",
    "check_perplexity",
    "limit_neighbors",
]

logger = logging.getLogger(__name__)

ENTRIES_PER_CALL = 1 << 23

NOT_FINITE = (
    "distances to neighbors must be finite, but some are NaN or too large for single precision"
)


@dataclass(frozen=True)
class Calibration:
    """Weights of neighbors, and how they were found.

    Parameters
    ----------
    weights : ndarray of shape (n, k), float32
        Rows sum to 1.
    precision : ndarray of shape (n, n_perplexities), float64
        The precision beta of the kernel exp(-beta d^2), for each row and perplexity.
    converged : ndarray of shape (n, n_perplexities), bool
        Whether the perplexity was reached. This is impossible if more neighbors than the perplexity
        are equally near, or if all neighbors are equally far.
    n_evaluations : ndarray of shape (n, n_perplexities), int32
        How often the row's entropy was computed; 0 where the perplexity was not reached.
    """

    weights: NDArray[np.float32]
    precision: NDArray[np.float64]
    converged: NDArray[np.bool_]
    n_evaluations: NDArray[np.int32]


def calibrate(
    distances: NDArray[np.float32],
    perplexities: Sequence[float],
    *,
    mixture: bool = False,
    n_jobs: int = 1,
) -> Calibration:
    """Find, for each row and perplexity, the Gaussian whose weights have that perplexity.

    With several perplexities, the weights are the mean of the weights of each. With `mixture`, they
    are the weights of the sum of the Gaussian densities.

    Raises
    ------
    ValueError
        If a distance is not finite.
    """
    import tsnekit._native.perplexity as native

    n, k = distances.shape
    shape = (n, len(perplexities))
    weights = np.empty((n, k), dtype=np.float32)
    precision = np.empty(shape)
    status = np.empty(shape, dtype=np.int32)
    distances = np.ascontiguousarray(distances, dtype=np.float32)
    wanted = np.asarray(perplexities, dtype=np.float64)
    # Python looks for Ctrl-C between blocks.
    size = max(1, ENTRIES_PER_CALL // (k * len(wanted)))
    for start in range(0, n, size):
        rows = slice(start, start + size)
        native.calibrate(
            distances[rows], wanted, mixture, weights[rows], precision[rows], status[rows], n_jobs
        )
    if (status == native.NOT_FINITE).any():
        raise ValueError(NOT_FINITE)
    return Calibration(weights, precision, status > 0, np.maximum(status, 0))


def limit_neighbors(n_neighbors: int, n_samples: int) -> int:
    """Return how many neighbors there can be, at most `n_neighbors`."""
    return min(n_neighbors, max(n_samples - 1, 1))


class CalibratedKernel:
    """Gaussian kernels of one or several perplexities.

    Parameters
    ----------
    perplexities : sequence of float
        Checked, each at least 1.
    k_neighbors : int
        How many neighbors to weigh.
    mixture : bool
        See `calibrate`.
    """

    def __init__(self, perplexities: Sequence[float], k_neighbors: int, *, mixture: bool) -> None:
        self._perplexities = tuple(perplexities)
        self._k_neighbors = k_neighbors
        self._mixture = mixture

    def n_neighbors(self, n_samples: int) -> int:
        """Return how many neighbors the kernel weighs; warn if there are fewer than it needs."""
        k = limit_neighbors(self._k_neighbors, n_samples)
        effective = self.effective_perplexities(k)
        if effective != self._perplexities:
            warn(
                f"perplexity {max(self._perplexities):g} is too large for {k} neighbors of each "
                f"row; {max(effective):.4g} is used",
                UserWarning,
            )
        return k

    def weights(self, distances: NDArray[np.float32], *, n_jobs: int = 1) -> NDArray[np.float32]:
        """Return the weights (n, k); warn if some rows do not reach the perplexity."""
        return self.calibrate(distances, n_jobs=n_jobs).weights

    def calibrate(self, distances: NDArray[np.float32], *, n_jobs: int = 1) -> Calibration:
        """Return the weights (n, k), and how they were found for each row.

        Parameters
        ----------
        distances : ndarray of shape (n, k), float32
        n_jobs : int, default=1
            Number of threads, already resolved. The result is the same for any.

        Returns
        -------
        Calibration

        Raises
        ------
        ValueError
            If a distance is not finite.
        """
        perplexities = self.effective_perplexities(distances.shape[1])
        found = calibrate(distances, perplexities, mixture=self._mixture, n_jobs=n_jobs)
        failed = len(distances) - int(found.converged.all(axis=1).sum())
        if failed:
            wanted = ", ".join(f"{value:g}" for value in perplexities)
            warn(
                f"perplexity {wanted} was not reached in {failed} of {len(distances)} rows: too "
                "many of their neighbors are equally far",
                ConvergenceWarning,
            )
        logger.debug("mean number of evaluations: %.2f", found.n_evaluations.mean())
        return found

    def effective_perplexities(self, k: int) -> tuple[float, ...]:
        """Return the perplexities in use for `k` neighbors.

        If the kernel needs more neighbors, the perplexities are lowered to at most k / 3.
        """
        if k >= self._k_neighbors:
            return self._perplexities
        limit = max(1.0, k / 3)
        return tuple(dict.fromkeys(min(value, limit) for value in self._perplexities))


def check_perplexity(name: str, value: Any) -> float:
    """Return a perplexity as a float; none can be less than 1."""
    return check_real(name, value, at_least=1)


def check_perplexities(value: Any) -> tuple[float, ...]:
    """Return one perplexity, or several, as floats."""
    if isinstance(value, Real):
        value = (value,)
    elif isinstance(value, np.ndarray):
        value = np.atleast_1d(value)
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray) or len(value) == 0:
        raise TypeError(f"perplexities must be a number or a sequence of numbers, got {value!r}")
    return tuple(check_perplexity("perplexities", number) for number in value)


def check_neighbors(value: Any, perplexity: float) -> int:
    """Return how many neighbors a perplexity needs, or the given number."""
    if isinstance(value, str) and value == "auto":
        return int(3 * perplexity)
    k_neighbors = check_integer("k_neighbors", value, at_least=1)
    if k_neighbors < perplexity:
        raise ValueError(
            f"k_neighbors must be at least the perplexity, {perplexity:g}, got {value!r}"
        )
    return k_neighbors
