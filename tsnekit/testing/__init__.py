"""Conformance suites for plugins: a subclass of two lines tests whatever the spec claims.

::

    from tsnekit.testing import GradientMethodConformance

    class TestTreecode(GradientMethodConformance):
        name = "treecode"
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsnekit.testing.affinities import AffinityKernelConformance
    from tsnekit.testing.gradients import GradientMethodConformance
    from tsnekit.testing.initializers import InitializerConformance
    from tsnekit.testing.neighbors import NeighborSearchConformance

__all__ = [
    "AffinityKernelConformance",
    "GradientMethodConformance",
    "InitializerConformance",
    "NeighborSearchConformance",
]

_MODULES = {
    "AffinityKernelConformance": "affinities",
    "GradientMethodConformance": "gradients",
    "InitializerConformance": "initializers",
    "NeighborSearchConformance": "neighbors",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
