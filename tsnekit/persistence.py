"""Embeddings in files, from which they go on as if they had never been away."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit import saved_affinities
from tsnekit.archive import read_archive, write_archive
from tsnekit.backends import Choice
from tsnekit.embedding import PartialTSNEEmbedding, TSNEEmbedding
from tsnekit.embedding_base import BaseEmbedding
from tsnekit.parameters import DescentParameters
from tsnekit.plain_values import backend_from_plain, backend_to_plain, from_plain, to_plain
from tsnekit.reference_field import ReferenceField
from tsnekit.symmetrize import to_scipy

__all__ = ["load", "save"]

Arrays = dict[str, NDArray[Any]]


def save(embedding: BaseEmbedding, path: str | os.PathLike[str], *, data: bool = True) -> None:
    """Save an embedding to a file; see `tsnekit.TSNEEmbedding.save`."""
    write_archive(path, *_pack(embedding, data))


def load(path: str | os.PathLike[str]) -> TSNEEmbedding | PartialTSNEEmbedding:
    """Read an embedding from a file that its method ``save`` has written.

    The embedding goes on to the bit where the saved one stood: optimization, and new points too.
    Only the callbacks are not kept. No code is run that the file brings, but the backends that it
    names must be installed. The index that finds neighbors of new rows is built again when it is
    first needed.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    TSNEEmbedding or PartialTSNEEmbedding

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no file of tsnekit's, is truncated or damaged, was saved by a later version, or
        names a backend that is not installed.

    Examples
    --------
    >>> import tsnekit
    >>> from sklearn.datasets import load_iris
    >>> embedding = tsnekit.TSNE(n_iter=50, random_state=0).fit(load_iris().data)
    >>> embedding.save("iris.tsne")  # doctest: +SKIP
    >>> tsnekit.load("iris.tsne").optimize(450)  # doctest: +SKIP
    """
    header, arrays = read_archive(path)
    try:
        return _unpack(header, arrays)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: {error!r}") from error


def _pack(embedding: BaseEmbedding, data: bool) -> tuple[dict[str, Any], Arrays]:
    state = embedding.state
    header: dict[str, Any] = {
        "kind": type(embedding).__name__,
        "iteration": state.iteration,
        "seconds": state.seconds,
        "backends": {point: dataclasses.asdict(each) for point, each in state.backends.items()},
        "parameters": _parameters_to_plain(state.parameters),
        "optimizer": backend_to_plain("optimizer", state.optimizer),
    }
    arrays: Arrays = {"positions": np.asarray(embedding)}
    arrays |= _with_prefix("optimizer", state.optimizer.state())
    if isinstance(embedding, PartialTSNEEmbedding):
        reference = embedding.reference_embedding
        header["reference"], of_reference = _pack(reference, data)
        arrays |= _with_prefix("reference", of_reference)
        arrays |= _with_prefix("P", saved_affinities.pack_matrix(embedding._matrix))
        field = embedding._field
        header["padding"] = field.padding
        if not field.fits(reference):  # which has moved since
            arrays["field"] = field.positions
    elif isinstance(embedding, TSNEEmbedding):
        header["random_state"] = to_plain(embedding.random_state, "random_state")
        header["affinities"], of_affinities = saved_affinities.pack(embedding.affinities, data)
        arrays |= _with_prefix("affinities", of_affinities)
    return header, arrays


def _unpack(header: Mapping[str, Any], arrays: Arrays) -> TSNEEmbedding | PartialTSNEEmbedding:
    settings = _parameters_from_plain(header["parameters"])
    settings["optimizer"] = backend_from_plain("optimizer", header["optimizer"])
    embedding: TSNEEmbedding | PartialTSNEEmbedding
    if header["kind"] == "PartialTSNEEmbedding":
        reference = _unpack(header["reference"], _under("reference", arrays))
        if not isinstance(reference, TSNEEmbedding):
            raise TypeError("the reference is no TSNEEmbedding")
        shape = (len(arrays["positions"]), len(reference))
        P = saved_affinities.unpack_matrix(_under("P", arrays), shape)
        embedding = PartialTSNEEmbedding(arrays["positions"], reference, to_scipy(P), **settings)
        if "field" in arrays:
            embedding._field = ReferenceField(arrays["field"], header["padding"])
    else:
        affinities = saved_affinities.unpack(header["affinities"], _under("affinities", arrays))
        embedding = TSNEEmbedding(
            arrays["positions"],
            affinities,
            random_state=from_plain(header["random_state"]),
            **settings,
        )
    state = embedding.state
    state.iteration = int(header["iteration"])
    state.seconds = dict(header["seconds"])
    state.backends = {point: Choice(**each) for point, each in header["backends"].items()}
    state.optimizer.restore(_under("optimizer", arrays))
    return embedding


def _parameters_to_plain(parameters: DescentParameters) -> dict[str, Any]:
    values = {name: getattr(parameters, name) for name in DescentParameters.names()}
    del values["callbacks"]  # which belong to the program that runs
    method = values.pop("negative_gradient_method")
    point = "negative_gradient_method"
    plain = {name: to_plain(value, name) for name, value in values.items()}
    plain[point] = method if isinstance(method, str) else backend_to_plain(point, method)
    return plain


def _parameters_from_plain(plain: Mapping[str, Any]) -> dict[str, Any]:
    point = "negative_gradient_method"
    values = {name: from_plain(value) for name, value in plain.items() if name != point}
    method = plain[point]
    values[point] = method if isinstance(method, str) else backend_from_plain(point, method)
    return values


def _with_prefix(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> Arrays:
    return {f"{prefix}/{name}": array for name, array in arrays.items()}


def _under(prefix: str, arrays: Arrays) -> Arrays:
    start = f"{prefix}/"
    return {name[len(start) :]: each for name, each in arrays.items() if name.startswith(start)}
