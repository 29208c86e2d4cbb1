"""Interactive pages: a map in one file that a browser shows without a network."""

from __future__ import annotations

import dataclasses
import html
import logging
import os
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._drawing.axes import drawn_points, stacked
from tsnekit._drawing.labels import Classes, Values, interpret_labels
from tsnekit._drawing.packing import Pack, check_thumbnails, pack_column, pack_ids, pack_images
from tsnekit._drawing.paints import PALETTE, Plain, class_colors, color_scale
from tsnekit._util.replacing import replacing
from tsnekit._util.validation import check_integer, short_repr

__all__ = ["write_page"]

logger = logging.getLogger(__name__)


def write_page(
    embedding: Any,
    path: str | os.PathLike[str],
    labels: Any = None,
    *,
    hover: Any = None,
    thumbnails: Any = None,
    ids: Any = None,
    kind: str = "auto",
    colors: Any = None,
    limits: tuple[float, float] | None = None,
    components: Sequence[int] | None = None,
    title: str | None = None,
    max_points: int = 300_000,
) -> None:
    """Write a page; see `TSNEEmbedding.to_html`."""
    points = drawn_points(embedding, components, most=2)
    n = len(points)
    check_integer("max_points", max_points, at_least=1)
    shown = None if labels is None else interpret_labels(labels, n, kind)
    _check_colors(shown, colors, limits)
    columns = [] if hover is None else _columns_of(hover, n)
    images = None if thumbnails is None else check_thumbnails(thumbnails, n)
    if ids is None:
        ids, counts_rows = _ids_of(hover, n)
    else:
        counts_rows = False
        _check_length("ids", ids, n)
    if not Path(path).absolute().parent.is_dir():
        raise FileNotFoundError(f"the folder of {os.fspath(path)!r} does not exist")
    script = _plotly_script()
    from matplotlib.colors import to_hex

    kept = _kept(n, max_points)
    if len(points) > len(kept):
        logger.warning(
            "%s shows %s of %s points, chosen at random; max_points is the limit",
            os.fspath(path),
            f"{len(kept):,}",
            f"{n:,}",
        )
    if points.shape[1] == 1:
        points = stacked(points[:, 0])
    pack = Pack()
    packed = []
    if shown is not None:
        raw = (
            _rows(labels, kept) if not isinstance(labels, Classes | Values) else [None] * len(kept)
        )
        packed.append(
            pack_column(
                pack, shown.title or "label", _part(shown, kept), _plain(raw), colors, limits
            )
        )
    for name, column in columns:
        raw = _plain(_rows(column, kept))
        packed.append(pack_column(pack, name, _typed(_rows(column, kept), raw), raw, None, None))
    header = {
        "title": title or "",
        "total": n,
        "x": pack.add(points[kept, 0].astype(np.float32)),
        "y": pack.add(points[kept, 1].astype(np.float32)),
        "ids": pack_ids(pack, _rows(ids, kept)),
        "ids_name": "row" if counts_rows else "id",
        "labelled": shown is not None,
        "columns": packed,
        "thumbnails": None if images is None else pack_images(pack, images[kept]),
        "plain": to_hex(PALETTE[0] if shown is not None or colors is None else colors),
    }
    _write(path, title or "Map", script, pack.text(header))


def _write(path: str | os.PathLike[str], title: str, script: str, data: str) -> None:
    template = resources.files("tsnekit._drawing").joinpath("explorer.html")
    text = template.read_text(encoding="utf-8")
    before, rest = text.replace("{{TITLE}}", html.escape(title)).split("{{PLOTLY}}")
    between, after = rest.split("{{DATA}}")
    with replacing(path) as file:
        for part in (before, script, between, data, after):
            file.write(part.encode("utf-8", errors="replace"))


def _plotly_script() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise ImportError(
            "an interactive page needs plotly: pip install 'tsnekit[interactive]'"
        ) from None
    return str(get_plotlyjs())


def _check_colors(shown: Classes | Values | None, colors: Any, limits: Any) -> None:
    if shown is None:
        Plain(PALETTE[0] if colors is None else colors, 1)
    elif isinstance(shown, Classes):
        class_colors(shown.names, shown.colors if colors is None else colors)
    else:
        color_scale(shown, colors, limits)


def _columns_of(hover: Any, n: int) -> list[tuple[str, Any]]:
    """Return the names and columns of a data frame or mapping."""
    if isinstance(hover, Mapping):
        columns = [(str(name), column) for name, column in hover.items()]
    elif hasattr(hover, "iloc") and hasattr(hover, "columns"):
        columns = [(str(name), hover.iloc[:, i]) for i, name in enumerate(hover.columns)]
    elif hasattr(hover, "columns") and hasattr(hover, "__getitem__"):
        columns = [(str(name), hover[name]) for name in hover.columns]
    else:
        raise TypeError(
            f"hover must be a data frame, or a mapping of names to columns, got {short_repr(hover)}"
        )
    for name, column in columns:
        _check_length("hover", column, n, f" in its column {name!r}")
    return columns


def _check_length(parameter: str, given: Any, n: int, where: str = "") -> None:
    try:
        length = len(given)
    except TypeError:
        raise TypeError(
            f"{parameter} must have {n} rows, one for each point, got {short_repr(given)}{where}"
        ) from None
    if length != n:
        raise ValueError(f"{parameter} must have {n} rows, one for each point, got {length}{where}")


def _ids_of(hover: Any, n: int) -> tuple[Any, bool]:
    """Return the index of a pandas frame, or row numbers; and whether these are row numbers."""
    index = getattr(hover, "index", None)
    if index is None or callable(index) or type(index).__name__ == "RangeIndex":
        return np.arange(n), True
    return np.asarray(index), False


def _kept(n: int, most: int) -> NDArray[np.intp]:
    """Return the rows that a page shows, in order, the same at each call."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).permutation(n)[:most])


def _rows(column: Any, kept: NDArray[np.intp]) -> Any:
    if hasattr(column, "iloc"):
        return column.iloc[kept]
    if hasattr(column, "dtype"):
        return column[kept]
    return [column[i] for i in kept]


def _plain(column: Any) -> list[Any]:
    return list(column.to_list()) if hasattr(column, "to_list") else list(column)


def _part(shown: Classes | Values, kept: NDArray[np.intp]) -> Classes | Values:
    """Return the labels of some points; the classes stay those of all points."""
    if isinstance(shown, Classes):
        return dataclasses.replace(shown, codes=shown.codes[kept])
    return dataclasses.replace(shown, values=shown.values[kept])


def _typed(column: Any, raw: list[Any]) -> Classes | Values:
    """Return a column as labels; what cannot be told apart is taken as text."""
    try:
        return interpret_labels(column, len(raw))
    except (TypeError, ValueError):
        return interpret_labels([str(each) for each in raw], len(raw))
