"""A force term: points that are outside a disc are pulled back to its edge."""

import numpy as np

from tsnekit.hookspecs import hookimpl
from tsnekit.specs import ForceSpec


@hookimpl
def tsnekit_forces():
    """List the force terms of this module."""
    yield ForceSpec(
        name="disc",
        factory="tsnekit_disc:Disc",
        summary="keeps the map within a disc or a ball",
        n_components=None,
        new_points=True,
    )


class Disc:
    """The mean squared distance of the points from a disc around the origin."""

    def __init__(self, *, radius=30.0):
        if not radius > 0:
            raise ValueError(f"radius must be greater than 0, got {radius!r}")
        self.radius = radius

    def prepare(self, problem):
        """Return the force for a map."""
        # New points do not share a mean: the gradient of each is that of its own loss.
        return DiscForce(self.radius, problem.n_samples if problem.reference is None else 1)


class DiscForce:
    """The force for one map."""

    def __init__(self, radius, shared_by):
        self.radius = radius
        self.shared_by = shared_by

    def gradient(self, Y, out):
        """Fill `out` with the gradient of the loss."""
        length = np.linalg.norm(Y, axis=1, keepdims=True)
        beyond = np.maximum(length - self.radius, 0) / np.maximum(length, self.radius)
        np.multiply(Y, 2 / self.shared_by * beyond, out=out)

    def loss(self, Y):
        """Return the mean squared distance from the disc."""
        length = np.linalg.norm(Y.astype(float), axis=1)
        return float(np.mean(np.maximum(length - self.radius, 0) ** 2))
