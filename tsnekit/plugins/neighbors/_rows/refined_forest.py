"""Shared code of searches by a forest: trees give rough lists, and links refine them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tsnekit.plugins.neighbors._rows.approximate import FEW_ROWS, ApproximateSearch
from tsnekit.plugins.neighbors._rows.lists import Lists, scan
from tsnekit.plugins.neighbors._rows.refinement import LinkedRows
from tsnekit.plugins.neighbors._rows.sample import Sample

__all__ = ["RefinedForest"]


class RefinedForest(ApproximateSearch):
    """Searches by random projection trees, and then along links between near rows."""

    MIN_RECALL = 0.98

    PASSES_OF_FEW: ClassVar[int] = 1
    """The most passes along links for few rows, where another is no gain over every pair."""

    def _prepare_rows(self) -> None:
        self._forest: Any = None
        self._linked = LinkedRows(self._rows, self._space.kernel, self._problem.n_jobs)

    def _search_rows_for(self, queries: NDArray[np.float32], k: int) -> Lists:
        if len(self._rows) == 1:
            return scan(queries, self._rows, self._space.kernel, 1, self._problem.n_jobs)
        if not self._linked.is_linked:
            nearest = min(k, len(self._rows) - 1)
            self._search_rows(nearest, self._truth(nearest))
        lists = self._rough_lists_for(queries, k)
        self._linked.follow(queries, lists)
        return lists

    def _refine(self, lists: Lists, truth: Sample) -> None:
        """Improve rough lists in place."""
        is_small = len(self._rows) <= FEW_ROWS
        passes = self.PASSES_OF_FEW if is_small else len(LinkedRows.DEGREES)
        self._linked.refine(lists, truth, passes)

    @abstractmethod
    def _rough_lists_for(self, queries: NDArray[np.float32], k: int) -> Lists:
        """Return the nearest rows that trees find for new rows, in lists as wide as links need."""

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
