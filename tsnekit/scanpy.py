"""t-SNE of single cells, in the manner of scanpy's tools.

The functions work on AnnData objects; neither scanpy nor anndata is imported.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._backends.registry import default_registry
from tsnekit._facade.tsne import TSNE
from tsnekit._util.validation import check_integer, short_repr

__all__ = ["representation", "tsne"]

logger = logging.getLogger(__name__)

# Parameters of the neighbor search, which does not run if a graph is given.
_SEARCH_PARAMETERS = ("neighbors", "neighbors_params", "knn_kwargs", "metric", "metric_params")


def tsne(
    adata: Any,
    n_pcs: int | None = None,
    *,
    use_rep: str | None = None,
    perplexity: Any = 30,
    metric: Any = "euclidean",
    early_exaggeration: float | str = "auto",
    learning_rate: float | str = "auto",
    random_state: Any = 0,
    n_jobs: int | None = None,
    key_added: str | None = None,
    copy: bool = False,
    layer: str | None = None,
    neighbors_key: str | None = None,
    **tsne_params: Any,
) -> Any:
    """Embed the cells of an AnnData object and write the map into it.

    The parameters up to `copy` are those of `scanpy.tl.tsne`, in its order. Its defaults are those
    of scanpy, except that `early_exaggeration` and `learning_rate` follow the number of cells.
    `scanpy.pl.tsne` draws the map.

    Parameters
    ----------
    adata : AnnData of shape (n_obs, n_vars)
        The cells. Data that is a dask array is embedded by the current Dask client; see
        `tsnekit.dask.TSNE`.
    n_pcs : int, optional
        How many of the first principal components to use. The default is all of them; 0 uses "X".
    use_rep : str, optional
        The data to embed and to initialize from: a key of ``adata.obsm``, or "X". The default is
        "X_pca" if the cells have it, else "X".
    perplexity : float or list of float, default=30
        See `tsnekit.TSNE`.
    metric : str or callable, default="euclidean"
        Metric of the data.
    early_exaggeration, learning_rate : float or "auto", default="auto"
        See `tsnekit.TSNE`.
    random_state : int, RandomState, Generator or None, default=0
        The seed: equal calls give equal maps. None gives another map each time.
    n_jobs : int, optional
        Number of threads; -1 for all processors. The default is 1. The map is the same for any.
    key_added : str, optional
        Key of ``adata.obsm`` for the map, and of ``adata.uns`` for its parameters. The default is
        "X_tsne" and "tsne".
    copy : bool, default=False
        Whether to write into a copy and return it.
    layer : str, optional
        A key of ``adata.layers``, which is embedded in place of "X".
    neighbors_key : str, optional
        Key of a neighbor graph in ``adata.uns``; `scanpy.pp.neighbors` writes it under "neighbors".
        The neighbors are then taken from the graph and not searched, and the default perplexity is
        a third of their number, at most 30.
    **tsne_params
        Other parameters of `tsnekit.TSNE`.

    Returns
    -------
    AnnData or None
        The copy if `copy`.

    Raises
    ------
    TypeError, ValueError
        If the cells do not have the representation or the graph, or a parameter is not valid.

    Examples
    --------
    >>> import scanpy as sc  # doctest: +SKIP
    >>> import tsnekit.scanpy  # doctest: +SKIP
    >>> adata = sc.datasets.pbmc3k_processed()  # doctest: +SKIP
    >>> tsnekit.scanpy.tsne(adata, n_jobs=-1)  # doctest: +SKIP
    >>> sc.pl.tsne(adata, color="louvain")  # doctest: +SKIP
    """
    X, use_rep = representation(adata, use_rep, n_pcs, layer)
    if key_added is not None and (not isinstance(key_added, str) or not key_added):
        raise TypeError(f"key_added must be a key of adata.obsm, got {short_repr(key_added)}")
    parameters = {
        "perplexity": perplexity,
        "metric": metric,
        "early_exaggeration": early_exaggeration,
        "learning_rate": learning_rate,
        "random_state": random_state,
        "n_jobs": 1 if n_jobs is None else n_jobs,
        **tsne_params,
    }
    if neighbors_key is not None:
        if _is_on_cluster(X):
            raise ValueError(
                "neighbors_key names a graph in memory, but the data is a dask array, whose "
                "neighbors a cluster searches; leave out neighbors_key, or compute the data first"
            )
        # What has its default was not asked for.
        given = dict(tsne_params)
        given |= {"metric": metric} if not _is_default("metric", metric) else {}
        given |= {"perplexity": perplexity} if not _is_default("perplexity", perplexity) else {}
        del parameters["metric"]
        parameters |= _parameters_of_graph(adata, neighbors_key, given)
    model = _model_for(X, parameters)
    embedding = model.fit(X)
    target = adata.copy() if copy else adata
    in_obsm, in_uns = ("X_tsne", "tsne") if key_added is None else (key_added, key_added)
    target.obsm[in_obsm] = np.array(embedding, subok=False)
    origin = {
        "use_rep": use_rep,
        "n_pcs": n_pcs,
        "layer": layer,
        "neighbors_key": neighbors_key,
    }
    target.uns[in_uns] = {
        "params": _storable(origin | _without_client(model.get_params())),
        "kl_divergence": embedding.kl_divergence,
    }
    return target if copy else None


def _is_on_cluster(X: Any) -> bool:
    return hasattr(X, "__dask_graph__")


def _without_client(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name != "client"}


def _model_for(X: Any, parameters: Mapping[str, Any]) -> Any:
    """Return what embeds the data: on this machine, or on a cluster if the data is that of dask."""
    if not _is_on_cluster(X):
        return TSNE(**parameters)
    from tsnekit.dask._facade import TSNE as OnCluster  # noqa: N811

    return OnCluster(**parameters)


def _is_default(name: str, value: Any) -> bool:
    default = inspect.signature(tsne).parameters[name].default
    return isinstance(value, type(default)) and bool(value == default)


def representation(
    adata: Any,
    use_rep: str | None = None,
    n_pcs: int | None = None,
    layer: str | None = None,
) -> tuple[Any, str]:
    """Return a representation of the cells and its name.

    Parameters
    ----------
    adata : AnnData of shape (n_obs, n_vars)
    use_rep : str, optional
        A key of ``adata.obsm``, or "X". The default is "X_pca" if the cells have it, else "X".
    n_pcs : int, optional
        How many of the first columns of the representation to take. 0 takes "X" as it is.
    layer : str, optional
        A key of ``adata.layers``, which is taken for "X".

    Returns
    -------
    X : array or sparse matrix of shape (n_obs, n_features)
    name : str

    Raises
    ------
    TypeError
        If `adata` is not an AnnData object.
    ValueError
        If the cells do not have the representation.
    """
    if not all(hasattr(adata, name) for name in ("obsm", "obsp", "uns")):
        raise TypeError(f"adata must be an AnnData object, got {type(adata).__name__}")
    if isinstance(n_pcs, str):
        raise TypeError(
            f"n_pcs must be an integer, got {short_repr(n_pcs)}; a representation is given by "
            f"name, use_rep={n_pcs!r}"
        )
    if n_pcs is not None:
        n_pcs = check_integer("n_pcs", n_pcs, at_least=0)
    if use_rep is None:
        use_rep = "X" if layer is not None or n_pcs == 0 or "X_pca" not in adata.obsm else "X_pca"
        if n_pcs and use_rep == "X":
            raise ValueError(
                f"n_pcs={n_pcs} takes columns of adata.obsm['X_pca'], which the cells do not have "
                "or layer replaces; scanpy.pp.pca computes it"
            )
    if use_rep == "X":
        if n_pcs:
            raise ValueError(f"n_pcs={n_pcs} is for a key of adata.obsm, not for use_rep='X'")
        return _matrix_of(adata, layer), use_rep
    if layer is not None:
        raise ValueError(f"layer is another X; it cannot be given with use_rep={use_rep!r}")
    if use_rep not in adata.obsm:
        raise ValueError(
            f"use_rep must be 'X' or a key of adata.obsm ({', '.join(adata.obsm) or 'none'}), "
            f"got {short_repr(use_rep)}"
        )
    X = adata.obsm[use_rep]
    if not n_pcs:
        return X, use_rep
    if n_pcs > X.shape[1]:
        raise ValueError(
            f"n_pcs must be at most {X.shape[1]}, the columns of {use_rep!r}, got {n_pcs}"
        )
    return (X.iloc[:, :n_pcs] if hasattr(X, "iloc") else X[:, :n_pcs]), use_rep


def _matrix_of(adata: Any, layer: str | None) -> Any:
    if layer is not None and layer not in adata.layers:
        raise ValueError(
            f"layer must be a key of adata.layers ({', '.join(adata.layers) or 'none'}), "
            f"got {short_repr(layer)}"
        )
    try:
        X = adata.X if layer is None else adata.layers[layer]
    except KeyError:  # an open file without a matrix
        X = None
    # The matrix of an open file is on disk.
    X = X.to_memory() if hasattr(X, "to_memory") else X
    if X is None:
        keys = ", ".join(adata.obsm) or "none"
        raise ValueError(f"adata has no X; use_rep must be a key of adata.obsm ({keys})")
    return X


def _parameters_of_graph(adata: Any, key: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of t-SNE that take the neighbors from a graph."""
    unused = [name for name in _SEARCH_PARAMETERS if name in given]
    if unused:
        raise ValueError(
            f"{', '.join(unused)} cannot be given together with neighbors_key: the graph already "
            "holds the neighbors"
        )
    if key not in adata.uns or not isinstance(adata.uns[key], Mapping):
        raise ValueError(f"neighbors_key must be a key of adata.uns, got {short_repr(key)}")
    distances_key = adata.uns[key].get("distances_key", "distances")
    if distances_key not in adata.obsp:
        raise ValueError(
            f"adata.uns[{key!r}] is not a neighbor graph: adata.obsp has no {distances_key!r}"
        )
    indices, distances = _graph_of(adata.obsp[distances_key])
    k = indices.shape[1]
    reader = default_registry().get("neighbors", "precomputed").load()
    parameters: dict[str, Any] = {"neighbors": reader(graph=(indices, distances))}
    if given.get("affinity", "auto") not in ("auto", "perplexity"):
        return parameters
    # If a given perplexity is too large for the graph, the kernel lowers it.
    parameters["perplexity"] = given.get("perplexity", max(1.0, min(30.0, k / 3)))
    return parameters


def _graph_of(matrix: Any) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return indices and distances (n, k); every row of the matrix has at least k neighbors."""
    from scipy.sparse import coo_matrix

    stored = coo_matrix(matrix)
    others = stored.row != stored.col
    rows, columns, distances = stored.row[others], stored.col[others], stored.data[others]
    counts = np.bincount(rows, minlength=stored.shape[0])
    k = int(counts.min())
    if k < 1:
        raise ValueError(f"the neighbor graph has no neighbor of cell {int(counts.argmin())}")
    if k < counts.max():
        # scanpy leaves out distances of 0, which are between equal cells.
        logger.warning(
            "some cells have %d neighbors in the graph and others %d; %d of each are used",
            counts.max(),
            k,
            k,
        )
    order = np.lexsort((columns, distances, rows))
    starts = np.cumsum(counts) - counts
    nearest = order[starts[:, None] + np.arange(k)]
    return columns[nearest].astype(np.intp), distances[nearest].astype(np.float64)


def _storable(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters in types that a .h5ad file can hold, without those that are None."""
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
