"""Affinities between points: the documented classes, and those of any kernel."""

from tsnekit.affinity._base import Affinities, PrecomputedAffinities
from tsnekit.affinity._index import NeighborIndex
from tsnekit.affinity._multiscale import Multiscale, MultiscaleMixture
from tsnekit.affinity._named import FixedSigmaNN, PerplexityBasedNN, Uniform
from tsnekit.affinity._neighbors import NeighborAffinities, build_affinities

__all__ = [
    "Affinities",
    "FixedSigmaNN",
    "Multiscale",
    "MultiscaleMixture",
    "NeighborAffinities",
    "NeighborIndex",
    "PerplexityBasedNN",
    "PrecomputedAffinities",
    "Uniform",
    "build_affinities",
]
