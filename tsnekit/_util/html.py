"""Short descriptions as HTML, for notebooks."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping

__all__ = ["description"]


def description(title: str, facts: Mapping[str, str], picture: bytes | None = None) -> str:
    """Return a title, a table of facts and, if there is one, a picture.

    Parameters
    ----------
    title : str
    facts : mapping of str to str
    picture : bytes, optional
        As PNG.
    """
    rows = "".join(
        f'<tr><th style="text-align:left">{html.escape(name)}</th>'
        f'<td style="text-align:left">{html.escape(fact)}</td></tr>'
        for name, fact in facts.items()
    )
    image = ""
    if picture is not None:
        data = base64.b64encode(picture).decode()
        image = f'<img alt="the map" src="data:image/png;base64,{data}" style="max-width:24em">'
    return (
        f"<div><strong>{html.escape(title)}</strong>"
        f'<div style="display:flex;flex-wrap:wrap;gap:1em">{image}'
        f'<table style="align-self:flex-start">{rows}</table></div></div>'
    )
