"""Affinities in blocks of rows, as the workers of a cluster hold them."""

import numpy as np
import scipy.sparse

from tsnekit.affinity import PerplexityBasedNN
from tsnekit.dask._blocks import Blocks
from tsnekit.initialization import pca
from tsnekit.interfaces import SparseAffinities


def save_affinities(path, X, perplexity=15):
    """Write P of some rows to a file, and return P and starting positions."""
    affinities = PerplexityBasedNN(X, perplexity=perplexity, n_jobs=1, method="exact")
    P = affinities.P.tocsr()
    P.sort_indices()
    np.savez(path, indptr=P.indptr, indices=P.indices, data=P.data)
    whole = SparseAffinities(
        P.indptr.astype(np.int64), P.indices.astype(np.int32), P.data.astype(np.float32), P.shape
    )
    return whole, np.ascontiguousarray(pca(X, random_state=0), dtype=np.float32)


def load_block(path, first, last):
    """Return some rows of P; a task that Dask can repeat."""
    with np.load(path) as file:
        n = len(file["indptr"]) - 1
        P = scipy.sparse.csr_matrix((file["data"], file["indices"], file["indptr"]), (n, n))
    P = P[first:last]
    return SparseAffinities(
        P.indptr.astype(np.int64), P.indices.astype(np.int32), P.data.astype(np.float32), P.shape
    )


def on_cluster(client, path, n, count):
    """Return blocks, and the futures of their rows of P."""
    blocks = Blocks.even(n, count)
    futures = [
        client.submit(load_block, str(path), rows.start, rows.stop, pure=False)
        for rows in map(blocks.range, range(len(blocks)))
    ]
    return blocks, futures
