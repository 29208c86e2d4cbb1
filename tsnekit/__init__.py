"""t-SNE with swappable backends.

The public names are imported when they are first used, so that importing the package loads no
backend, no native module and none of the larger dependencies.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsnekit._drawing.plot import plot
    from tsnekit._embedding.full import PartialTSNEEmbedding, TSNEEmbedding
    from tsnekit._facade.tsne import TSNE
    from tsnekit._files.embedding import load
    from tsnekit.errors import OptimizationInterrupt

__all__ = [
    "TSNE",
    "OptimizationInterrupt",
    "PartialTSNEEmbedding",
    "TSNEEmbedding",
    "__version__",
    "load",
    "plot",
]

_HOMES = {
    "TSNE": "tsnekit._facade.tsne",
    "OptimizationInterrupt": "tsnekit.errors",
    "PartialTSNEEmbedding": "tsnekit._embedding.full",
    "TSNEEmbedding": "tsnekit._embedding.full",
    "load": "tsnekit._files.embedding",
    "plot": "tsnekit._drawing.plot",
}
_SUBMODULES = frozenset(
    {
        "affinity",
        "callbacks",
        "dask",
        "diagnostics",
        "errors",
        "hookspecs",
        "initialization",
        "interfaces",
        "nearest_neighbors",
        "scanpy",
        "sklearn",
        "specs",
        "testing",
        "toolkit",
    }
)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _SUBMODULES:
        return importlib.import_module(f"tsnekit.{name}")
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("tsnekit")
    raise AttributeError(f"module 'tsnekit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_SUBMODULES})
