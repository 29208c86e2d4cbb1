"""Conformance suites for plugins: a subclass of two lines tests everything that a spec claims.

::

    from tsnekit.testing import GradientMethodConformance

    class TestTreecode(GradientMethodConformance):
        name = "treecode"

There is a suite for each extension point. A suite finds the backend by its registered name, so the
package must be installed. It reads the spec, tests every capability that the spec claims, and
checks that the backend refuses everything else. You can list tests that are known to fail, each
with a reason. A listed test that passes fails the suite::

    class TestTreecode(GradientMethodConformance):
        name = "treecode"
        expected_failures = {
            "test_forces_and_normalization[3d-dof0.5]": "too few terms, see issue 12",
        }
"""

from __future__ import annotations

import contextlib
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsnekit.testing.affinities import AffinityKernelConformance
    from tsnekit.testing.forces import ForceTermConformance
    from tsnekit.testing.gradients import GradientMethodConformance
    from tsnekit.testing.initializers import InitializerConformance
    from tsnekit.testing.neighbors import NeighborSearchConformance
    from tsnekit.testing.optimizers import OptimizerConformance

__all__ = [
    "AffinityKernelConformance",
    "ForceTermConformance",
    "GradientMethodConformance",
    "InitializerConformance",
    "NeighborSearchConformance",
    "OptimizerConformance",
]

_MODULES = {
    "AffinityKernelConformance": "affinities",
    "ForceTermConformance": "forces",
    "GradientMethodConformance": "gradients",
    "InitializerConformance": "initializers",
    "NeighborSearchConformance": "neighbors",
    "OptimizerConformance": "optimizers",
}


_SHARED = ("base", "_costs", "_maps", "_process", "_search_under_test", "_slopes")
"""Other modules with assertions."""


def _rewrite_assertions() -> None:
    """Let assertions of the suites show the values that they compare, if pytest runs."""
    import pytest

    pytest.register_assert_rewrite(
        *(f"{__name__}.{each}" for each in (*_MODULES.values(), *_SHARED))
    )


with contextlib.suppress(ImportError):
    _rewrite_assertions()


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
