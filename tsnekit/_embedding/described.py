"""Short descriptions of maps, as text and as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tsnekit._util.html import description

if TYPE_CHECKING:
    from tsnekit._embedding.base import BaseEmbedding

__all__ = ["as_html", "as_text"]

MOST_DRAWN = 50_000
"""How many points a small picture has at most."""


def as_text(embedding: BaseEmbedding, *, over: int | None = None) -> str:
    """Return what a map is, in one line.

    Parameters
    ----------
    embedding : BaseEmbedding
    over : int, optional
        How many points the map has that these were placed on.
    """
    n, d = embedding.shape
    placed = "" if over is None else f" placed on {over:,}"
    return (
        f"<{type(embedding).__name__}: {n:,} points{placed} in {d}-D, "
        f"{embedding.state.iteration:,} iterations>"
    )


def as_html(embedding: BaseEmbedding, title: str) -> str:
    """Return what a map is, how it was made, and a small picture."""
    facts = {
        point.replace("_", " "): f"{choice.name}, {choice.reason}"
        for point, choice in embedding.backends.items()
    }
    seconds = embedding.seconds
    if seconds:
        facts["seconds"] = ", ".join(f"{name} {each:.1f}" for name, each in seconds.items())
    return description(title.strip("<>"), facts, _picture(embedding))


def _picture(embedding: Any) -> bytes | None:
    from tsnekit._drawing.page import png
    from tsnekit._drawing.plot import plot

    positions = embedding._snapshot()
    positions = positions[:: -(-len(positions) // MOST_DRAWN)]
    drawn = None if positions.shape[1] <= 3 else (0, 1)
    return png(plot(positions, components=drawn, figsize=(3.2, 3.0)).figure)
