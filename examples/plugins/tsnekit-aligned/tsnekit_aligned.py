"""Maps of several times or batches that are held near one another."""

import numpy as np

from tsnekit import TSNE
from tsnekit.hookspecs import hookimpl
from tsnekit.specs import ForceSpec

__all__ = ["Aligned", "fit_in_turn", "tsnekit_forces"]


@hookimpl
def tsnekit_forces():
    """Yield the spec of the force term."""
    yield ForceSpec(
        name="aligned",
        factory="tsnekit_aligned:Aligned",
        summary="rows are pulled to given positions, or to the rows that they match",
        n_components=None,
        weight=0.001,
    )


class Aligned:
    """The mean squared distance from given positions, and between matched rows.

    The sum of the squared distances is divided by the number of points of the map. Rows without a
    position and without a match are free.

    Parameters
    ----------
    positions : array-like of shape (n, d), optional
        Where rows are pulled to, such as their places in an earlier map. A row of NaN is free. A
        map may have more rows, which are free, too.
    matches : array-like of shape (m, 2), int, optional
        Pairs of rows of this map that are pulled together, such as the same cell in two batches.
    """

    def __init__(self, *, positions=None, matches=None):
        if positions is not None:
            positions = np.asarray(positions)
            if positions.ndim != 2 or positions.dtype.kind not in "fiu":
                raise ValueError(
                    "positions must be an array of numbers of shape (n, d), "
                    f"got {positions.dtype} of shape {positions.shape}"
                )
            free = np.isnan(positions)
            if np.isinf(positions).any() or (free.any(axis=1) != free.all(axis=1)).any():
                raise ValueError("positions must have finite rows, or rows of NaN that are free")
        if matches is not None:
            matches = np.asarray(matches)
            if matches.ndim != 2 or matches.shape[1] != 2 or matches.dtype.kind not in "iu":
                raise ValueError(
                    "matches must be an array of integers of shape (m, 2), "
                    f"got {matches.dtype} of shape {matches.shape}"
                )
        self.positions = positions
        self.matches = matches

    def check(self, n_samples, n_components):
        """Raise a ValueError if positions or matches do not fit a map of this shape."""
        if self.positions is not None:
            n, d = self.positions.shape
            if n > n_samples or d != n_components:
                raise ValueError(
                    f"positions of shape {(n, d)} do not fit a map of {n_samples} points in "
                    f"{n_components}-D"
                )
        if self.matches is not None and self.matches.size:
            low, high = self.matches.min(), self.matches.max()
            if low < 0 or high >= n_samples:
                wrong = low if low < 0 else high
                raise ValueError(f"matches name row {wrong} of a map of {n_samples} points")

    def prepare(self, problem):
        """Return the force for a map."""
        self.check(problem.n_samples, problem.n_components)
        return AlignedForce(problem, self.positions, self.matches)


class AlignedForce:
    """The force for one map."""

    def __init__(self, problem, positions, matches):
        n, d = problem.n_samples, problem.n_components
        self._n = n
        positions = np.empty((0, d)) if positions is None else positions
        self._rows = np.flatnonzero(~np.isnan(positions).any(axis=1))
        self._positions = positions[self._rows].astype(float)
        pairs = np.empty((0, 2), dtype=np.intp) if matches is None else matches
        self._first, self._second = np.asarray(pairs, dtype=np.intp).T

    def gradient(self, Y, out):
        """Fill `out` with the gradient of the loss."""
        from_positions, apart = self._offsets(Y)
        total = np.zeros(Y.shape)
        total[self._rows] = from_positions
        # A row may be in several pairs.
        np.add.at(total, self._first, apart)
        np.subtract.at(total, self._second, apart)
        np.multiply(total, 2 / self._n, out=out, casting="same_kind")

    def loss(self, Y):
        """Return the mean squared distance."""
        return sum(float(np.vdot(each, each)) for each in self._offsets(Y)) / self._n

    def _offsets(self, Y):
        Y = Y.astype(float)
        return Y[self._rows] - self._positions, Y[self._first] - Y[self._second]


def fit_in_turn(data, ids=None, *, weight=0.001, **parameters):
    """Fit a map of each of several data sets, held near the map before it.

    Rows that two successive data sets have in common start where they were, and are pulled there.
    The other rows start among their neighbors in the earlier data, and are free.

    Parameters
    ----------
    data : sequence of array-like of shape (n_t, p)
        One data set for each time or batch.
    ids : sequence of array-like of shape (n_t,), optional
        What tells rows apart, each once in a data set. By default, rows at the same place are the
        same, and all data sets have as many rows.
    weight : float, default=0.001
        The weight of the force term. With 0, the maps only start alike.
    **parameters
        Of `tsnekit.TSNE`. Maps after the first one have no early exaggeration by default.

    Returns
    -------
    list of TSNEEmbedding
        One map for each data set.
    """
    data = [np.asarray(each) for each in data]
    ids = [np.arange(len(each)) for each in data] if ids is None else [np.asarray(i) for i in ids]
    if not data or [len(each) for each in ids] != [len(each) for each in data]:
        raise ValueError("data must hold data sets, and ids one value for each of their rows")
    maps = [TSNE(**parameters).fit(data[0])]
    for before, X, own in zip(ids[:-1], data[1:], ids[1:], strict=True):
        maps.append(_fit_near(maps[-1], before, X, own, weight, parameters))
    return maps


def _fit_near(earlier, before, X, own, weight, parameters):
    _, rows, known = np.intersect1d(own, before, return_indices=True)
    if not len(rows):
        raise ValueError("two successive data sets must have a row in common")
    positions = np.full((len(X), earlier.shape[1]), np.nan)
    positions[rows] = np.asarray(earlier)[known]
    start, free = positions.copy(), np.isnan(positions).any(axis=1)
    if free.any():
        start[free] = earlier.prepare_partial(X[free])
    # Points that have found their places need no early exaggeration.
    parameters = {"early_exaggeration_iter": 0} | parameters
    forces = ("aligned", {"positions": positions, "weight": weight})
    return TSNE(**parameters, forces=forces).fit(X, initialization=start)
