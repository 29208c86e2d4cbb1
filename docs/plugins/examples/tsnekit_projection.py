"""An initializer that projects the data on random directions."""

import numpy as np

from tsnekit.hookspecs import hookimpl
from tsnekit.initialization import jitter, rescale
from tsnekit.specs import InitializerSpec


@hookimpl
def tsnekit_initializers():
    """List the initializers of this module, and their needs."""
    yield InitializerSpec(
        name="projection",
        factory="tsnekit_projection:RandomProjection",
        summary="a projection of the data on random directions",
        needs_data=True,
        sparse=True,
    )


class RandomProjection:
    """Place points by a Gaussian random projection."""

    def __call__(self, source, n_components, rng):
        """Return positions (n, n_components); all randomness comes from `rng`."""
        directions = rng.normal(size=(source.data.shape[1], n_components))
        # Points start close together around the origin, and no two of them in one place.
        positions = np.asarray(source.data @ directions)
        positions -= positions.mean(axis=0)
        return jitter(rescale(positions), random_state=rng)
