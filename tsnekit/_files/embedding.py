"""Save embeddings to files, and load them to continue."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tsnekit._backends.resolve import Choice, resolve_backend
from tsnekit._backends.rules import RULES
from tsnekit._descent.endings import PhaseEnd
from tsnekit._descent.field import ReferenceField
from tsnekit._descent.parameters import DescentParameters
from tsnekit._embedding.base import BaseEmbedding
from tsnekit._embedding.full import PartialTSNEEmbedding, TSNEEmbedding
from tsnekit._embedding.state import RunState
from tsnekit._files import affinities as saved_affinities
from tsnekit._files.archive import write_archive
from tsnekit._files.backends import backend_from_plain, backend_to_plain, name_to_plain
from tsnekit._files.forces import forces_from_plain, forces_to_plain
from tsnekit._files.reader import read_archive
from tsnekit._files.schema import Arrays, Fields, refusals
from tsnekit._files.values import to_plain
from tsnekit._util.validation import check_positions, short_repr
from tsnekit.affinity._matrix import to_scipy
from tsnekit.errors import PluginError
from tsnekit.interfaces import Optimizer, RepulsionProblem
from tsnekit.specs import POINTS, Spec

__all__ = [
    "load",
    "load_with_notes",
    "pack_state",
    "parameters_from_plain",
    "save",
    "take_backends",
    "take_random_state",
    "unpack_state",
    "with_prefix",
]

logger = logging.getLogger(__name__)

Noted = TypeVar("Noted")

FULL, PARTIAL = "TSNEEmbedding", "PartialTSNEEmbedding"
METHOD = "negative_gradient_method"
FORCES = "forces"


def save(
    embedding: BaseEmbedding,
    path: str | os.PathLike[str],
    *,
    data: bool = True,
    notes: tuple[Mapping[str, Any], Mapping[str, NDArray[Any]]] | None = None,
) -> None:
    """Save an embedding to a file; see `tsnekit.TSNEEmbedding.save`.

    Parameters
    ----------
    embedding : BaseEmbedding
    path : path-like
    data : bool, default=True
        Whether to include the data.
    notes : tuple of mapping, optional
        What the program that saves wants to keep beside the embedding: fields that JSON can hold,
        and arrays of numbers. `load_with_notes` reads them.
    """
    header, arrays = _pack(embedding, data)
    if notes is not None:
        header["notes"] = dict(notes[0])
        arrays |= with_prefix("notes", notes[1])
    write_archive(path, header, arrays)


def load(path: str | os.PathLike[str]) -> TSNEEmbedding | PartialTSNEEmbedding:
    """Read an embedding from a file that its method ``save`` has written.

    The loaded embedding gives the same bits as the saved one, in further optimization and for new
    points. Only the callbacks are not saved. The index that finds neighbors of new rows is built
    again when it is first needed.

    The file may come from anywhere: no code in it is run, everything in it is checked, and its size
    bounds the memory that it takes.

    Plugins that the map was made with need not be installed. Without them, the map can be read,
    drawn and saved again. What needs them raises a `tsnekit.errors.BackendUnavailableError`. A
    logged warning names each backend that is missing, and each one of another version.

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
        If tsnekit did not save the file, if the file is truncated or damaged, if a later version
        saved it, or if tsnekit does not have a built-in backend that it names. The message names
        the file and what is wrong in it.

    Examples
    --------
    >>> import tsnekit
    >>> from sklearn.datasets import load_iris
    >>> embedding = tsnekit.TSNE(n_iter=50, random_state=0).fit(load_iris().data)
    >>> embedding.save("iris.tsne")  # doctest: +SKIP
    >>> tsnekit.load("iris.tsne").optimize(450)  # doctest: +SKIP
    """
    return load_with_notes(path, None)[0]


def load_with_notes(
    path: str | os.PathLike[str], read: Callable[[Fields, Arrays, int], Noted] | None
) -> tuple[TSNEEmbedding | PartialTSNEEmbedding, Noted | None]:
    """Read an embedding, and what the program that saved it noted beside it.

    Parameters
    ----------
    path : path-like
    read : callable or None
        Takes the fields and arrays of the notes and the number of points, and returns the notes.
        Its ValueError is one of a damaged file. None leaves the notes out.

    Returns
    -------
    embedding : TSNEEmbedding or PartialTSNEEmbedding
    notes : object or None
        None if the file does not have any.
    """
    header, arrays = read_archive(path)
    fields, of_embedding, notes = Fields(header, ""), Arrays(arrays, ""), None
    try:
        noted = of_embedding.arrays("notes")
        written = fields.fields("notes") if "notes" in fields else None
        embedding = _unpack(fields, of_embedding)
        if written is not None and read is not None:
            notes = read(written, noted, len(embedding))
            written.finish()
            noted.finish()
    except PluginError as error:
        raise ValueError(f"{path} cannot be loaded here: {error}") from error
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if fields.notices:
        logger.warning("%s: %s", path, "; ".join(dict.fromkeys(fields.notices)))
    return embedding, notes


def _pack(embedding: BaseEmbedding, data: bool) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    header, arrays = pack_state(embedding.state, np.asarray(embedding))
    if isinstance(embedding, PartialTSNEEmbedding):
        header["kind"] = PARTIAL
        reference = embedding.reference_embedding
        header["reference"], of_reference = _pack(reference, data)
        arrays |= with_prefix("reference", of_reference)
        arrays |= with_prefix("P", saved_affinities.pack_matrix(embedding._matrix))
        field = embedding._field
        header["padding"] = field.padding
        if not field.fits(reference):  # the reference has moved since then
            arrays["field"] = field.positions
    elif isinstance(embedding, TSNEEmbedding):
        header["random_state"] = to_plain(embedding.random_state, "random_state")
        header["affinities"], of_affinities = saved_affinities.pack(embedding.affinities, data)
        arrays |= with_prefix("affinities", of_affinities)
    return header, arrays


def pack_state(
    state: RunState, positions: NDArray[np.float32]
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return a header and arrays that stand for a map without its affinities.

    Parameters
    ----------
    state : RunState
    positions : ndarray of shape (n, d)

    Raises
    ------
    TypeError
        If a parameter or backend cannot be restored from a file.
    """
    header: dict[str, Any] = {
        "kind": FULL,
        "iteration": state.iteration,
        "exaggeration": state.exaggeration,
        "seconds": state.seconds,
        "endings": {name: dataclasses.asdict(each) for name, each in state.endings.items()},
        "backends": {point: dataclasses.asdict(each) for point, each in state.backends.items()},
        "parameters": _parameters_to_plain(state.parameters),
        "optimizer": backend_to_plain("optimizer", state.optimizer),
    }
    arrays: dict[str, NDArray[Any]] = {"positions": positions}
    arrays |= with_prefix("optimizer", state.optimizer.state())
    return header, arrays


def _unpack(fields: Fields, arrays: Arrays) -> TSNEEmbedding | PartialTSNEEmbedding:
    if fields.text("kind", among=(FULL, PARTIAL)) == FULL:
        embedding: TSNEEmbedding | PartialTSNEEmbedding = _unpack_full(fields, arrays)
    else:
        embedding = _unpack_partial(fields, arrays)
    fields.finish()
    arrays.finish()
    return embedding


def _unpack_full(fields: Fields, arrays: Arrays) -> TSNEEmbedding:
    positions = arrays.take("positions", (None, None), np.float32)
    if 0 in positions.shape:
        raise ValueError(f"{arrays.path('positions')} must hold points, got {positions.shape}")
    affinities = saved_affinities.unpack(
        fields.fields("affinities"), arrays.arrays("affinities"), len(positions)
    )
    random_state = take_random_state(fields)
    of_parameters = fields.fields("parameters")
    backends = take_backends(of_parameters)
    with refusals(fields.path("parameters")):
        embedding = TSNEEmbedding(
            positions,
            affinities,
            random_state=random_state,
            **parameters_from_plain(of_parameters),
        )
    unpack_state(embedding, backends, fields, arrays)
    return embedding


def take_random_state(fields: Fields) -> Any:
    """Take the seed of a map."""
    random_state = fields.value("random_state")
    if not isinstance(random_state, np.random.RandomState | None) and not (
        type(random_state) is int and 0 <= random_state < 2**32
    ):
        raise ValueError(
            f"{fields.path('random_state')} must be a seed from 0 to {2**32 - 1}, a RandomState or "
            f"null, got {short_repr(random_state)}"
        )
    return random_state


def _unpack_partial(fields: Fields, arrays: Arrays) -> PartialTSNEEmbedding:
    of_reference, its_arrays = fields.fields("reference"), arrays.arrays("reference")
    of_reference.text("kind", among=(FULL,))
    reference = _unpack_full(of_reference, its_arrays)
    of_reference.finish()
    its_arrays.finish()
    positions = arrays.take("positions", (None, reference.shape[1]), np.float32)
    of_matrix = arrays.arrays("P")
    P = saved_affinities.unpack_matrix(of_matrix, (len(positions), len(reference)))
    of_matrix.finish()
    of_parameters = fields.fields("parameters")
    backends = take_backends(of_parameters)
    with refusals(fields.path("parameters")):
        embedding = PartialTSNEEmbedding(
            positions,
            reference,
            to_scipy(P),
            **parameters_from_plain(of_parameters),
        )
    padding = fields.number("padding")
    if "field" in arrays:
        field = arrays.take("field", reference.shape, np.float32)
        embedding._field = ReferenceField(check_positions(field, name="field"), padding)
    else:
        reference._field = embedding._field = ReferenceField(reference, padding)
    unpack_state(embedding, backends, fields, arrays)
    return embedding


def unpack_state(embedding: Any, backends: Any, fields: Fields, arrays: Arrays) -> None:
    """Restore everything about a map that its kind does not determine.

    Parameters
    ----------
    embedding : TSNEEmbedding, PartialTSNEEmbedding or DaskEmbedding
        Its parameters are those of the file already, except for backends.
    backends : tuple
        What `take_backends` returned.
    fields : Fields
    arrays : Arrays
    """
    state = embedding.state
    method, forces = backends
    state.parameters = _with_method(state.parameters, method, fields, *embedding.shape)
    forces = forces_from_plain(forces, "parameters/forces", fields.notices, *embedding.shape)
    state.parameters = state.parameters.replace(forces=forces)
    state.iteration = fields.integer("iteration")
    seconds = fields.fields("seconds")
    state.seconds = {name: seconds.number(name) for name in seconds.names()}
    # Files of before do not have these two.
    if "exaggeration" in fields:
        state.exaggeration = fields.positive_or_null("exaggeration")
    if "endings" in fields:
        endings = fields.fields("endings")
        state.endings = {name: _ending(endings.fields(name)) for name in endings.names()}
    choices = fields.fields("backends")
    state.backends = {}
    for point in choices.names():
        if point not in POINTS:
            raise ValueError(f"{choices.path(point)} is not one of {', '.join(POINTS)}")
        choice = choices.fields(point)
        state.backends[point] = Choice(
            choice.text("name"),
            choice.text("origin"),
            choice.text("reason"),
            # Older files do not have the field.
            choice.share("recall") if "recall" in choice else None,
        )
        choice.finish()
    state.optimizer = _optimizer(embedding, fields.fields("optimizer"), arrays.arrays("optimizer"))


def _optimizer(embedding: BaseEmbedding, fields: Fields, arrays: Arrays) -> Any:
    saved = arrays.rest()

    def restore(optimizer: Optimizer, spec: Spec) -> None:
        state = Arrays(saved, "optimizer")
        with refusals("optimizer/state", of=Exception):
            optimizer.start(np.array(embedding, subok=False))
            started = optimizer.state()
            # The arrays of a state keep their names and types. Before the start, it is empty.
            of_points = {
                name: state.take(name, each.shape, each.dtype.type)
                for name, each in (started if saved else {}).items()
            }
            state.finish()
            optimizer.restore(of_points)

    return backend_from_plain("optimizer", fields, check=restore, arrays=saved)


def _ending(fields: Fields) -> PhaseEnd:
    ending = PhaseEnd(n_iter=fields.integer("n_iter"), reason=fields.text("reason"))
    fields.finish()
    return ending


def _with_method(
    parameters: DescentParameters, method: Any, fields: Fields, n_samples: int, n_components: int
) -> DescentParameters:
    """Return parameters with their gradient method, which is built once to check it."""
    where = f"parameters/{METHOD}"
    problem = RepulsionProblem(
        n_samples=n_samples, n_components=n_components, dof=float(parameters.dof)
    )

    def check(method: Any, spec: Spec | None = None) -> None:
        with refusals(where):
            resolve_backend(
                METHOD,
                method,
                problem,
                params=parameters.gradient_params,
                facade_params=parameters.facade_params(),
            )

    if isinstance(method, str) and method in RULES[METHOD]:
        check(method)
    else:
        # Older files have the name alone.
        entries = {"name": method} if isinstance(method, str) else method
        of_method = Fields(entries, where, fields.notices)
        method = backend_from_plain(METHOD, of_method, check=check)
    return parameters.replace(**{METHOD: method})


def _parameters_to_plain(parameters: DescentParameters) -> dict[str, Any]:
    values = {name: getattr(parameters, name) for name in DescentParameters.names()}
    del values["callbacks"]  # they belong to the running program
    method, forces = values.pop(METHOD), values.pop(FORCES)
    plain = {name: to_plain(value, name) for name, value in values.items()}
    by_name = isinstance(method, str)
    plain[METHOD] = (name_to_plain if by_name else backend_to_plain)(METHOD, method)
    plain[FORCES] = forces_to_plain(forces)
    return plain


def take_backends(fields: Fields) -> tuple[Any, Any]:
    """Take the gradient method and the force terms out of the parameters, as the file has them."""
    # Older files do not have force terms.
    return fields.raw(METHOD), fields.raw(FORCES) if FORCES in fields else []


def parameters_from_plain(fields: Fields) -> dict[str, Any]:
    """Take the parameters of a map, by name, without its backends."""
    n_jobs = saved_affinities.check_jobs(fields)
    return {"n_jobs": n_jobs, **{name: fields.value(name) for name in fields.names()}}


def with_prefix(prefix: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return arrays under the names that they have in the file."""
    return {f"{prefix}/{name}": array for name, array in arrays.items()}
