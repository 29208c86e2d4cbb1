"""Affinities and neighbor indices as headers and arrays, and back."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from tsnekit import affinity as public
from tsnekit._backends.missing import MissingBackend
from tsnekit._backends.named import load_metric, name_of_metric
from tsnekit._files.backends import backend_from_plain, backend_to_plain, name_to_plain
from tsnekit._files.schema import Arrays, Fields
from tsnekit._files.values import to_plain
from tsnekit._util.validation import short_repr
from tsnekit.affinity._base import Affinities
from tsnekit.affinity._index import NeighborIndex
from tsnekit.affinity._matrix import check_matrix
from tsnekit.affinity._neighbors import NeighborAffinities, check_symmetrize
from tsnekit.interfaces import NeighborGraph, NeighborSearch, SearchProblem, SparseAffinities
from tsnekit.specs import Spec

__all__ = [
    "MAX_JOBS",
    "check_jobs",
    "pack",
    "pack_matrix",
    "pack_search",
    "unpack",
    "unpack_matrix",
    "unpack_problem",
]

logger = logging.getLogger(__name__)

MAX_JOBS = 4096
"""The largest number of threads in a file."""

KINDS = {
    name: each
    for name in public.__all__
    if isinstance(each := getattr(public, name), type) and issubclass(each, Affinities)
}


def pack(affinities: Affinities, data: bool) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return a header and arrays that stand for affinities.

    P is always saved. A kernel or search whose class is not registered, and a function as metric,
    cannot be saved. They are left out with a logged warning.

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


def unpack(fields: Fields, arrays: Arrays, n_samples: int) -> Affinities:
    """Return the affinities that `pack` was given.

    Raises
    ------
    ValueError
        If the fields and arrays are not those of affinities between `n_samples` points.
    """
    cls = KINDS[fields.text("kind", among=KINDS)]
    restored: Affinities = cls.__new__(cls)
    restored._matrix = unpack_matrix(arrays, (n_samples, n_samples))
    restored.verbose = fields.flag("verbose")
    if isinstance(restored, NeighborAffinities):
        restored.symmetrize = fields.raw("symmetrize")
        check_symmetrize(restored.symmetrize)
        restored.n_jobs = check_jobs(fields)
        restored.kernel = backend_from_plain("affinity", fields.fields("kernel"))
        restored.knn_index = _unpack_index(fields.fields("index"), arrays, n_samples)
        restored.seconds = {}
    fields.finish()
    arrays.finish()
    return restored


def check_jobs(fields: Fields) -> int | None:
    """Take a number of threads: None, a positive number, or -1, -2, ... for the processors."""
    given = fields.value("n_jobs")
    if given is None:
        return None
    if type(given) is not int or given == 0 or not -MAX_JOBS <= given <= MAX_JOBS:
        raise ValueError(
            f"{fields.path('n_jobs')} must be a number of threads, -1, -2, ... or null, "
            f"got {short_repr(given)}"
        )
    return given


def pack_matrix(matrix: SparseAffinities) -> dict[str, NDArray[Any]]:
    """Return the arrays of a matrix."""
    return {"indptr": matrix.indptr, "indices": matrix.indices, "data": matrix.data}


def unpack_matrix(arrays: Arrays, shape: tuple[int, int]) -> SparseAffinities:
    """Take a matrix of a shape.

    Raises
    ------
    ValueError
        If the arrays are not those of such a matrix.
    """
    indptr = arrays.take("indptr", (shape[0] + 1,), np.int64)
    indices = arrays.take("indices", (None,), np.int32)
    data = arrays.take("data", (None,), np.float32)
    return check_matrix(SparseAffinities(indptr, indices, data, shape), name=arrays.path("P"))


def _check_rows(
    indptr: NDArray[Any],
    indices: NDArray[Any],
    data: NDArray[Any],
    shape: tuple[int, int],
    name: str,
) -> None:
    """Check that arrays are those of a CSR matrix.

    Pointers are compared and not subtracted, since differences of integers may overflow.
    """
    if indptr.shape != (shape[0] + 1,) or indptr[0] != 0 or (indptr[1:] < indptr[:-1]).any():
        raise ValueError(f"{name}: the row pointers are not those of {shape[0]} rows")
    if not indices.shape == data.shape == (indptr[-1],):
        raise ValueError(f"{name}: the columns and values do not fit the row pointers")
    if not ((indices >= 0) & (indices < shape[1])).all():
        raise ValueError(f"{name}: the columns must be from 0 to {shape[1] - 1}")


def _public_name(affinities: Affinities, otherwise: type[Affinities]) -> str:
    name = type(affinities).__name__
    if getattr(public, name, None) is type(affinities):
        return name
    logger.warning("%s is saved as %s", name, otherwise.__name__)
    return otherwise.__name__


def _pack_index(index: NeighborIndex, data: bool) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    header: dict[str, Any] = {}
    arrays: dict[str, NDArray[Any]] = {}
    if index.graph is not None:
        arrays |= {
            "neighbors": index.graph.indices,
            "distances": index.graph.distances,
        }
    if not data or index.data is None or index.problem is None:
        return header, arrays
    header = pack_search(index.search, index.problem)
    if not header:
        return header, arrays
    rows = index.data
    if index.problem.sparse:
        arrays |= {"rows_indptr": rows.indptr, "rows_indices": rows.indices}
        arrays |= {"rows_data": rows.data}
    else:
        arrays["rows"] = rows
    return header, arrays


def pack_search(search: Any, problem: SearchProblem) -> dict[str, Any]:
    """Return fields that stand for a search; none, and a warning, if it cannot be saved."""
    try:
        plain = {
            field.name: to_plain(getattr(problem, field.name), field.name)
            for field in dataclasses.fields(problem)
            if field.name != "metric"
        }
        plain["metric"] = _metric_to_plain(problem.metric)
        return {"search": backend_to_plain("neighbors", search), "problem": plain}
    except TypeError as error:
        logger.warning("%s; the saved embedding will not find neighbors of new rows", error)
        return {}


def _metric_to_plain(metric: Any) -> Any:
    """Return the name of a metric, and its distribution if a plugin registered it."""
    if isinstance(metric, MissingBackend):
        return metric.saved
    name = None if isinstance(metric, str) else name_of_metric(metric)
    return to_plain(metric, "metric") if name is None else name_to_plain("metric", name)


def _metric_from_plain(fields: Fields) -> Any:
    saved = fields.raw("metric")
    if isinstance(saved, str):
        return saved
    if not isinstance(saved, dict):
        where = fields.path("metric")
        raise ValueError(f"{where} must be a string or a mapping, got {short_repr(saved)}")
    of_metric = Fields(saved, fields.path("metric"), fields.notices)
    name = backend_from_plain("metric", of_metric)
    return load_metric(name) if isinstance(name, str) else name


def _unpack_index(fields: Fields, arrays: Arrays, n: int) -> NeighborIndex:
    graph = None
    if "neighbors" in arrays:
        indices = arrays.take("neighbors", (n, None), np.int32, np.int64)
        distances = arrays.take("distances", indices.shape, np.float32, np.float64)
        _check_neighbors(indices, arrays.path("neighbors"))
        graph = NeighborIndex.from_graph(NeighborGraph(indices, distances)).graph
    if "search" not in fields:
        fields.finish()
        return NeighborIndex(n, graph=graph)
    problem = unpack_problem(fields.fields("problem"), n)
    where = fields.path("problem")

    def check(search: NeighborSearch, spec: Spec) -> None:
        # A metric that is missing here was there when the map was saved.
        missing = isinstance(problem.metric, MissingBackend)
        if unmet := () if missing else spec.unmet(problem):
            raise ValueError(f"{where}: {'; '.join(unmet)}")

    search = backend_from_plain("neighbors", fields.fields("search"), check=check)
    fields.finish()
    if not ("rows" in arrays or "rows_data" in arrays):
        return NeighborIndex(n, graph=graph)  # the data of a map of a cluster is elsewhere
    return NeighborIndex(
        n,
        graph=graph,
        search=search,
        problem=problem,
        data=_unpack_rows(arrays, problem),
    )


def _check_neighbors(indices: NDArray[Any], name: str) -> None:
    own = np.arange(len(indices))[:, None]
    if ((indices < 0) | (indices >= len(indices)) | (indices == own)).any():
        raise ValueError(f"{name} must name other rows, from 0 to {len(indices) - 1}")
    if (np.diff(np.sort(indices, axis=1), axis=1) == 0).any():
        raise ValueError(f"{name} must not name a neighbor of a row twice")


def unpack_problem(fields: Fields, n: int) -> SearchProblem:
    """Take what a search in `n` rows was for."""
    problem = SearchProblem(
        n_samples=fields.integer("n_samples", at_least=n, at_most=n),
        n_features=fields.integer("n_features", at_least=1, at_most=2**31 - 1),
        metric=_metric_from_plain(fields),
        metric_params=fields.value("metric_params"),
        sparse=fields.flag("sparse"),
        needs_query=fields.flag("needs_query"),
        n_jobs=fields.integer("n_jobs", at_least=1, at_most=MAX_JOBS),
        seed=fields.integer("seed", at_most=2**32 - 1),
        verbose=fields.flag("verbose"),
        feature_names=_unpack_names(fields),
    )
    if not isinstance(problem.metric_params, dict | None):
        raise ValueError(f"{fields.path('metric_params')} must be a mapping or null")
    fields.finish()
    return problem


def _unpack_names(fields: Fields) -> tuple[str, ...] | None:
    # Older files do not have the field.
    given = fields.value("feature_names") if "feature_names" in fields else None
    if given is None:
        return None
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise ValueError(f"{fields.path('feature_names')} must be a list of names or null")
    return tuple(given)


def _unpack_rows(arrays: Arrays, problem: SearchProblem) -> Any:
    shape = (problem.n_samples, problem.n_features)
    if not problem.sparse:
        return arrays.take("rows", shape, np.float32, np.float64)
    data = arrays.take("rows_data", (None,), np.float32, np.float64)
    indices = arrays.take("rows_indices", (None,), np.int32, np.int64)
    indptr = arrays.take("rows_indptr", (shape[0] + 1,), np.int32, np.int64)
    _check_rows(indptr, indices, data, shape, arrays.path("rows"))
    return csr_matrix((data, indices, indptr), shape=shape)
