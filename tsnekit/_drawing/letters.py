"""Letters of labels and titles, in fonts that have them."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable
from typing import Any

__all__ = ["drawable"]

logger = logging.getLogger(__name__)

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""Drawn for a letter that no font has. The font DejaVu Sans of matplotlib has this sign."""


def drawable(texts: Iterable[Any]) -> tuple[list[str], dict[str, Any]]:
    """Return texts in letters that can be drawn, and the properties of their fonts.

    Where the user's font lacks letters, other installed fonts draw them.
    """
    from matplotlib import rcParams
    from matplotlib.font_manager import FontProperties, findfont, fontManager

    lines = [str(text) for text in texts]
    lacking = {letter for line in lines for letter in line if letter.isprintable()}
    lacking -= _letters_of(findfont(FontProperties()))
    if not lacking:
        return lines, {}
    families = []
    for font in fontManager.ttflist:
        if "Last Resort" in font.name:  # this font only shows which script is missing
            continue
        if font.style == "normal" and lacking & _letters_of(font.fname):
            families.append(font.name)
            lacking -= _letters_of(font.fname)
        if not lacking:
            break
    if lacking:
        logger.warning("no installed font has the letters %s", " ".join(sorted(lacking)))
        table = str.maketrans(dict.fromkeys(lacking, UNKNOWN))
        lines = [line.translate(table) for line in lines]
    return lines, {"family": [*rcParams["font.family"], *families, "DejaVu Sans"]}


@functools.lru_cache(maxsize=1024)
def _letters_of(path: str) -> frozenset[str]:
    """Return the letters of a font; none if the file cannot be read."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(map(chr, FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):
        return frozenset()
