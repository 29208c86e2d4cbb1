"""Which points of a map can be trusted: compared with maps of data without structure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from tsnekit._backends.options import with_options
from tsnekit._embedding.full import TSNEEmbedding
from tsnekit.affinity._base import Affinities
from tsnekit.affinity._neighbors import NeighborAffinities, build_affinities
from tsnekit.diagnostics._comparison import Comparison, Rows, sample_rows
from tsnekit.initialization import pca

__all__ = ["PointTrust", "trust_of_points"]

EARLY, LATE = ("early exaggeration", 250), ("optimization", 500)
"""The phases of a map, and how long each takes where the map does not know it."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PointTrust:
    """How well single points keep their neighbors, beside what chance would keep.

    Chance is a map that is made in the same way of the same data, in which each column was shuffled
    by itself. The number of neighbors is the scale of the question. Points within a group that has
    no structure of its own are doubtful for fewer neighbors than the group has members, and
    trusted for about as many.

    Parameters
    ----------
    kept : ndarray of shape (n_sampled,)
        The share of its neighbors that each point keeps.
    kept_by_chance : ndarray of shape (m,)
        The same for points of maps of shuffled data, ascending.
    """

    kept: NDArray[np.float64]
    kept_by_chance: NDArray[np.float64]

    @property
    def p_values(self) -> NDArray[np.float64]:
        """The share of points in maps of shuffled data that keep at least as many (n_sampled,)."""
        below = np.searchsorted(self.kept_by_chance, self.kept, side="left")
        m = len(self.kept_by_chance)
        return np.asarray((1 + m - below) / (1 + m))

    @property
    def doubtful(self) -> NDArray[np.bool_]:
        """The points that keep no more than chance would: a p-value above .05 (n_sampled,)."""
        return self.p_values > 0.05

    def __repr__(self) -> str:
        return f"<PointTrust: {self.doubtful.mean():.1%} of {len(self.kept):,} points are doubtful>"


def trust_of_points(
    embedding: TSNEEmbedding,
    kept: NDArray[np.float64],
    X: Any,
    *,
    n_neighbors: int,
    n_shuffled: int,
    n_sampled: int | None,
    random_state: Any,
) -> PointTrust:
    """Compare the neighbors that points keep with those in maps of shuffled data.

    Parameters
    ----------
    embedding : TSNEEmbedding
    kept : ndarray of shape (n_sampled,)
        The share of neighbors kept for some of its points.
    X : array or CSR matrix of shape (n, p)
        The data.
    n_neighbors : int
    n_shuffled : int
        How many maps of shuffled data to make, each in the way of the embedding.
    n_sampled : int or None
        How many points of each of them to look at; None for all.
    random_state : int, RandomState or None

    Raises
    ------
    ValueError
        If the affinities of the embedding cannot be computed for other data.
    """
    affinities = _of_neighbors(embedding.affinities)
    rng = check_random_state(random_state)
    by_chance = []
    for _ in range(n_shuffled):
        data = shuffled(X, rng)
        map_of_it = _map_of(data, embedding, affinities, rng)
        problem: Any = affinities.knn_index.problem
        pair = Comparison(data, map_of_it, problem.metric, problem.metric_params)
        rows: Rows = sample_rows(pair.n_samples, n_sampled, rng)
        by_chance.append((pair.ranks(rows, n_neighbors) <= n_neighbors).mean(axis=1))
    return PointTrust(kept=kept, kept_by_chance=np.sort(np.concatenate(by_chance)))


def shuffled(X: Any, rng: np.random.RandomState) -> Any:
    """Return data whose columns have the same values in an order of their own each.

    Nothing is left of what columns have to do with one another.
    """
    if not hasattr(X, "indptr"):
        columns = np.array(X, order="F")
        for column in columns.T:
            rng.shuffle(column)
        return np.ascontiguousarray(columns)
    columns = X.tocsc(copy=True)
    for start, stop in zip(columns.indptr[:-1], columns.indptr[1:], strict=True):
        columns.indices[start:stop] = rng.choice(X.shape[0], stop - start, replace=False)
    columns.has_sorted_indices = False
    rows = columns.tocsr()
    rows.sort_indices()
    return rows


def _of_neighbors(affinities: Affinities) -> NeighborAffinities:
    index = affinities.knn_index if isinstance(affinities, NeighborAffinities) else None
    if index is None or index.search is None or index.problem is None:
        raise ValueError(
            "n_shuffled must be 0 for this embedding: only affinities that were computed from data "
            "can be computed for shuffled data, too"
        )
    if index.problem.metric == "precomputed":
        raise ValueError(
            "n_shuffled must be 0 for this embedding: its data are distances, and not columns that "
            "can be shuffled"
        )
    assert isinstance(affinities, NeighborAffinities)
    return affinities


def _map_of(
    X: Any, embedding: TSNEEmbedding, affinities: NeighborAffinities, rng: np.random.RandomState
) -> TSNEEmbedding:
    """Return a map of other data, made in the way of an embedding."""
    index = affinities.knn_index
    search: Any = index.search
    problem: Any = index.problem
    seed = int(rng.randint(2**31 - 1))
    other = build_affinities(
        X,
        kernel=affinities.kernel,
        search=with_options(search),
        problem=problem,
        symmetrize=affinities.symmetrize,
    )
    start = pca(X, n_components=embedding.shape[1], random_state=seed, n_jobs=problem.n_jobs)
    parameters = embedding.gradient_descent_params | {"callbacks": None, "verbose": False}
    optimizer = with_options(embedding.optimizer)
    made = TSNEEmbedding(start, other, random_state=seed, optimizer=optimizer, **parameters)
    n_early, n_late = (
        embedding.endings[name].n_iter if name in embedding.endings else usual
        for name, usual in (EARLY, LATE)
    )
    exaggeration = max(12.0, parameters["exaggeration"] or 1.0)
    made.optimize(n_early, inplace=True, exaggeration=exaggeration)
    return made.optimize(n_late, inplace=True)
