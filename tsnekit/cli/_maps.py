"""Commands for a map that was saved: draw it, place or add new rows, measure it."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsnekit.cli._effects import check_pictures_wanted
from tsnekit.cli._inputs import (
    add_input,
    add_label_options,
    add_output,
    read_input,
    show_notes,
)
from tsnekit.cli._options import add_parameters, given_parameters
from tsnekit.cli._parser import Parser
from tsnekit.cli._paths import check_files
from tsnekit.cli._pictures import add_pictures, check_pictures, draw, draw_report, write_page
from tsnekit.cli._summary import add_summary, show_summary, summary_of

if TYPE_CHECKING:
    from tsnekit._embedding.full import TSNEEmbedding
    from tsnekit.cli._noted import Noted

__all__ = ["add_parsers"]


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the commands to the command line."""
    parser = _add(commands, "plot", run_plot, "draw a map that embed saved as .tsnekit")
    add_label_options(parser)
    add_pictures(parser, default="; the default without --html is MAP with the ending .png")

    parser = _add(commands, "transform", run_transform, "place new rows on a map, which stays")
    add_input(parser)
    add_output(parser)
    add_pictures(parser)
    add_summary(parser)

    parser = _add(commands, "extend", run_extend, "add new rows to a map, which moves with them")
    add_input(parser)
    parser.add_argument("--fixed", action="store_true", help="keep the old rows where they are")
    add_output(parser)
    add_pictures(parser)
    add_summary(parser)

    parser = _add(commands, "diagnose", run_diagnose, "measure what a map keeps of the data")
    add_input(parser, nargs="?", help="the data; the default is the data that the map holds")
    parser.add_argument("--report", metavar="FILE", help="save a picture: .png, .pdf, .svg")
    add_summary(parser)


def _add(commands: Any, name: str, run: Any, text: str) -> Parser:
    complete = None if name == "plot" else functools.partial(add_parameters, command=name)
    parser: Parser = commands.add_parser(
        name, help=text, description=f"{text.capitalize()}.", complete=complete
    )
    parser.add_argument("map", metavar="MAP", help="a .tsnekit file that embed or extend wrote")
    parser.set_defaults(run=run)
    return parser


def run_plot(args: argparse.Namespace) -> int:
    """Draw a map."""
    from tsnekit._drawing.labels import interpret_labels
    from tsnekit.cli._noted import load_noted
    from tsnekit.cli._read import Data, read_labels

    if args.plot is None and args.html is None:
        args.plot = str(Path(args.map).with_suffix(".png"))
    check_files(args)
    check_pictures_wanted(args)
    embedding, noted = load_noted(args.map)
    labels: Any = noted.labels
    if args.labels is not None:
        of_map = Data(embedding, rows=noted.rows, n_rows=noted.n_rows)
        given, notes = read_labels(args.labels, of_map, column=args.label_column)
        labels = interpret_labels(given, len(embedding))
        show_notes(notes)
    elif args.label_column is not None:
        raise ValueError("--label-column says which column of --labels is meant; give --labels")
    draw(embedding, labels, args)
    write_page(embedding, dataclasses.replace(noted, labels=labels), args)
    print(f"saved {', '.join(each for each in (args.plot, args.html) if each is not None)}")
    return 0


def run_transform(args: argparse.Namespace) -> int:
    """Place new rows on a map."""
    from tsnekit.cli._outputs import note_rows, save_map

    embedding, noted, new, X, seconds = _read_both(args)
    of_new = note_rows(new, noted.recipe)
    check_pictures(args, of_new.labels)
    partial = embedding.transform(X, **given_parameters(args, "transform"))
    if args.output is not None:
        save_map(partial, args.output, of_new, X=new.X, cells=new.cells)
    draw(partial, of_new.labels, args, reference=True, reference_labels=noted.labels)
    write_page(partial, of_new, args, new.others)
    summary = {"map": args.map, "input": args.input, **summary_of(partial, args, seconds)}
    title = f"{args.input}: {len(partial):,} rows placed on {len(embedding):,} of {args.map}"
    show_summary(title, summary, args)
    return 0


def run_extend(args: argparse.Namespace) -> int:
    """Add new rows to a map."""
    from tsnekit.cli._noted import joined
    from tsnekit.cli._outputs import note_rows, save_map

    embedding, noted, new, X, seconds = _read_both(args)
    both, notes = joined(noted, note_rows(new, noted.recipe), len(embedding), X.shape[0])
    show_notes(notes)
    check_pictures(args, both.labels)
    given = given_parameters(args, "extend")
    extended = embedding.extend(X, fixed=args.fixed, **given)
    if args.output is not None:
        save_map(extended, args.output, both)
    draw(extended, both.labels, args)
    write_page(extended, both, args)
    summary = {"map": args.map, "input": args.input, **summary_of(extended, args, seconds)}
    title = f"{args.map}: {len(embedding):,} rows and {X.shape[0]:,} of {args.input}"
    show_summary(title, summary, args)
    return 0


def run_diagnose(args: argparse.Namespace) -> int:
    """Measure what a map keeps of the data."""
    from tsnekit.diagnostics._measures import diagnose

    if args.input is None:
        check_files(args)
        embedding, noted = _load(args)
        X = None
    else:
        embedding, noted, _, X, _ = _read_both(args)
    report = diagnose(embedding, X, **given_parameters(args, "diagnose"))
    summary = {
        "map": args.map,
        "input": args.input,
        # The picture shows which points are doubtful, if this was asked for.
        "diagnostics": draw_report(report, args.report, None if report.trust else noted.labels),
        "report": args.report,
    }
    show_summary(f"{args.map}: {len(embedding):,} rows", summary, args)
    return 0


def _read_both(args: argparse.Namespace) -> tuple[TSNEEmbedding, Noted, Any, Any, dict[str, float]]:
    """Return the map, what is known of it, the new rows, and these as the map's were embedded."""
    check_files(args)
    check_pictures_wanted(args)
    started = time.perf_counter()
    embedding, noted = _load(args)
    recipe = noted.recipe
    new = read_input(args, names=None if recipe is None else recipe.names)
    X = new.X if recipe is None else recipe.apply(new.X, args.input)
    show_notes(new.notes)
    return embedding, noted, new, X, {"reading": time.perf_counter() - started}


def _load(args: argparse.Namespace) -> tuple[TSNEEmbedding, Noted]:
    """Return a map that takes new rows, and what is known of it."""
    from tsnekit._embedding.full import TSNEEmbedding
    from tsnekit.cli._noted import load_noted

    embedding, noted = load_noted(args.map)
    if not isinstance(embedding, TSNEEmbedding):
        raise ValueError(
            f"{args.map} holds rows that transform placed on another map; name that map"
        )
    state = embedding.state
    state.parameters = state.parameters.replace(verbose=not args.quiet)
    return embedding, noted
