"""What the command line keeps of the rows beside a map, in its .tsnekit file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._drawing.labels import Classes, Values
from tsnekit._embedding.base import BaseEmbedding
from tsnekit._files.embedding import load_with_notes, save
from tsnekit._files.schema import Arrays, Fields
from tsnekit._files.values import to_plain
from tsnekit._util.validation import short_repr
from tsnekit.cli._recipe import Recipe

if TYPE_CHECKING:
    from tsnekit._embedding.full import PartialTSNEEmbedding, TSNEEmbedding
    from tsnekit.dask._embedding import DaskEmbedding

__all__ = ["Noted", "joined", "load_noted", "save_noted"]


@dataclass(frozen=True, kw_only=True)
class Noted:
    """What is known of the rows of a map.

    Parameters
    ----------
    recipe : Recipe, optional
        How the features were prepared.
    ids : array-like, optional
        Names of the rows, text or numbers.
    ids_name : str, default=""
        What the file calls them.
    labels : Classes or Values, optional
    n_rows : int, optional
        Rows of the file, where some of them were left out; `rows` are those that were kept.
    rows : ndarray of int, optional
    """

    recipe: Recipe | None = None
    ids: Any = None
    ids_name: str = ""
    labels: Classes | Values | None = None
    n_rows: int | None = None
    rows: NDArray[np.intp] | None = None


def save_noted(
    embedding: TSNEEmbedding | PartialTSNEEmbedding | DaskEmbedding, path: str, noted: Noted
) -> None:
    """Save a map with what is known of its rows; what loads it shows no progress."""
    embedding = embedding.copy()
    embedding.state.parameters = embedding.state.parameters.replace(verbose=False)
    fields: dict[str, Any] = {"ids_name": noted.ids_name}
    arrays: dict[str, NDArray[Any]] = {}
    if noted.recipe is not None:
        fields["recipe"], found = noted.recipe.pack()
        arrays |= {f"recipe/{name}": each for name, each in found.items()}
    if noted.ids is not None:
        fields["ids"] = [_plain(each) for each in np.asarray(noted.ids).tolist()]
    if noted.labels is not None:
        fields["labels"], found = _pack_labels(noted.labels)
        arrays |= {f"labels/{name}": each for name, each in found.items()}
    if noted.rows is not None:
        fields["n_rows"] = noted.n_rows
        arrays["rows"] = noted.rows.astype(np.int64)
    if isinstance(embedding, BaseEmbedding):
        save(embedding, path, notes=(fields, arrays))
    else:
        from tsnekit.dask._files import save as save_from_cluster

        save_from_cluster(embedding, path, notes=(fields, arrays))


def load_noted(path: str) -> tuple[TSNEEmbedding | PartialTSNEEmbedding, Noted]:
    """Return a map, and what is known of its rows.

    Raises
    ------
    OSError, ValueError
        If the file cannot be read, or is none that tsnekit saved.
    """
    embedding, noted = load_with_notes(path, _unpack)
    return embedding, noted or Noted()


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else str(value)


def _pack_labels(labels: Classes | Values) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    if isinstance(labels, Values):
        missing = ~np.isfinite(labels.values)
        fields: dict[str, Any] = {"kind": "values", "dates": labels.dates}
        arrays = {"values": np.where(missing, 0, labels.values), "missing": missing}
    else:
        names = [_plain(each) for each in labels.names]
        colors = None if labels.colors is None else list(map(str, labels.colors))
        fields = {"kind": "classes", "names": names, "ordered": labels.ordered, "colors": colors}
        arrays = {"codes": labels.codes.astype(np.int64)}
    return fields | {"title": to_plain(labels.title, "title")}, arrays


def _unpack(fields: Fields, arrays: Arrays, n: int) -> Noted:
    recipe = labels = ids = None
    if "recipe" in fields:
        recipe = Recipe.unpack(fields.fields("recipe"), arrays.arrays("recipe"))
    if "ids" in fields:
        ids = _list(fields, "ids")
        if len(ids) != n:
            raise ValueError(f"{fields.path('ids')} must be {n}, got {len(ids)}")
    if "labels" in fields:
        labels = _unpack_labels(fields.fields("labels"), arrays.arrays("labels"), n)
    n_rows = rows = None
    if "rows" in arrays:
        rows = arrays.take("rows", (n,), np.int64).astype(np.intp)
        n_rows = fields.integer("n_rows", at_least=n)
        if ((rows < 0) | (rows >= n_rows)).any():
            raise ValueError(f"{arrays.path('rows')} must be from 0 to {n_rows - 1}")
    return Noted(
        recipe=recipe,
        ids=ids,
        ids_name=fields.text("ids_name"),
        labels=labels,
        n_rows=n_rows,
        rows=rows,
    )


def joined(old: Noted, new: Noted, n_old: int, n_new: int) -> tuple[Noted, tuple[str, ...]]:
    """Return what is known of old rows and then new ones, and what there is to say of it."""
    ids: list[Any] | None = None
    if old.ids is not None or new.ids is not None:
        before = range(n_old) if old.ids is None else old.ids
        after = range(n_old, n_old + n_new) if new.ids is None else new.ids
        ids = [*np.asarray(before).tolist(), *np.asarray(after).tolist()]
    labels = _joined_labels(old.labels, new.labels, n_old, n_new)
    notes: tuple[str, ...] = ()
    if labels is None and (old.labels is not None or new.labels is not None):
        notes = ("the labels of the old and the new rows are of different kinds; left out",)
    recipe, name = old.recipe, old.ids_name or new.ids_name
    return Noted(recipe=recipe, ids=ids, ids_name=name, labels=labels), notes


def _joined_labels(
    old: Classes | Values | None, new: Classes | Values | None, n_old: int, n_new: int
) -> Classes | Values | None:
    kinds = {type(each) for each in (old, new) if each is not None}
    if kinds == {Values}:
        both = [
            each.values if isinstance(each, Values) else np.full(n, np.nan)
            for each, n in ((old, n_old), (new, n_new))
        ]
        known = [each for each in (old, new) if isinstance(each, Values)]
        if len({each.dates for each in known}) == 1:
            first = known[0]
            return Values(values=np.concatenate(both), dates=first.dates, title=first.title)
    if kinds == {Classes}:
        known_classes = [each for each in (old, new) if isinstance(each, Classes)]
        names = list(dict.fromkeys(name for each in known_classes for name in each.names))
        codes = np.full(n_old + n_new, -1, dtype=np.intp)
        for part, each in ((codes[:n_old], old), (codes[n_old:], new)):
            if isinstance(each, Classes):
                places = np.array([*(names.index(name) for name in each.names), -1], dtype=np.intp)
                part[:] = places[each.codes]
        first_classes = known_classes[0]
        same = names == list(first_classes.names)
        return dataclasses.replace(
            first_classes,
            codes=codes,
            names=tuple(names),
            ordered=first_classes.ordered and same,
            colors=first_classes.colors if same else None,
        )
    return None


def _list(fields: Fields, name: str) -> list[Any]:
    found = fields.value(name)
    if not isinstance(found, list) or any(isinstance(each, list | dict) for each in found):
        raise ValueError(f"{fields.path(name)} must be a list, got {short_repr(found)}")
    return found


def _unpack_labels(fields: Fields, arrays: Arrays, n: int) -> Classes | Values:
    title = fields.value("title")
    if title is not None and not isinstance(title, str):
        raise ValueError(f"{fields.path('title')} must be a string or null")
    if fields.text("kind", among=("classes", "values")) == "values":
        missing = arrays.take("missing", (n,), np.bool_)
        values = np.where(missing, np.nan, arrays.take("values", (n,), np.float64))
        labels: Classes | Values = Values(values=values, dates=fields.flag("dates"), title=title)
    else:
        names = _list(fields, "names")
        codes = arrays.take("codes", (n,), np.int64).astype(np.intp)
        if ((codes < -1) | (codes >= len(names))).any():
            raise ValueError(f"{arrays.path('codes')} must be from -1 to {len(names) - 1}")
        colors = fields.value("colors")
        if colors is not None and not (isinstance(colors, list) and len(colors) == len(names)):
            raise ValueError(f"{fields.path('colors')} must be {len(names)} colours or null")
        labels = Classes(
            codes=codes,
            names=tuple(names),
            ordered=fields.flag("ordered"),
            title=title,
            colors=None if colors is None else tuple(map(str, colors)),
        )
    fields.finish()
    arrays.finish()
    return labels
