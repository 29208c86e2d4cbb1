"""Shared code of searches by a forest: trees give rough lists, and links refine them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.plugins.neighbors._rows.approximate import ApproximateSearch
from tsnekit.plugins.neighbors._rows.lists import Lists, scan
from tsnekit.plugins.neighbors._rows.refinement import LinkedRows

__all__ = ["RefinedForest"]


class RefinedForest(ApproximateSearch):
    """Searches by random projection trees, and then along links between near rows."""

    MIN_RECALL = 0.98

    def _prepare_rows(self) -> None:
        self._forest: Any = None
        self._linked = LinkedRows(self._rows, self._space.kernel, self._problem.n_jobs)

    def _search_rows_for(self, queries: NDArray[np.float32], k: int) -> Lists:
        if len(self._rows) == 1:
            return scan(queries, self._rows, self._space.kernel, 1, self._problem.n_jobs)
        if not self._linked.is_linked:
            self._search_rows(min(k, len(self._rows) - 1))
        lists = self._rough_lists(queries, k, first=-1)
        self._linked.follow(queries, lists)
        return lists

    @abstractmethod
    def _rough_lists(self, queries: NDArray[np.float32], k: int, *, first: int) -> Lists:
        """Return the nearest rows that trees find for each query, in lists as wide as links need.

        `first` is the row of the first query where the queries are rows of the data, else -1.
        """

    @abstractmethod
    def _grow(self) -> Any:
        """Return the forest, which the seed alone determines."""

    def _grown_forest(self) -> Any:
        """Return the forest, grown when it is first needed: an unpickled search has none."""
        if self._forest is None:
            self._forest = self._grow()
        return self._forest

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the forest, which cannot be pickled and grows again."""
        return self.__dict__ | {"_forest": None}
