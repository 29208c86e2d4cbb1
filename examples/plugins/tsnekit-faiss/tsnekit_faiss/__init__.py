"""Neighbor searches of FAISS for tsnekit.

This module is imported whenever tsnekit looks for plugins. It imports neither FAISS nor the
searches: the specs give the paths of the searches.
"""

from tsnekit.hookspecs import hookimpl
from tsnekit.specs import NeighborSpec

__all__ = ["tsnekit_neighbor_searches"]


@hookimpl
def tsnekit_neighbor_searches():
    """Yield one spec for each kind of index."""
    common = {
        "requires": ("faiss:faiss-cpu",),
        "metrics": frozenset({"euclidean", "sqeuclidean", "cosine"}),
        "query": True,
    }
    yield NeighborSpec(
        name="faiss",
        aliases=("faiss_ivf",),
        factory="tsnekit_faiss.search:IVFSearch",
        summary="the lists of the nearest centroids, in full (FAISS IndexIVFFlat)",
        recall=0.95,
        cost="tsnekit_faiss.cost:ivf_seconds",
        **common,
    )
    yield NeighborSpec(
        name="faiss_hnsw",
        factory="tsnekit_faiss.search:HNSWSearch",
        summary="a hierarchy of navigable small worlds (FAISS IndexHNSWFlat)",
        recall=0.95,
        cost="tsnekit_faiss.cost:hnsw_seconds",
        **common,
    )
    yield NeighborSpec(
        name="faiss_flat",
        factory="tsnekit_faiss.search:FlatSearch",
        summary="every pair, by matrix products (FAISS IndexFlatL2)",
        # Not exact: products of matrices round away small differences between large rows.
        recall=0.99,
        cost="tsnekit_faiss.cost:flat_seconds",
        **common,
    )
