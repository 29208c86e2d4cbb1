"""The data of an interactive page: columns and images as typed arrays, compressed as one text."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._drawing.labels import Classes, Values
from tsnekit._drawing.paints import class_colors, color_scale
from tsnekit._util.validation import short_repr

__all__ = ["Pack", "check_thumbnails", "pack_column", "pack_ids", "pack_images"]

MOST_CLASSES = 1000
"""A column with more classes than this is shown and searched, but gives no colours."""

SCALE_STEPS = 64
"""The number of colours of a scale."""

LARGEST_SIDE = 64
"""Images with a longer side, in pixels, are made smaller."""

NOISE = "-1"


class Pack:
    """Typed arrays one after the other, each described by its type, offset and length."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, array: NDArray[Any]) -> list[Any]:
        """Append an array, and return what a page needs to find it."""
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        data = little.tobytes()
        place = [array.dtype.name, self._size, array.size]
        # Typed arrays in a browser begin at multiples of their element size.
        self._parts.append(data + bytes(-len(data) % 8))
        self._size += len(self._parts[-1])
        return place

    def text(self, header: dict[str, Any]) -> str:
        """Return the header as JSON and the arrays, compressed and in base64.

        The first four bytes are the length of the JSON, which is padded to a multiple of eight.
        """
        about = json.dumps(header, allow_nan=False).encode("ascii")
        about += b" " * (-(len(about) + 4) % 8)
        whole = b"".join([len(about).to_bytes(4, "little"), about, *self._parts])
        return base64.b64encode(zlib.compress(whole)).decode("ascii")


def pack_column(
    pack: Pack, name: str, shown: Classes | Values, given: Any, colors: Any, limits: Any
) -> dict[str, Any]:
    """Pack a column, with the colours that it gives.

    Parameters
    ----------
    pack : Pack
    name : str
    shown : Classes or Values
        The column as labels.
    given : sequence
        The same column as it was given, which tells noise from what is missing.
    colors, limits
        See `plot`.

    Returns
    -------
    dict
        What the page knows of the column. Code 0 is missing, the classes follow, and noise is last.
    """
    if isinstance(shown, Values):
        scale = color_scale(shown, colors, limits)
        low, high = (float(each) for each in scale.get_clim())
        with np.errstate(over="ignore"):
            single = shown.values.astype(np.float32)
        exact = np.array_equal(single, shown.values, equal_nan=True)
        return {
            "name": name,
            "kind": "dates" if shown.dates else "values",
            "data": pack.add(single if exact else shown.values),
            "low": low,
            "high": high,
            "colors": _hex(scale.cmap(np.linspace(0, 1, SCALE_STEPS))),
        }
    names = [str(each) for each in shown.names]
    codes = shown.codes + 1
    for row in np.flatnonzero(shown.missing):
        if str(given[row]) in (NOISE, f"{NOISE}.0"):
            codes[row] = len(names) + 1
    given_colors = shown.colors if colors is None else colors
    column = {
        "name": name,
        "kind": "classes",
        "data": pack.add(codes.astype(np.min_scalar_type(len(names) + 1))),
        "names": ["", *names, NOISE],
    }
    if len(names) <= MOST_CLASSES:
        column["colors"] = _hex(class_colors(shown.names, given_colors, ordered=shown.ordered))
    return column


def pack_ids(pack: Pack, ids: Any) -> list[Any] | dict[str, Any]:
    """Pack whole numbers as an array, and other ids as a list of text."""
    array = np.asarray(ids)
    limits = np.iinfo(np.int32)
    if array.dtype.kind in "iu" and limits.min <= array.min() and array.max() <= limits.max:
        return {"data": pack.add(array.astype(np.int32))}
    return [str(each) for each in array]


def check_thumbnails(thumbnails: Any, n: int) -> NDArray[Any]:
    """Return images as an array of shape (n, height, width, channels).

    Raises
    ------
    ValueError
        If there are not `n` of them, or they are not images of one size.
    """
    try:
        images = np.asarray(thumbnails)
    except ValueError:
        raise ValueError("thumbnails must be images of one size, got several sizes") from None
    if images.ndim == 3:
        images = images[..., None]
    if (
        images.ndim != 4
        or images.shape[0] != n
        or images.shape[3] not in (1, 3, 4)
        or 0 in images.shape
    ):
        raise ValueError(
            f"thumbnails must have shape ({n}, height, width) or ({n}, height, width, 3 or 4), one "
            f"image for each point, got {np.shape(thumbnails)}"
        )
    if images.dtype.kind not in "biuf":
        raise ValueError(f"thumbnails must be numbers, got {short_repr(images.dtype.name)}")
    return images


def pack_images(pack: Pack, images: NDArray[Any]) -> dict[str, Any]:
    """Pack images as bytes, in the shape that `check_thumbnails` gave them."""
    step = -(-max(images.shape[1:3]) // LARGEST_SIDE)
    images = images[:, ::step, ::step]
    if images.dtype != np.uint8:
        finite = np.nan_to_num(images.astype(np.float32), nan=0, posinf=0, neginf=0)
        low, span = finite.min(), np.ptp(finite)
        images = np.round((finite - low) * (255 / (span or 1))).astype(np.uint8)
    _, height, width, channels = images.shape
    return {"data": pack.add(images), "height": height, "width": width, "channels": channels}


def _hex(colors: NDArray[np.float64]) -> list[str]:
    from matplotlib.colors import to_hex

    return [to_hex(each) for each in colors]
