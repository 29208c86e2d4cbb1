"""Pictures of maps, the same for every command that draws."""

from __future__ import annotations

import argparse
from typing import Any

__all__ = ["add_pictures", "draw", "draw_report"]


def add_pictures(parser: argparse.ArgumentParser, default: str = "") -> None:
    """Add the options that say where a picture is saved, and what it looks like."""
    picture = parser.add_argument_group("picture")
    picture.add_argument(
        "--plot", metavar="FILE", help=f"save a picture: .png, .pdf, .svg{default}"
    )
    picture.add_argument("--title", help="title of the picture")


def draw(embedding: Any, labels: Any, args: argparse.Namespace, **options: Any) -> None:
    """Draw a map and save the picture, if the user wants one."""
    if args.plot is None:
        return
    drawn = None if embedding.shape[1] <= 3 else (0, 1)
    ax = embedding.plot(labels, components=drawn, title=args.title, **options)
    ax.figure.savefig(args.plot, dpi=200)


def draw_report(report: Any, path: str | None, labels: Any = None) -> dict[str, float]:
    """Save the figure of a report, if the user wants one, and return its numbers."""
    if path is not None:
        report.plot(labels).savefig(path, dpi=150)
    return report.summary()
