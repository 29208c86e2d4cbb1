"""Affinities and neighbor indices as headers and arrays, and back."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from tsnekit import affinity as public
from tsnekit.affinity_base import Affinities
from tsnekit.interfaces import NeighborGraph, SearchProblem, SparseAffinities
from tsnekit.neighbor_affinities import NeighborAffinities, check_symmetrize
from tsnekit.neighbor_index import NeighborIndex
from tsnekit.plain_values import backend_from_plain, backend_to_plain, from_plain, to_plain

__all__ = ["pack", "pack_matrix", "unpack", "unpack_matrix"]

logger = logging.getLogger(__name__)

Arrays = dict[str, NDArray[Any]]


def pack(affinities: Affinities, data: bool) -> tuple[dict[str, Any], Arrays]:
    """Return a header and arrays that stand for affinities.

    What cannot be saved is left out, with a logged warning: a kernel or search whose class is not
    registered, a function as metric. P is always there.

    Parameters
    ----------
    affinities : Affinities
    data : bool
        Whether to include the data, which neighbors of new rows need.
    """
    header: dict[str, Any] = {"kind": "Affinities", "verbose": bool(affinities.verbose)}
    arrays = pack_matrix(affinities.matrix)
    if isinstance(affinities, NeighborAffinities):
        try:
            kernel = backend_to_plain("affinity", affinities.kernel)
        except TypeError as error:
            logger.warning("%s; only the affinity matrix is saved", error)
            return header, arrays
        index, of_index = _pack_index(affinities.knn_index, data)
        header |= {
            "kind": _public_name(affinities, NeighborAffinities),
            "symmetrize": affinities.symmetrize,
            "n_jobs": affinities.n_jobs,
            "kernel": kernel,
            "index": index,
        }
        arrays |= of_index
    else:
        header["kind"] = _public_name(affinities, Affinities)
    return header, arrays


def unpack(header: Mapping[str, Any], arrays: Arrays) -> Affinities:
    """Return the affinities that `pack` was given."""
    n = len(arrays["indptr"]) - 1
    cls = getattr(public, header["kind"]) if header["kind"] in public.__all__ else None
    if not (isinstance(cls, type) and issubclass(cls, Affinities)):
        raise TypeError(f"{header['kind']!r} is no kind of affinities")
    restored: Affinities = cls.__new__(cls)
    restored.matrix = unpack_matrix(arrays, (n, n))
    restored.verbose = bool(header["verbose"])
    if isinstance(restored, NeighborAffinities):
        restored.symmetrize = header["symmetrize"]
        restored.how = check_symmetrize(restored.symmetrize)
        restored.n_jobs = header["n_jobs"]
        restored.kernel = backend_from_plain("affinity", header["kernel"])
        restored.knn_index = _unpack_index(header["index"], arrays, n)
        restored.seconds = {}
    return restored


def pack_matrix(matrix: SparseAffinities) -> Arrays:
    """Return the arrays of a matrix."""
    return {"indptr": matrix.indptr, "indices": matrix.indices, "data": matrix.data}


def unpack_matrix(arrays: Arrays, shape: tuple[int, int]) -> SparseAffinities:
    """Return the matrix of these arrays, checked, since native code relies on them.

    Raises
    ------
    ValueError
        If they are not those of a matrix of that shape.
    """
    indptr = np.ascontiguousarray(arrays["indptr"], dtype=np.int64)
    indices = np.ascontiguousarray(arrays["indices"], dtype=np.int32)
    values = np.ascontiguousarray(arrays["data"], dtype=np.float32)
    fits = (
        indptr.shape == (shape[0] + 1,)
        and indptr[0] == 0
        and (np.diff(indptr) >= 0).all()
        and indices.shape == values.shape == (indptr[-1],)
        and ((indices >= 0) & (indices < shape[1])).all()
    )
    if not fits:
        raise ValueError("the saved affinities are damaged: they are no sparse matrix")
    return SparseAffinities(indptr, indices, values, shape)


def _public_name(affinities: Affinities, otherwise: type[Affinities]) -> str:
    name = type(affinities).__name__
    if getattr(public, name, None) is type(affinities):
        return name
    logger.warning("%s is saved as %s", name, otherwise.__name__)
    return otherwise.__name__


def _pack_index(index: NeighborIndex, data: bool) -> tuple[dict[str, Any], Arrays]:
    header: dict[str, Any] = {}
    arrays: Arrays = {}
    if index.graph is not None:
        arrays |= {
            "neighbors": index.graph.indices,
            "distances": index.graph.distances,
        }
    if not data or index.data is None or index.problem is None:
        return header, arrays
    try:
        problem = {
            field.name: to_plain(getattr(index.problem, field.name), field.name)
            for field in dataclasses.fields(index.problem)
        }
        header = {"search": backend_to_plain("neighbors", index.search), "problem": problem}
    except TypeError as error:
        logger.warning("%s; the saved embedding will not find neighbors of new rows", error)
        return {}, arrays
    rows = index.data
    if index.problem.sparse:
        arrays |= {"rows_indptr": rows.indptr, "rows_indices": rows.indices}
        arrays |= {"rows_data": rows.data}
    else:
        arrays["rows"] = rows
    return header, arrays


def _unpack_index(header: Mapping[str, Any], arrays: Arrays, n: int) -> NeighborIndex:
    graph = None
    if "neighbors" in arrays:
        graph = NeighborIndex.from_graph(
            NeighborGraph(arrays["neighbors"], arrays["distances"])
        ).graph
    if "search" not in header:
        return NeighborIndex(n, graph=graph)
    problem = SearchProblem(**{key: from_plain(each) for key, each in header["problem"].items()})
    if problem.sparse:
        parts = tuple(arrays[f"rows_{name}"] for name in ("data", "indices", "indptr"))
        rows: Any = csr_matrix(parts, shape=(n, problem.n_features))
    else:
        rows = arrays["rows"]
    return NeighborIndex(
        n,
        graph=graph,
        search=backend_from_plain("neighbors", header["search"]),
        problem=problem,
        data=rows,
        is_fitted=False,
    )
