"""``tsnekit embed``: from a file to a map."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tsnekit.cli._options import add_parameters, given_parameters, integer
from tsnekit.cli._parser import Parser
from tsnekit.cli._paths import check_outputs

if TYPE_CHECKING:
    from tsnekit._embedding.full import TSNEEmbedding
    from tsnekit.cli._read import Data

__all__ = ["INTERRUPTED", "add_parser"]

INTERRUPTED = 130


PICTURES = (".png", ".pdf", ".svg")
ENDINGS = {"--output": (".npy", ".csv"), "--plot": PICTURES, "--report": PICTURES}
"""The options that write a file, and how its name may end."""


def add_parser(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "embed",
        help="make a map of a data set",
        description="Make a map of a data set.",
        complete=add_parameters,
    )
    parser.add_argument(
        "input",
        metavar="INPUT",
        help="a data set of scikit-learn (digits, iris, ...), a .npy, .npz or .h5ad file, or a "
        "text table (.csv, .tsv, .txt, also .gz); - is a text table on standard input",
    )
    parser.add_argument("--key", help="array to read from a .npz file (default X)")
    parser.add_argument(
        "--use-rep", metavar="KEY", help="what of a .h5ad file to embed (default X_pca, else X)"
    )
    parser.add_argument(
        "--pca", type=integer, metavar="N", help="reduce the data to N principal components first"
    )
    parser.add_argument(
        "--transform", metavar="NAME", help="of each value first: log1p, arcsinh or arcsinh:150"
    )
    parser.add_argument(
        "--scale",
        choices=("none", "standard", "robust"),
        help="divide each feature by its spread (default none)",
    )
    _add_table_options(parser)
    parser.add_argument(
        "--labels",
        metavar="FILE",
        help="one label a row: .npy or a text table; of a .h5ad file also a column of obs",
    )
    parser.add_argument("--output", metavar="FILE", help="save the map: .npy or .csv")
    parser.add_argument("--plot", metavar="FILE", help="save a picture: .png, .pdf, .svg")
    parser.add_argument(
        "--report",
        metavar="FILE",
        help="measure what the map keeps of the data, and save a picture: .png, .pdf, .svg",
    )
    parser.add_argument("--title", help="title of the picture")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.add_argument("--quiet", action="store_true", help="show no progress")

    parser.set_defaults(run=run)


def _add_table_options(parser: argparse.ArgumentParser) -> None:
    table = parser.add_argument_group("text tables")
    table.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether the first line names the columns (default: all rows decide)",
    )
    table.add_argument(
        "--index", metavar="COLUMN", help="ids of the rows, or none (default: found by itself)"
    )
    table.add_argument("--columns", nargs="+", metavar="COLUMN", help="the only features")
    table.add_argument("--drop", nargs="+", metavar="COLUMN", default=(), help="no features")
    table.add_argument("--label-column", metavar="COLUMN", help="labels, and no feature")
    table.add_argument(
        "--missing",
        choices=("error", "drop", "mean"),
        default="error",
        help="what becomes of rows with missing values (default error)",
    )


def run(args: argparse.Namespace) -> int:
    """Embed, save, draw, and print a summary."""
    from tsnekit._facade.tsne import TSNE
    from tsnekit.callbacks import KLHistory
    from tsnekit.cli._read import SHIPPED
    from tsnekit.errors import InterruptedByUser

    check_outputs(
        {"INPUT": None if args.input in SHIPPED else args.input, "--labels": args.labels},
        {option: getattr(args, option.removeprefix("--")) for option in ENDINGS},
        ENDINGS,
    )
    started = time.perf_counter()
    data = _read(args)
    X, notes = _features(data, args)
    for note in notes:
        print(f"tsnekit: note: {note}", file=sys.stderr)
    history = None if args.report is None else KLHistory()
    parameters = given_parameters(args)
    model = TSNE(verbose=not args.quiet, callbacks=history, **parameters)
    seconds = {"reading": time.perf_counter() - started}
    if args.pca is not None:
        started = time.perf_counter()
        X = _reduce(X, args.pca, parameters["random_state"])
        seconds["pca"] = time.perf_counter() - started
    code = 0
    try:
        embedding = model.fit(X)
    except InterruptedByUser as interrupt:
        print("tsnekit: interrupted; keeping the map as it is", file=sys.stderr)
        embedding, code = cast("TSNEEmbedding", interrupt.final_embedding), INTERRUPTED
    _save(embedding, data, args)
    summary = _summarize(embedding, X, seconds, args)
    if args.report is not None:
        summary["diagnostics"] = _report(embedding, X, args.report, parameters["random_state"])
    print(json.dumps(summary, indent=2) if args.json else _as_text(summary))
    return code


def _read(args: argparse.Namespace) -> Data:
    from tsnekit.cli._columns import ColumnOptions
    from tsnekit.cli._read import read_anndata, read_data, read_labels

    of_cells = Path(args.input).suffix == ".h5ad" and Path(args.input).is_file()
    if args.use_rep is not None and not of_cells:
        raise ValueError("--use-rep is for .h5ad files")
    labels_file = args.labels
    if of_cells:
        column = args.labels if args.labels and not Path(args.labels).is_file() else None
        labels_file = None if column else args.labels
        data = read_anndata(Path(args.input), use_rep=args.use_rep, labels=column)
    else:
        options = ColumnOptions(
            index=args.index,
            columns=args.columns,
            drop=args.drop,
            label_column=None if args.labels else args.label_column,
            missing=args.missing,
        )
        data = read_data(args.input, key=args.key, header=args.header, options=options)
    if labels_file is None:
        return data
    labels, notes = read_labels(labels_file, data, column=args.label_column)
    return dataclasses.replace(data, labels=labels, notes=data.notes + notes)


def _features(data: Data, args: argparse.Namespace) -> tuple[Any, tuple[str, ...]]:
    """Return the features as the user wants them, and what there is to be said."""
    from tsnekit.cli._scaling import dominating_columns, scaled, transformed

    X = data.X if args.transform is None else transformed(data.X, args.transform)
    X = scaled(X, args.scale or "none")
    told = None
    # A metric by name may not depend on the scale, and who says "none" wants none.
    if args.scale is None and data.names is not None and not hasattr(args, "metric"):
        told = dominating_columns(X, data.names)
    return X, data.notes + ((f"{args.input}: {told}",) if told else ())


def _reduce(X: Any, n_components: int, seed: int) -> Any:
    import numpy as np

    from tsnekit._util.validation import check_data
    from tsnekit.initialization._principal_components import principal_components

    X = check_data(X)
    if not 1 <= n_components <= min(X.shape):
        raise ValueError(f"--pca must be between 1 and {min(X.shape)}, got {n_components}")
    rng = np.random.RandomState(seed)
    reduced = principal_components(X, n_components, svd_solver="auto", rng=rng, n_jobs=1)
    return np.ascontiguousarray(reduced, dtype=np.float32)


def _save(embedding: TSNEEmbedding, data: Data, args: argparse.Namespace) -> None:
    import numpy as np

    if args.output is not None:
        if args.output.endswith(".npy"):
            np.save(args.output, np.asarray(embedding))
        else:
            _write_csv(embedding, data, args.output)
    if args.plot is not None:
        drawn = None if embedding.shape[1] <= 3 else (0, 1)
        ax = embedding.plot(data.labels, components=drawn, title=args.title)
        ax.figure.savefig(args.plot, dpi=200)


def _write_csv(embedding: TSNEEmbedding, data: Data, path: str) -> None:
    """Write the positions, after the ids of the rows where there are any."""
    import numpy as np
    import pandas as pd

    names = [f"tsne{i + 1}" for i in range(embedding.shape[1])]
    frame = pd.DataFrame(np.asarray(embedding), columns=names)
    if data.ids is not None:
        frame.insert(0, "id", data.ids)
    frame.to_csv(path, index=False)


def _report(embedding: TSNEEmbedding, X: Any, path: str, seed: int) -> dict[str, float]:
    from tsnekit.diagnostics._measures import diagnose

    report = diagnose(embedding, X, random_state=seed)
    report.plot().savefig(path, dpi=150)
    return report.summary()


def _summarize(
    embedding: TSNEEmbedding, X: Any, seconds: dict[str, float], args: argparse.Namespace
) -> dict[str, Any]:
    return {
        "input": args.input,
        "n_samples": X.shape[0],
        "n_features": X.shape[1],
        "n_components": embedding.shape[1],
        "iterations": embedding.state.iteration,
        "phases": {
            name: {"iterations": end.n_iter, "ended because": end.reason}
            for name, end in embedding.endings.items()
        },
        "kl_divergence": embedding.kl_divergence,
        "backends": {
            point: {
                "name": choice.name,
                "from": choice.origin,
                "reason": choice.reason,
                "recall": choice.recall,
            }
            for point, choice in embedding.backends.items()
        },
        "seconds": {name: round(value, 3) for name, value in (seconds | embedding.seconds).items()},
        "output": args.output,
        "plot": args.plot,
        "report": args.report,
    }


def _as_text(summary: dict[str, Any]) -> str:
    lines = [
        f"{summary['input']}: {summary['n_samples']:,} rows x {summary['n_features']:,} columns "
        f"-> {summary['n_components']}-D, {summary['iterations']} iterations",
        f"KL divergence  {summary['kl_divergence']:.4f}",
    ]
    for name, phase in summary["phases"].items():
        lines.append(f"{name:<25}{phase['iterations']:<20}{phase['ended because']}")
    for point, choice in summary["backends"].items():
        recall = "" if choice["recall"] is None else f", recall {choice['recall']:.3f}"
        lines.append(f"{point:<25}{choice['name']:<20}{choice['reason']}{recall}")
    timings = "  ".join(f"{name} {value:.2f}" for name, value in summary["seconds"].items())
    lines.append(f"seconds        {timings}  total {sum(summary['seconds'].values()):.2f}")
    for name, value in summary.get("diagnostics", {}).items():
        lines.append(f"{name:<30} {value:.6g}")
    saved = [summary[name] for name in ("output", "plot", "report") if summary[name] is not None]
    lines.append(f"saved          {', '.join(saved) or 'nothing; see --output and --plot'}")
    return "\n".join(lines)
