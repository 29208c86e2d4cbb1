"""Rows in chunks, as tsnekit.dask takes them, and a client without a cluster."""

import numpy as np
from scipy import sparse


def delayed_rows(X, sizes):
    """Return an array or CSR matrix as chunks of these sizes; a number gives even chunks."""
    from dask import delayed

    from tsnekit.dask._rows import Rows

    if isinstance(sizes, int):
        sizes = [len(part) for part in np.array_split(np.arange(X.shape[0]), sizes)]
    ends = np.cumsum(sizes)
    return Rows(
        chunks=[delayed(X[end - size : end]) for size, end in zip(sizes, ends, strict=True)],
        sizes=tuple(int(size) for size in sizes),
        n_features=X.shape[1],
        sparse=sparse.issparse(X),
        dtype=X.dtype,
    )


class LocalClient:
    """Does what a client does for rounds of tasks, in this thread."""

    def scatter(self, data, hash=True):
        return data

    def compute(self, tasks):
        import dask

        return list(dask.compute(*tasks, scheduler="synchronous"))

    def gather(self, results):
        return results
