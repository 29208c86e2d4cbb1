"""Helpers for backends: attraction, distances, checks, names of metrics, settings of the process.

A backend can do without these helpers. They save code that every backend would repeat, and give the
messages of all backends the same words.
"""

from __future__ import annotations

from tsnekit._descent.attractive import AttractiveForces
from tsnekit._util.blocks import for_blocks, row_blocks, shown_blocks
from tsnekit._util.caller import warn
from tsnekit._util.metrics import canonical_metric, metric_name, pairwise_of
from tsnekit._util.neighbor_graphs import check_distances, check_neighbor_graph
from tsnekit._util.pairs import measure
from tsnekit._util.process import one_blas_thread, without_warnings
from tsnekit._util.progress import progress
from tsnekit._util.validation import check_integer, check_real

__all__ = [
    "AttractiveForces",
    "canonical_metric",
    "check_distances",
    "check_integer",
    "check_neighbor_graph",
    "check_real",
    "for_blocks",
    "measure",
    "metric_name",
    "one_blas_thread",
    "pairwise_of",
    "progress",
    "row_blocks",
    "shown_blocks",
    "warn",
    "without_warnings",
]
