"""Pictures of maps, the same for every command that draws."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsnekit._util.names import did_you_mean
from tsnekit.cli._options import number

if TYPE_CHECKING:
    from tsnekit.cli._noted import Noted

__all__ = ["add_pictures", "check_pictures", "draw", "draw_report", "write_page"]


def add_pictures(parser: argparse.ArgumentParser, default: str = "") -> None:
    """Add the options that say where a picture is saved, and what it looks like."""
    picture = parser.add_argument_group("picture")
    picture.add_argument(
        "--plot", metavar="FILE", help=f"save a picture: .png, .pdf, .svg{default}"
    )
    picture.add_argument(
        "--html", metavar="FILE", help="save a page to explore the map in a browser: .html"
    )
    picture.add_argument("--title", help="title of the picture and of the page")
    picture.add_argument(
        "--palette",
        type=palette,
        metavar="COLORS",
        help="a colormap (tab20), colors (red,#00ff00,...), or colors of classes (B=red,...)",
    )
    picture.add_argument(
        "--legend",
        choices=("auto", "side", "map", "none"),
        default="auto",
        help="where classes are named: in a list at the side, or on the map (default auto)",
    )
    picture.add_argument(
        "--point-size", type=number, metavar="X", help="area of a point in points squared"
    )
    picture.add_argument(
        "--size", type=page_size, metavar="WxH", help="inches of the map, such as 6x4"
    )


def check_pictures(args: argparse.Namespace, labels: Any) -> None:
    """Check what the picture is to look like, before there is a map.

    Raises
    ------
    ValueError
        If matplotlib does not know the colors, classes lack one, or points have no size.
    """
    from tsnekit._drawing.labels import Classes
    from tsnekit._drawing.paints import Plain, class_colors, colormap
    from tsnekit._util.validation import check_real

    if args.point_size is not None:
        check_real("--point-size", args.point_size, above=0)
    if args.palette is None:
        return
    colors = _by_label(args.palette, labels)
    try:
        if labels is None:
            Plain(colors, 1)
        elif isinstance(labels, Classes):
            class_colors(labels.names, colors)
        else:
            colormap(colors)
    except ValueError as error:
        raise ValueError(str(error).replace("colors", "--palette", 1)) from None


def draw(embedding: Any, labels: Any, args: argparse.Namespace, **options: Any) -> None:
    """Draw a map and save the picture, if the user wants one."""
    if args.plot is None:
        return
    drawn = None if embedding.shape[1] <= 3 else (0, 1)
    ax = embedding.plot(
        labels,
        components=drawn,
        title=args.title,
        colors=_by_label(args.palette, labels),
        legend=args.legend != "none" and args.legend,
        size=args.point_size,
        figsize=args.size,
        **options,
    )
    ax.figure.savefig(args.plot, dpi=200)


def write_page(embedding: Any, noted: Noted, args: argparse.Namespace, rows: Any = None) -> None:
    """Write a page to explore a map, if the user wants one.

    Parameters
    ----------
    embedding : TSNEEmbedding or PartialTSNEEmbedding
    noted : Noted
        Ids and labels of the rows.
    args : Namespace
    rows : pandas.DataFrame, optional
        Columns of the rows, as the input has them.
    """
    if args.html is None:
        return
    embedding.to_html(
        args.html,
        noted.labels,
        hover=rows,
        # Rows without ids are called by their number in the input, also where some were left out.
        ids=noted.rows if noted.ids is None else noted.ids,
        colors=_by_label(args.palette, noted.labels),
        components=None if embedding.shape[1] <= 2 else (0, 1),
        title=args.title or Path(getattr(args, "input", None) or args.map).name,
    )


def palette(given: str) -> str | list[str] | dict[str, str]:
    """Read the name of a colormap, colors, or colors of classes."""
    parts = given.split(",")
    pairs = [part.rpartition("=") for part in parts]
    if all(equals for _, equals, _ in pairs):
        return {name: color for name, _, color in pairs}
    if any(equals for _, equals, _ in pairs):
        raise argparse.ArgumentTypeError(
            f"must be colors, or colors of classes such as B=red,T=blue, got {given!r}"
        )
    return parts if len(parts) > 1 else given


def page_size(given: str) -> tuple[float, float]:
    """Read a width and a height in inches."""
    width, _, height = given.lower().partition("x")
    try:
        size = float(width), float(height)
    except ValueError:
        size = (0.0, 0.0)
    if not all(0 < each < math.inf for each in size):
        raise argparse.ArgumentTypeError(
            f"must be a width and a height in inches such as 6x4, got {given!r}"
        )
    return size


def _by_label(colors: Any, labels: Any) -> Any:
    """Return the colors of classes by their labels, which need not be text."""
    names = getattr(labels, "names", None)
    if not isinstance(colors, dict):
        return colors
    if names is None:
        raise ValueError("--palette names the colors of classes, but the labels are no classes")
    known = {str(name): name for name in names}
    unknown = [name for name in colors if name not in known]
    if unknown:
        hint = did_you_mean(unknown[0], known)
        raise ValueError(f"--palette: there is no class {unknown[0]!r}{hint}")
    lacking = [name for name in known if name not in colors]
    if lacking:
        raise ValueError(f"--palette has no color for the class {lacking[0]!r}")
    return {known[name]: color for name, color in colors.items()}


def draw_report(report: Any, path: str | None, labels: Any = None) -> dict[str, float]:
    """Save the figure of a report, if the user wants one, and return its numbers."""
    if path is not None:
        report.plot(labels).savefig(path, dpi=150)
    return report.summary()
