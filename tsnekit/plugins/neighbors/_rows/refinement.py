"""Good neighbors from the rough lists of any fast method."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tsnekit.plugins.neighbors._rows.blocks import shown_blocks
from tsnekit.plugins.neighbors._rows.lists import Lists
from tsnekit.plugins.neighbors._rows.sample import Sample

__all__ = ["LinkedRows"]


class LinkedRows:
    """Rows, and links between near ones along which a search finds its way.

    It improves lists of neighbors: int32 and float32 arrays of shape (n, `width(k)`), in which -1
    and infinity fill empty places.

    Parameters
    ----------
    rows : ndarray of shape (n, p), float32
    metric : {"sqeuclidean", "manhattan", "hamming"}
    n_jobs : int
        Number of threads; the results do not depend on it.

    References
    ----------
    W. Dong, C. Moses, K. Li. "Efficient k-nearest neighbor graph construction for generic
    similarity measures". WWW 2011.
    """

    MIN_WIDTH = 40
    """The least width of lists: with fewer links to follow, a search gets stuck."""

    RECALL = 0.985
    """Share of neighbors that must be found, measured by exact search for a sample of rows."""

    DEGREES = (24, 48, 96)
    """Links of each row in the first pass, in the second one, and so on."""

    ROWS_PER_CALL = 16_384
    """Rows that the native layer works on before Python looks for Ctrl-C."""

    def __init__(self, rows: NDArray[np.float32], metric: str, n_jobs: int) -> None:
        self.rows = rows
        self.metric = metric
        self.n_jobs = n_jobs
        self._links: NDArray[np.int32] | None = None

    def width(self, k: int) -> int:
        """Return the width of lists in which to look for `k` neighbors: somewhat more than `k`."""
        return min(len(self.rows), max(k + k // 10, self.MIN_WIDTH))

    def improve(self, lists: Lists) -> None:
        """Improve rough lists in place, by one pass along links between the nearest."""
        self._link(lists, reach=20, degree=20)
        self._follow(self.rows, 0, min(lists[0].shape[1], self.MIN_WIDTH), lists)

    def refine(self, lists: Lists, truth: Sample, passes: int) -> None:
        """Improve lists in place until hardly any of the neighbors is missing.

        For most data, one pass is enough. A sample of rows shows whether it is. If not, another
        pass follows more links of each row.

        Parameters
        ----------
        lists : (indices, distances)
        truth : Sample
            The true neighbors of some rows.
        passes : int
            The most passes, of `len(DEGREES)`.
        """
        for degree in self.DEGREES[:passes]:
            self._link(lists, reach=2 * degree, degree=degree)
            self._follow(self.rows, 0, lists[0].shape[1], lists)
            if truth.confirms(lists, self.RECALL):
                break
        self._link(lists, reach=2 * degree, degree=degree)

    def follow(self, queries: NDArray[np.float32], lists: Lists) -> None:
        """Improve lists of new rows in place.

        Call `refine` first, which makes the links.
        """
        self._follow(queries, -1, lists[0].shape[1], lists)

    @property
    def is_linked(self) -> bool:
        """Whether there are links to follow."""
        return self._links is not None

    def _link(self, lists: Lists, *, reach: int, degree: int) -> None:
        from tsnekit._native.refine import link_rows

        links = np.empty((len(self.rows), degree), dtype=np.int32)
        link_rows(self.rows, self.metric, *lists, reach, links, self.n_jobs)
        self._links = links

    def _follow(self, queries: NDArray[np.float32], first: int, breadth: int, lists: Lists) -> None:
        from tsnekit._native.refine import follow_links

        indices, distances = lists
        for block in shown_blocks(len(queries), self.ROWS_PER_CALL, "following links"):
            start = first if first < 0 else first + block.start
            follow_links(
                queries[block], start, self.rows, self.metric, self._links, breadth,
                indices[block], distances[block], self.n_jobs,
            )  # fmt: skip
