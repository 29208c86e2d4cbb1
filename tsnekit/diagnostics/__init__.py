"""How much of the data a map keeps: neighbors, distances, and the divergence that t-SNE lowers.

Each measure is a function of the data and of any map. `diagnose` takes all measures of an embedding
of tsnekit at once. Large data is measured on a random sample of its rows; the neighbors of these
rows are still searched among all rows.

Distances are computed in float64 and by differences of rows, so that no scale or offset of the data
changes a measure.
"""

from tsnekit.diagnostics._measures import (
    diagnose,
    distance_correlation,
    effective_perplexity,
    neighbors_kept,
    neighbors_kept_scorer,
    trustworthiness,
)
from tsnekit.diagnostics._report import Diagnostics
from tsnekit.diagnostics._trust import PointTrust

__all__ = [
    "Diagnostics",
    "PointTrust",
    "diagnose",
    "distance_correlation",
    "effective_perplexity",
    "neighbors_kept",
    "neighbors_kept_scorer",
    "trustworthiness",
]
