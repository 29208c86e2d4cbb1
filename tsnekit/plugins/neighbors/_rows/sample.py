"""A sample of rows with their true neighbors, by which a search judges what it has found."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tsnekit.plugins.neighbors._rows.lists import Lists, scan

__all__ = ["Sample", "spread_rows"]


def spread_rows(n: int, size: int, seed: int) -> NDArray[np.intp]:
    """Return rows, one drawn from each of `size` parts of all `n` rows; ascending."""
    size = min(n, size)
    ends = np.arange(size + 1) * n // size
    random = np.random.RandomState(seed % 2**32).random_sample(size)
    return np.asarray(ends[:-1] + (random * np.diff(ends)).astype(np.intp))


class Sample:
    """Some rows, and how far their true neighbors reach.

    Parameters
    ----------
    rows : ndarray of shape (n, p), float32
    metric : {"sqeuclidean", "manhattan", "hamming"}
    k : int
        Number of neighbors, less than n.
    n_jobs : int
        Number of threads; the result does not depend on it.
    seed : int
    """

    PAIRS = 10_000_000
    """How many pairs of rows are measured at first."""

    FEWEST, MOST = 128, 1024
    """Bounds of the number of rows, which `PAIRS` determines."""

    def __init__(
        self, rows: NDArray[np.float32], metric: str, k: int, n_jobs: int, seed: int
    ) -> None:
        self._data = rows
        self._metric = metric
        self._k = k
        self._n_jobs = n_jobs
        self._seed = seed
        self._draw(min(max(self.PAIRS // len(rows), self.FEWEST), self.MOST))

    def share_found(self, lists: Lists) -> float:
        """Return the share of true neighbors in lists of all rows; as near is as good."""
        return self._estimate(lists)[0]

    def confirms(self, lists: Lists, share: float) -> bool:
        """Whether lists of all rows have this share of true neighbors, with the error of a sample.

        Where a small sample leaves it open, a larger one is drawn.
        """
        found, error = self._estimate(lists)
        if abs(found - share) <= 3 * error and len(self._rows) < self.MOST:
            self._draw(self.MOST)
            found, error = self._estimate(lists)
        return found - error >= share

    def _draw(self, size: int) -> None:
        self._rows = spread_rows(len(self._data), size, self._seed)
        _, distances = scan(
            self._data[self._rows], self._data, self._metric, self._k + 1, self._n_jobs
        )
        # The nearest is the row itself, or a row at the same distance, which is 0.
        self._reach = distances[:, -1:].copy()

    def _estimate(self, lists: Lists) -> tuple[float, float]:
        """Return the share of true neighbors, and its standard error."""
        shares = np.mean(lists[1][self._rows, : self._k] <= self._reach, axis=1)
        left_out = 1 - len(self._rows) / len(self._data)
        error = math.sqrt(left_out / len(self._rows)) * float(shares.std())
        return float(shares.mean()), error
