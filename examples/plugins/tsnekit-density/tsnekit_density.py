"""Maps that show density (den-SNE): dense clusters come out small, and sparse ones large."""

import numpy as np
from scipy import sparse

from tsnekit.forces import ForceProblem
from tsnekit.hookspecs import hookimpl
from tsnekit.specs import ForceSpec

__all__ = ["Density", "density_correlation", "log_radii", "tsnekit_forces"]

SMALL = 1e-6
"""Squared radii in the map, and shares of the mean in the data, below which all count alike."""


@hookimpl
def tsnekit_forces():
    """Yield the spec of the force term."""
    yield ForceSpec(
        name="density",
        factory="tsnekit_density:Density",
        summary="local radii in the map follow those in the data (den-SNE)",
        n_components=None,
        needs_neighbors=True,
        # The correlation counts once the clusters have found their places.
        weight=0.2,
        start=0.7,
        phases=("optimization",),
    )


class Density:
    """Minus the correlation of the logarithms of local radii in the data and in the map.

    The local radius of a point is the mean squared distance to its neighbors. In the data, the mean
    is weighted by P. In the map, it is weighted by the kernel of t-SNE, over the same neighbors.

    Parameters
    ----------
    shift : float, default=0.1
        Added to the variance in the map, so that the correlation stays smooth where all radii are
        alike.

    References
    ----------
    A. Narayan, B. Berger, H. Cho. "Assessing single-cell transcriptomic variability through
    density-preserving data visualization". Nature Biotechnology 39 (2021), 765-774.
    """

    def __init__(self, *, shift=0.1):
        if not shift > 0:
            raise ValueError(f"shift must be greater than 0, got {shift!r}")
        self.shift = shift

    def prepare(self, problem):
        """Return the force for a map, with the radii in the data."""
        return DensityForce(problem, self.shift)


class DensityForce:
    """The force for one map.

    Each pair of neighbors is kept once, in the upper triangle of a sparse matrix. All sums run over
    it and its transpose.

    Parameters
    ----------
    problem : ForceProblem
    shift : float
    """

    def __init__(self, problem, shift):
        P = problem.affinities
        matrix = sparse.csr_matrix((P.data.astype(float), P.indices, P.indptr), P.shape)
        pairs = sparse.triu(matrix, k=1, format="csr")
        self.dof = problem.dof
        self.shift = shift
        self._pairs = pairs
        self._rows = np.repeat(np.arange(P.shape[0]), np.diff(pairs.indptr))
        weights = pairs.data
        squared = _distances(problem.neighbors, self._rows, pairs.indices) ** 2
        radii = self._sums(weights * squared) / np.maximum(self._sums(weights), 1e-300)
        self.log_radii_of_data = np.log(radii + max(SMALL * radii.mean(), 1e-300))
        self._wanted = self.log_radii_of_data - self.log_radii_of_data.mean()
        self._wanted /= max(self._wanted.std(), 1e-12)

    def gradient(self, Y, out):
        """Fill `out` with the gradient of the loss."""
        Y = Y.astype(float)
        squared, w, kernel, total, radii = self._radii(Y)
        log_radii = np.log(radii + SMALL)
        centered = log_radii - log_radii.mean()
        scale = np.sqrt((centered**2).mean() + self.shift)
        covariance = (self._wanted * centered).mean()
        # The gradient of the loss by the logarithm of each radius.
        by_log = (covariance / scale**2 * centered - self._wanted) / (scale * len(Y))
        # From there by the squared distance of each pair, which changes the radii at both its ends.
        a = by_log / ((radii + SMALL) * np.maximum(total, 1e-300))
        b = a * radii
        i, j = self._rows, self._pairs.indices
        by_squared = (1 - squared * w) * (a.take(i) + a.take(j))
        by_squared += w * (b.take(i) + b.take(j))
        by_squared *= kernel
        pull = self._with(by_squared)
        out[:] = 2 * (self._sums(by_squared)[:, None] * Y - pull @ Y - pull.T @ Y)

    def loss(self, Y):
        """Return minus the correlation."""
        log_radii = np.log(self._radii(Y.astype(float))[-1] + SMALL)
        scale = np.sqrt(log_radii.var() + self.shift)
        return -float((self._wanted * (log_radii - log_radii.mean())).mean() / scale)

    def log_radii_of_map(self, Y):
        """Return the logarithm of the squared local radius of each point."""
        return np.log(self._radii(np.asarray(Y, dtype=float))[-1] + SMALL)

    def _radii(self, Y):
        """Return squared distances and kernels of pairs, and sums and squared radii of points."""
        squared = np.zeros(len(self._rows))
        for column in Y.T:
            offset = column.take(self._rows)
            offset -= column.take(self._pairs.indices)
            offset *= offset
            squared += offset
        w = 1 / (1 + squared / self.dof)
        kernel = w if self.dof == 1 else w**self.dof
        total = self._sums(kernel)
        return squared, w, kernel, total, self._sums(kernel * squared) / np.maximum(total, 1e-300)

    def _with(self, values):
        pairs = self._pairs
        return sparse.csr_matrix((values, pairs.indices, pairs.indptr), pairs.shape, copy=False)

    def _sums(self, values):
        """Return the sum over the pairs of each point."""
        matrix = self._with(values)
        ones = np.ones(matrix.shape[0])
        return matrix @ ones + matrix.T @ ones


def _distances(graph, rows, columns):
    """Return the distances of pairs, of which at least one is a neighbor of the other."""
    if not len(rows):  # a single point
        return np.zeros(0)
    n, k = graph.indices.shape
    ends = k * np.arange(n + 1)
    values = graph.distances.ravel().astype(float)
    known = sparse.csr_matrix((values, graph.indices.ravel(), ends), (n, n))
    return np.asarray(known.maximum(known.T)[rows, columns]).ravel()


def log_radii(embedding):
    """Return the logarithms of the squared local radii of an embedding, in the data and in the map.

    Parameters
    ----------
    embedding : TSNEEmbedding
        From data or from a neighbor graph, with this force term or without it.

    Returns
    -------
    ndarray of shape (n_samples,)
        In the data.
    ndarray of shape (n_samples,)
        In the map.
    """
    affinities = embedding.affinities
    problem = ForceProblem(
        n_samples=embedding.shape[0],
        n_components=embedding.shape[1],
        dof=embedding.gradient_descent_params["dof"],
        affinities=affinities.matrix,
        neighbors=affinities.knn_index.graph,
    )
    force = Density().prepare(problem)
    return force.log_radii_of_data, force.log_radii_of_map(embedding)


def density_correlation(embedding):
    """Return the correlation of the two, from -1 to 1; see `log_radii`."""
    return float(np.corrcoef(*log_radii(embedding))[0, 1])
