"""Maps that the workers of a Dask cluster compute together.

``pip install "tsnekit[dask]"`` installs what this package needs. Its names are imported when they
are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsnekit.dask._embedding import DaskEmbedding
    from tsnekit.dask._facade import TSNE
    from tsnekit.dask._files import load
    from tsnekit.dask._joint import DaskAffinities
    from tsnekit.dask._rows import open_rows

__all__ = ["TSNE", "DaskAffinities", "DaskEmbedding", "load", "open_rows"]

_HOMES = {
    "TSNE": "tsnekit.dask._facade",
    "DaskAffinities": "tsnekit.dask._joint",
    "DaskEmbedding": "tsnekit.dask._embedding",
    "load": "tsnekit.dask._files",
    "open_rows": "tsnekit.dask._rows",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'tsnekit.dask' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
