"""Starting positions of an embedding.

Positions start close together, at a standard deviation of 1e-4, so that the early exaggeration can
still arrange them. The same seed gives the same positions.
"""

from tsnekit.initialization._diffusion_map import spectral
from tsnekit.initialization._placement import jitter, median, random, rescale, weighted_mean
from tsnekit.initialization._principal_components import pca

__all__ = [
    "jitter",
    "median",
    "pca",
    "random",
    "rescale",
    "spectral",
    "weighted_mean",
]
