"""``tsnekit embed``: from a file to a map."""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tsnekit.cli._cluster import (
    add_cluster,
    is_on_cluster,
    model_on_cluster,
    open_input,
    started_cluster,
)
from tsnekit.cli._effects import check_parameters, check_pictures_wanted
from tsnekit.cli._inputs import add_input, add_output, read_input, show_notes
from tsnekit.cli._options import add_parameters, given_parameters, integer, option
from tsnekit.cli._parser import Parser
from tsnekit.cli._paths import check_files
from tsnekit.cli._pictures import add_pictures, check_pictures, draw, draw_report, write_page
from tsnekit.cli._summary import add_summary, show_summary, summary_of

if TYPE_CHECKING:
    from tsnekit.cli._noted import Noted
    from tsnekit.cli._read import Data

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
    parser.add_argument(
        "--callback",
        action="append",
        nargs="+",
        default=[],
        metavar=("NAME", "KEY=VALUE"),
        help="call what is registered by a name, with its options, every few iterations, for "
        "example: --callback time_limit seconds=60. May be given several times",
    )
    add_cluster(parser)
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
    check_files(args)
    check_pictures_wanted(args)
    if is_on_cluster(args):
        with started_cluster(args) as client:
            return run_on_cluster(args, client)
    return run_here(args)


def run_here(args: argparse.Namespace) -> int:
    """Do so in this process."""
    from tsnekit._facade.phases import phases_of_fit
    from tsnekit._facade.tsne import TSNE
    from tsnekit.callbacks import KLHistory
    from tsnekit.cli._outputs import note_rows
    from tsnekit.cli._recipe import prepare
    from tsnekit.diagnostics._measures import diagnose

    started = time.perf_counter()
    parameters = given_parameters(args, "embed")
    callbacks = _callbacks(args)
    if args.report is not None:
        callbacks.insert(0, KLHistory())
    model = TSNE(verbose=not args.quiet, callbacks=callbacks or None, **parameters)
    phases_of_fit(model)  # before data, which may take long to read
    data = read_input(args)
    check_parameters(args, model, data.X.shape[0])
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
    reading = time.perf_counter() - started
    embedding, code = _fit(model, X, labels=data.labels)

    def report() -> Any:
        return diagnose(embedding, X, random_state=parameters["random_state"])

    _conclude(embedding, args, data, noted, X.shape[1], reading, report)
    return code


def run_on_cluster(args: argparse.Namespace, client: Any) -> int:
    """Do so on a cluster."""
    from tsnekit._drawing.labels import interpret_labels
    from tsnekit.cli._noted import Noted
    from tsnekit.cli._read import Data

    started = time.perf_counter()
    data = open_input(args, client)
    parameters = given_parameters(args, "embed")
    parameters |= {"callbacks": _callbacks(args) or None}
    model = model_on_cluster(client, args, verbose=not args.quiet, **parameters)
    show_notes(data.notes)
    reading = time.perf_counter() - started
    n_features = int(data.X.shape[1])
    labels = data.labels
    if labels is not None:
        labels = interpret_labels(labels, len(labels))
    check_pictures(args, labels)
    noted = Noted(labels=labels)
    embedding, code = _fit(model, data.X)
    _conclude(embedding, args, Data(None), noted, n_features, reading)
    return code


def _callbacks(args: argparse.Namespace) -> list[Any]:
    """Return the callbacks that are asked for by name, with their options."""
    try:
        return [(name, dict(map(option, options))) for name, *options in args.callback]
    except argparse.ArgumentTypeError as error:
        raise ValueError(f"options of --callback {error}") from None


def _fit(model: Any, X: Any, **options: Any) -> tuple[Any, int]:
    """Return the map, also one that was interrupted, and the exit code."""
    from tsnekit.errors import InterruptedByUser

    try:
        return model.fit(X, **options), 0
    except InterruptedByUser as interrupt:
        print("tsnekit: interrupted; keeping the map as it is", file=sys.stderr)
        return interrupt.final_embedding, INTERRUPTED


def _conclude(
    embedding: Any,
    args: argparse.Namespace,
    data: Data,
    noted: Noted,
    n_features: int,
    reading: float,
    report: Callable[[], Any] | None = None,
) -> None:
    """Save, draw, and print a summary."""
    from tsnekit.cli._outputs import save_map

    # First of all, since the divergence of a map needs the workers of a cluster.
    if args.output is not None:
        save_map(embedding, args.output, noted, X=data.X, cells=data.cells)
    draw(embedding, noted.labels, args)
    write_page(embedding, noted, args, data.others)
    # The number of columns is that of what was embedded.
    summary = {
        "input": args.input,
        "n_features": n_features,
        **summary_of(embedding, args, {"reading": reading}),
    }
    if args.report is not None and report is not None:
        summary["diagnostics"] = draw_report(report(), args.report)
    title = (
        f"{args.input}: {len(embedding):,} rows x {n_features:,} columns -> "
        f"{embedding.shape[1]}-D, {summary['iterations']} iterations"
    )
    show_summary(title, summary, args)
