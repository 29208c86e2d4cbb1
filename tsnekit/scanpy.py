"""t-SNE of single cells, in the manner of scanpy's tools.

The functions work on AnnData objects; neither scanpy nor anndata is imported.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit.plugins.neighbors.precomputed import PrecomputedSearch, StoredDistances
from tsnekit.tsne import TSNE
from tsnekit.validation import short_repr

__all__ = ["representation", "tsne"]

logger = logging.getLogger(__name__)

# What a neighbor graph takes the place of.
_SEARCH_PARAMETERS = ("neighbors", "neighbors_params", "metric", "metric_params")


def tsne(
    adata: Any,
    use_rep: str | None = None,
    neighbors_key: str | None = None,
    copy: bool = False,
    key_added: str = "X_tsne",
    **tsne_params: Any,
) -> Any:
    """Embed the cells of an AnnData object, and write the map into it.

    Parameters
    ----------
    adata : AnnData of shape (n_obs, n_vars)
        The cells.
    use_rep : str, optional
        What to embed, and to initialize from: a key of ``adata.obsm``, or "X"; by default "X_pca"
        where there is one, else "X".
    neighbors_key : str, optional
        Take the neighbors from ``adata.uns[neighbors_key]``, where ``scanpy.pp.neighbors`` writes
        under the key "neighbors", instead of searching them. The perplexity is then, unless given,
        a third of the number of neighbors, or 30 if that is less.
    copy : bool, default=False
        Whether to write into a copy, and return it.
    key_added : str, default="X_tsne"
        Key of ``adata.obsm`` for the map. The parameters are written into ``adata.uns``, under the
        same key without its leading "X" and underscore.
    **tsne_params
        Parameters of `tsnekit.TSNE`.

    Returns
    -------
    AnnData or None
        The copy if `copy`.

    Raises
    ------
    TypeError, ValueError
        If there is no such representation or graph, the graph has too few neighbors, or a
        parameter is not valid.

    Examples
    --------
    >>> import scanpy as sc  # doctest: +SKIP
    >>> import tsnekit.scanpy  # doctest: +SKIP
    >>> adata = sc.datasets.pbmc3k_processed()  # doctest: +SKIP
    >>> tsnekit.scanpy.tsne(adata, n_jobs=-1, random_state=0)  # doctest: +SKIP
    >>> sc.pl.tsne(adata, color="louvain")  # doctest: +SKIP
    """
    X, use_rep = representation(adata, use_rep)
    if not isinstance(key_added, str) or not key_added:
        raise TypeError(f"key_added must be a key of adata.obsm, got {short_repr(key_added)}")
    parameters = dict(tsne_params)
    if neighbors_key is not None:
        parameters |= _parameters_of_graph(adata, neighbors_key, tsne_params)
    model = TSNE(**parameters)
    embedding = model.fit(X)
    target = adata.copy() if copy else adata
    target.obsm[key_added] = np.array(embedding, subok=False)
    origin = {"use_rep": use_rep, "neighbors_key": neighbors_key}
    target.uns[key_added.removeprefix("X_")] = {
        "params": _storable(origin | model.get_params()),
        "kl_divergence": embedding.kl_divergence,
    }
    return target if copy else None


def representation(adata: Any, use_rep: str | None = None) -> tuple[Any, str]:
    """Return a representation of the cells, and its name.

    Parameters
    ----------
    adata : AnnData of shape (n_obs, n_vars)
    use_rep : str, optional
        A key of ``adata.obsm``, or "X"; by default "X_pca" where there is one, else "X".

    Returns
    -------
    X : array or sparse matrix of shape (n_obs, n_features)
    name : str

    Raises
    ------
    TypeError
        If `adata` is no AnnData object.
    ValueError
        If it has no such representation.
    """
    if not all(hasattr(adata, name) for name in ("obsm", "obsp", "uns", "X")):
        raise TypeError(f"adata must be an AnnData object, got {type(adata).__name__}")
    if use_rep is None:
        use_rep = "X_pca" if "X_pca" in adata.obsm else "X"
    if use_rep == "X":
        X = adata.X
        # A file that is open holds its matrix on disk.
        X = X.to_memory() if hasattr(X, "to_memory") else X
        if X is None:
            raise ValueError("adata has no X; give use_rep, a key of adata.obsm")
        return X, use_rep
    if use_rep not in adata.obsm:
        raise ValueError(
            f"use_rep must be 'X' or a key of adata.obsm ({', '.join(adata.obsm) or 'none'}), "
            f"got {short_repr(use_rep)}"
        )
    return adata.obsm[use_rep], use_rep


def _parameters_of_graph(adata: Any, key: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of t-SNE that take the neighbors from a graph."""
    unused = [name for name in _SEARCH_PARAMETERS if name in given]
    if unused:
        raise ValueError(f"{', '.join(unused)} cannot be given: neighbors_key has the neighbors")
    if key not in adata.uns or not isinstance(adata.uns[key], Mapping):
        raise ValueError(f"neighbors_key must be a key of adata.uns, got {short_repr(key)}")
    distances_key = adata.uns[key].get("distances_key", "distances")
    if distances_key not in adata.obsp:
        raise ValueError(
            f"adata.uns[{key!r}] is no neighbor graph: adata.obsp has no {distances_key!r}"
        )
    indices, distances = _graph_of(adata.obsp[distances_key])
    k = indices.shape[1]
    parameters: dict[str, Any] = {"neighbors": PrecomputedSearch(graph=(indices, distances))}
    if given.get("affinity", "auto") not in ("auto", "perplexity"):
        return parameters
    perplexity = given.get("perplexity", max(1.0, min(30.0, k / 3)))
    if isinstance(perplexity, Real) and 3 * float(perplexity) > k:
        if float(perplexity) > k:
            raise ValueError(
                f"perplexity {perplexity:g} needs more neighbors than the {k} of the graph; "
                f"compute a graph with n_neighbors={int(3 * float(perplexity)) + 1}"
            )
        kernel = dict(given.get("affinity_params") or {})
        parameters["affinity_params"] = {"k_neighbors": k} | kernel
    return parameters | {"perplexity": perplexity}


def _graph_of(matrix: Any) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return indices and distances (n, k) of the neighbors that every row of a matrix has."""
    from scipy.sparse import csr_matrix

    stored = StoredDistances(csr_matrix(matrix), drop_diagonal=True)
    counts = stored.counts
    k = int(counts.min())
    if k < 1:
        raise ValueError(f"the neighbor graph has no neighbor of cell {int(counts.argmin())}")
    if k < counts.max():
        # scanpy drops distances of 0, those between cells that are equal.
        logger.warning(
            "some cells have %d neighbors in the graph and others %d; %d of each are used",
            counts.max(),
            k,
            k,
        )
    return stored.nearest(k)


def _storable(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as what a .h5ad file can hold; those that are None are left out."""
    plain: dict[str, Any] = {}
    for name, value in parameters.items():
        if value is None:
            continue
        if isinstance(value, bool | str | np.ndarray):
            plain[name] = value
        elif isinstance(value, Integral):
            plain[name] = int(value)
        elif isinstance(value, Real):
            plain[name] = float(value)
        elif isinstance(value, Mapping):
            plain[name] = _storable(value)
        elif isinstance(value, list | tuple) and all(isinstance(each, Real) for each in value):
            plain[name] = np.array(value, dtype=float)
        else:
            plain[name] = getattr(value, "__name__", None) or type(value).__name__
    return plain
