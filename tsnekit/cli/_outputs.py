"""Maps as files that join to the rows that they were made of."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tsnekit._drawing.labels import Classes, Values, interpret_labels
from tsnekit._util.process import without_warnings
from tsnekit.cli._noted import Noted, save_noted

if TYPE_CHECKING:
    from tsnekit._embedding.full import PartialTSNEEmbedding, TSNEEmbedding
    from tsnekit.cli._read import Data
    from tsnekit.cli._recipe import Recipe
    from tsnekit.dask._embedding import DaskEmbedding

__all__ = ["note_rows", "save_map"]


def note_rows(data: Data, recipe: Recipe | None) -> Noted:
    """Return what is known of the rows that were read."""
    labels = None
    if data.labels is not None:
        labels = interpret_labels(data.labels, data.X.shape[0])
        if isinstance(labels, Classes) and data.colors is not None:
            colors = tuple(data.colors[name] for name in labels.names)
            labels = dataclasses.replace(labels, colors=colors)
    left_out = data.rows is not None and len(data.rows) != data.n_rows
    return Noted(
        recipe=recipe,
        ids=data.ids,
        ids_name=data.ids_name,
        labels=labels,
        n_rows=data.n_rows if left_out else None,
        rows=data.rows if left_out else None,
    )


def save_map(
    embedding: TSNEEmbedding | PartialTSNEEmbedding | DaskEmbedding,
    path: str,
    noted: Noted,
    *,
    X: Any = None,
    cells: str | None = None,
) -> None:
    """Save a map with ids and labels of its rows.

    Parameters
    ----------
    embedding : TSNEEmbedding, PartialTSNEEmbedding or DaskEmbedding
    path : str
        The ending says how.
    noted : Noted
    X : array, optional
        The features, for .h5ad.
    cells : str, optional
        The .h5ad file that the rows came from. A .h5ad output is that with the map in it.
    """
    ending = Path(path).suffix
    if ending == ".npy":
        np.save(path, np.asarray(embedding))
    elif ending == ".tsnekit":
        save_noted(embedding, path, noted)
    elif ending == ".h5ad":
        _write_cells(embedding, path, noted, X, cells)
    else:
        frame = _frame(embedding, noted)
        if ending == ".parquet":
            frame.to_parquet(path, index=False, engine="pyarrow")
        else:
            frame.to_csv(path, index=False, sep="," if ending == ".csv" else "\t")


def _frame(embedding: Any, noted: Noted) -> Any:
    """Return the ids of the rows, their labels and their positions."""
    import pandas as pd

    positions = np.asarray(embedding)
    if noted.ids is not None:
        columns: dict[str, Any] = {noted.ids_name or "id": noted.ids}
    else:
        columns = {"row": np.arange(len(positions)) if noted.rows is None else noted.rows}
    if noted.labels is not None:
        columns["label" if "label" not in columns else "label.1"] = _label_column(noted.labels)
    for i, column in enumerate(positions.T):
        columns[f"tsne{i + 1}"] = column
    return pd.DataFrame(columns)


def _label_column(labels: Classes | Values) -> Any:
    """Return the label of each row as a pandas Series; what is missing stays missing."""
    import pandas as pd

    if isinstance(labels, Values):
        if not labels.dates:
            return pd.Series(labels.values)
        return pd.to_datetime(pd.Series(labels.values), unit="D").dt.round("us")
    names = pd.Series(labels.names, dtype=object)
    column = pd.Series([names[code] if code >= 0 else None for code in labels.codes], dtype=object)
    kinds = {type(name) for name in labels.names}
    if kinds == {int}:
        return column.astype("Int64")
    return column if kinds <= {str} else column.map(str, na_action="ignore")


def _write_cells(embedding: Any, path: str, noted: Noted, X: Any, cells: str | None) -> None:
    import anndata
    import pandas as pd

    if cells is not None:
        with without_warnings():
            adata = anndata.read_h5ad(cells)
    else:
        n = len(embedding)
        index = [str(each) for each in (range(n) if noted.ids is None else noted.ids)]
        obs = pd.DataFrame(index=pd.Index(index, name=noted.ids_name or None))
        if noted.labels is not None:
            column = _label_column(noted.labels).set_axis(obs.index)
            if isinstance(noted.labels, Classes):
                column = column.astype("object").map(str, na_action="ignore").astype("category")
            obs["label"] = column
        names = None if noted.recipe is None else noted.recipe.names
        var = None if names is None or X is None else pd.DataFrame(index=list(names))
        adata = anndata.AnnData(X, obs=obs, var=var)
    adata.obsm["X_tsne"] = np.asarray(embedding)
    adata.write_h5ad(path)
