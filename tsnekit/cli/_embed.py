"""``tsnekit embed``: from a file to a map."""

from __future__ import annotations

import argparse
import functools
import sys
import time
from typing import TYPE_CHECKING, cast

from tsnekit.cli._inputs import add_input, add_output, read_input, show_notes
from tsnekit.cli._options import add_parameters, given_parameters, integer
from tsnekit.cli._parser import Parser
from tsnekit.cli._paths import check_files
from tsnekit.cli._pictures import add_pictures, check_pictures, draw, draw_report, write_page
from tsnekit.cli._summary import add_summary, show_summary, summary_of

if TYPE_CHECKING:
    from tsnekit._embedding.full import TSNEEmbedding

__all__ = ["INTERRUPTED", "add_parser"]

INTERRUPTED = 130


def add_parser(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "embed",
        help="make a map of a data set",
        description="Make a map of a data set.",
        complete=functools.partial(add_parameters, command="embed"),
    )
    add_input(parser)
    parser.add_argument(
        "--transform", metavar="NAME", help="transform values first: log1p, arcsinh or arcsinh:150"
    )
    parser.add_argument(
        "--scale",
        choices=("none", "standard", "robust"),
        help="divide each feature by its spread (default none)",
    )
    parser.add_argument(
        "--pca", type=integer, metavar="N", help="reduce the data to N principal components first"
    )
    add_output(parser)
    parser.add_argument(
        "--report",
        metavar="FILE",
        help="measure what the map keeps of the data, and save a picture: .png, .pdf, .svg",
    )
    add_pictures(parser)
    add_summary(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Embed, save, draw, and print a summary."""
    from tsnekit._facade.tsne import TSNE
    from tsnekit.callbacks import KLHistory
    from tsnekit.cli._outputs import note_rows, save_map
    from tsnekit.cli._recipe import prepare
    from tsnekit.diagnostics._measures import diagnose
    from tsnekit.errors import InterruptedByUser

    check_files(args)
    started = time.perf_counter()
    data = read_input(args)
    parameters = given_parameters(args, "embed")
    history = None if args.report is None else KLHistory()
    model = TSNE(verbose=not args.quiet, callbacks=history, **parameters)
    X, recipe, note = prepare(
        data.X,
        data.names,
        transform=args.transform,
        # A metric by name may not depend on the scale, and who says "none" wants none.
        scale="none" if args.scale is None and hasattr(args, "metric") else args.scale,
        pca=args.pca,
        seed=parameters["random_state"],
    )
    show_notes([*data.notes, *([f"{args.input}: {note}"] if note else [])])
    noted = note_rows(data, recipe)
    check_pictures(args, noted.labels)
    seconds = {"reading": time.perf_counter() - started}
    code = 0
    try:
        embedding = model.fit(X)
    except InterruptedByUser as interrupt:
        print("tsnekit: interrupted; keeping the map as it is", file=sys.stderr)
        embedding, code = cast("TSNEEmbedding", interrupt.final_embedding), INTERRUPTED
    # The number of columns is that of what was embedded.
    summary = {
        "input": args.input,
        "n_features": X.shape[1],
        **summary_of(embedding, args, seconds),
    }
    if args.output is not None:
        save_map(embedding, args.output, noted, X=data.X, cells=data.cells)
    draw(embedding, noted.labels, args)
    write_page(embedding, noted, args, data.others)
    if args.report is not None:
        report = diagnose(embedding, X, random_state=parameters["random_state"])
        summary["diagnostics"] = draw_report(report, args.report)
    title = (
        f"{args.input}: {len(embedding):,} rows x {X.shape[1]:,} columns -> "
        f"{embedding.shape[1]}-D, {summary['iterations']} iterations"
    )
    show_summary(title, summary, args)
    return code
