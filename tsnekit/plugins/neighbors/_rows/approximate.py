"""Shared code of approximate searches over rows: copies, estimated recall, and its consequences."""

from __future__ import annotations

import logging
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tsnekit.errors import ConvergenceWarning
from tsnekit.plugins.neighbors._rows.base import RowSearch
from tsnekit.plugins.neighbors._rows.copies import Copies
from tsnekit.plugins.neighbors._rows.lists import Lists, rename, scan
from tsnekit.plugins.neighbors._rows.precision import PreciseLists
from tsnekit.plugins.neighbors._rows.sample import Sample
from tsnekit.toolkit import warn

__all__ = [
    "BLIND",
    "ApproximateSearch",
    "can_scan_precisely",
    "warn_of_blur",
    "warn_of_shortfall",
]

logger = logging.getLogger(__name__)

FEW_ROWS = 16_384
"""Most rows of which to measure every pair takes no longer than to try harder."""

MOST_SCANNED = 4e11
"""Up to this many pairs of rows, times features, are measured if an approximation is too poor.

This takes about ten seconds on one thread: every pair of 90,000 rows of 50 features.
"""

MOST_SCANNED_PRECISELY = 4e10
"""The same for distances in float64, which take about ten times as long."""

BLIND = 2.0**-10
"""Error of float32, relative to the distance of the last neighbor, that makes candidates poor."""


class ApproximateSearch(RowSearch):
    """Finds most neighbors, and estimates their share.

    Rows that are copies of one another are searched as one row. The share of neighbors that are
    found is then estimated by an exact search for a sample of rows. If this share is lower than the
    search promises, the search makes more effort. If that is not enough, it measures every pair if
    this only takes seconds, and otherwise warns. If there are few rows, it measures every pair at
    once. None of this depends on the number of threads.

    Attributes
    ----------
    estimated_recall : float or None
        The share of true neighbors that the last call of `neighbors` found in a sample of rows.
    """

    MIN_RECALL: ClassVar[float]
    """The share of neighbors that is promised."""

    estimated_recall: float | None = None

    _order: NDArray[np.int32] | None
    """What `self._rows` were before `_prepare_rows` put them into another order."""

    def _prepare(self) -> None:
        self.estimated_recall = None
        self._order = None
        self._copies = Copies.of(self._rows)
        if self._copies is not None:
            self._rows = np.ascontiguousarray(self._rows[self._copies.first])
        self._prepare_rows()

    def _search(self, k: int) -> Lists:
        n = len(self._rows)
        if n == 1:
            return self._scan_rows(self._rows_of_data, k, np.arange(len(self._X)))
        nearest = min(k, n - 1)
        truth = self._truth(nearest)
        lists = self._search_rows(nearest, truth)
        while not (kept := truth.confirms(lists, self.MIN_RECALL)) and self._can_try_harder():
            lists = self._search_rows(nearest, truth)
        self.estimated_recall = truth.share_found(lists)
        if not kept:
            lists = self._search_exhaustively(lists, nearest, self.estimated_recall)
        if self._order is not None:
            rename(lists, self._order, self._problem.n_jobs)
            place = np.argsort(self._order)
            indices, distances = lists
            del lists  # so that each array can be freed on its own
            indices = indices[place]
            distances = distances[place]
            lists = indices, distances
        return lists if self._copies is None else self._copies.expand(lists, k)

    def _search_for(self, X: NDArray[Any], queries: NDArray[np.float32], k: int) -> Lists:
        lists = self._search_rows_for(queries, min(k, len(self._rows)))
        if self._order is not None:
            rename(lists, self._order, self._problem.n_jobs)
        return lists if self._copies is None else self._copies.expand_for_others(lists, k)

    @abstractmethod
    def _prepare_rows(self) -> None:
        """Set up for `self._rows`, which are all different.

        This may put them into another order, which `self._order` then tells.
        """

    def _truth(self, k: int) -> Sample:
        """Return true neighbors of a sample of `self._rows`."""
        problem = self._problem
        return Sample(self._rows, self._space.kernel, k, problem.n_jobs, problem.seed)

    @abstractmethod
    def _search_rows(self, k: int, truth: Sample) -> Lists:
        """Return at least k neighbors of each of `self._rows`."""

    @abstractmethod
    def _search_rows_for(self, queries: NDArray[np.float32], k: int) -> Lists:
        """Return at least k of `self._rows` for each query."""

    def _try_harder(self) -> bool:
        """Make more effort from now on; return False if more is not possible."""
        return False

    def _can_try_harder(self) -> bool:
        return len(self._rows) > FEW_ROWS and self._try_harder()

    def _search_exhaustively(self, lists: Lists, k: int, estimate: float) -> Lists:
        """Return exact lists if that only takes seconds, else the given lists, with a warning."""
        n, p = self._rows.shape
        name = type(self).__name__
        if float(n) ** 2 * p <= MOST_SCANNED:
            logger.info(
                "%s found about %.3f of the neighbors of a sample of rows; measuring every pair",
                name,
                estimate,
            )
            self.estimated_recall = 1.0
            return scan(
                self._rows, self._rows, self._space.kernel, k, self._problem.n_jobs, first=0
            )
        if estimate < self.MIN_RECALL:
            warn_of_shortfall(name, estimate, self.MIN_RECALL, k)
        return lists

    def _is_doubtful(
        self, last: NDArray[Any], kth: NDArray[Any], blur: NDArray[Any]
    ) -> NDArray[np.bool_]:
        return np.asarray(~(blur <= BLIND * kth) & (kth > 0))

    def _search_again(
        self, X: Any, rounded: NDArray[np.float32], k: int, own: NDArray[Any] | None
    ) -> PreciseLists | None:
        if can_scan_precisely(self._X, len(X)):
            return self._precise.nearest(X, k, own)
        warn_of_blur(len(X))
        return None


def can_scan_precisely(X: Any, n_rows: int) -> bool:
    """Return whether so many rows can be measured against all data in float64 within seconds."""
    pairs = float(n_rows) * X.shape[0]
    return pairs * max(X.shape[1], 10) <= MOST_SCANNED_PRECISELY


def warn_of_shortfall(name: str, found: float, promised: float, k: int) -> None:
    """Warn that a search finds fewer neighbors than it promises."""
    warn(
        f"{name} found only about {found:.3f} of the {k} nearest neighbors of each row, less than "
        f"the {promised:g} that it promises; neighbors='exact' finds all of them",
        ConvergenceWarning,
    )


def warn_of_blur(n_rows: int) -> None:
    """Warn that neighbors may be missed because they are too close for float32."""
    warn(
        f"float32 cannot tell the neighbors of {n_rows} rows apart: the distances between them are "
        "tiny compared with the numbers in the data. Some neighbors may be missed; "
        "neighbors='exact' finds all of them",
        ConvergenceWarning,
    )
