"""``tsnekit embed``: from a file to a map."""

from __future__ import annotations

import argparse
import ast
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import numpy as np

    from tsnekit.embedding import TSNEEmbedding

__all__ = ["INTERRUPTED", "add_parser"]

INTERRUPTED = 130


def number_or_auto(text: str) -> float | str:
    """Read a number, or the word auto."""
    return text if text == "auto" else float(text)


def number_or_none(text: str) -> float | None:
    """Read a number, or the word none."""
    return None if text.lower() == "none" else float(text)


def one_or_more_numbers(text: str) -> float | list[float]:
    """Read a number, or several with commas between them."""
    values = [float(part) for part in text.split(",")]
    return values if len(values) > 1 else values[0]


def option(text: str) -> tuple[str, Any]:
    """Read KEY=VALUE, the value as Python writes it, or else as a string."""
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form KEY=VALUE")
    try:
        return key, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return key, value


# The facade's parameters: name, type, help. What is not given keeps the facade's default.
_PARAMETERS: tuple[tuple[str, Callable[[str], Any], str], ...] = (
    ("n_components", int, "dimensions of the map (default 2)"),
    ("perplexity", one_or_more_numbers, "effective neighbors; 30,300 mixes two (default 30)"),
    ("learning_rate", number_or_auto, "a number or auto (default auto)"),
    ("early_exaggeration_iter", int, "iterations of the first phase (default 250)"),
    ("early_exaggeration", number_or_auto, "attraction in the first phase (default auto: 12)"),
    ("n_iter", int, "iterations of the second phase (default 500)"),
    ("exaggeration", float, "attraction in the second phase (default 1)"),
    ("dof", float, "degrees of freedom of the kernel (default 1)"),
    ("theta", float, "accuracy of Barnes-Hut, 0 is exact (default 0.5)"),
    ("n_interpolation_points", int, "for fft (default 3)"),
    ("min_num_intervals", int, "for fft (default 50)"),
    ("ints_in_interval", float, "for fft (default 1)"),
    ("initialization", str, "pca, spectral, random or a plugin's (default pca)"),
    ("metric", str, "metric of the data (default euclidean)"),
    ("initial_momentum", float, "in the first phase (default 0.8)"),
    ("final_momentum", float, "in the second phase (default 0.8)"),
    ("max_grad_norm", number_or_none, "bound on each gradient (default none)"),
    ("max_step_norm", number_or_none, "bound on each step, or none (default 5)"),
    ("neighbors", str, "auto, approx, fastest, or a backend's name (default auto)"),
    ("negative_gradient_method", str, "auto, or a backend's name (default auto)"),
    ("affinity", str, "a kernel's name (default perplexity)"),
    ("optimizer", str, "an optimizer's name (default momentum)"),
    ("memory_limit", str, "refuse what needs more, 4GB for example (default: what there is)"),
)

# What takes options as KEY=VALUE: name, help.
_OPTIONS = {
    "metric": "parameters of the metric",
    "neighbors": "options of the neighbor search",
    "affinity": "options of the affinity kernel",
    "initialization": "options of the initializer",
    "gradient": "options of the gradient method",
    "optimizer": "options of the optimizer",
}


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "embed",
        help="make a map of a data set",
        description="Make a map of a data set.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "input",
        metavar="INPUT",
        help="a data set of scikit-learn (digits, iris, ...) or a .npy, .npz, .csv, .tsv or "
        ".h5ad file",
    )
    parser.add_argument("--key", help="array to read from a .npz file (default X)")
    parser.add_argument(
        "--use-rep", metavar="KEY", help="what of a .h5ad file to embed (default X_pca, else X)"
    )
    parser.add_argument(
        "--pca", type=int, metavar="N", help="reduce the data to N principal components first"
    )
    parser.add_argument(
        "--labels",
        metavar="FILE",
        help="one label a row: .npy, .csv, .tsv, .txt; of a .h5ad file also a column of obs",
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

    parameters = parser.add_argument_group("parameters of t-SNE")
    for name, kind, text in _PARAMETERS:
        parameters.add_argument(
            f"--{name.replace('_', '-')}", type=kind, help=text, default=argparse.SUPPRESS
        )
    parameters.add_argument(
        "--n-jobs", type=int, default=-1, help="threads (default -1: all processors)"
    )
    parameters.add_argument("--random-state", type=int, default=0, help="seed (default 0)")
    for name, text in _OPTIONS.items():
        parameters.add_argument(
            f"--{name}-params",
            type=option,
            nargs="+",
            metavar="KEY=VALUE",
            default=argparse.SUPPRESS,
            help=text,
        )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Embed, save, draw, and print a summary."""
    from tsnekit.callbacks import KLHistory
    from tsnekit.errors import InterruptedByUser
    from tsnekit.tsne import TSNE

    _check_outputs(args)
    started = time.perf_counter()
    X, labels = _read(args)
    history = None if args.report is None else KLHistory()
    model = TSNE(verbose=not args.quiet, callbacks=history, **_given_parameters(args))
    seconds = {"reading": time.perf_counter() - started}
    if args.pca is not None:
        started = time.perf_counter()
        X = _reduce(X, args.pca, args.random_state)
        seconds["pca"] = time.perf_counter() - started
    code = 0
    try:
        embedding = model.fit(X)
    except InterruptedByUser as interrupt:
        print("tsnekit: interrupted; keeping the map as it is", file=sys.stderr)
        embedding, code = cast("TSNEEmbedding", interrupt.final_embedding), INTERRUPTED
    _save(embedding, labels, args)
    summary = _summarize(embedding, X, seconds, args)
    if args.report is not None:
        summary["diagnostics"] = _report(embedding, X, args)
    print(json.dumps(summary, indent=2) if args.json else _as_text(summary))
    return code


def _given_parameters(args: argparse.Namespace) -> dict[str, Any]:
    given = {name: getattr(args, name) for name, _, _ in _PARAMETERS if hasattr(args, name)}
    for name in (f"{name}_params" for name in _OPTIONS):
        if hasattr(args, name):
            given[name] = dict(getattr(args, name))
    return given | {"n_jobs": args.n_jobs, "random_state": args.random_state}


def _check_outputs(args: argparse.Namespace) -> None:
    pictures = (".png", ".pdf", ".svg")
    for name, endings in (
        ("output", (".npy", ".csv")),
        ("plot", pictures),
        ("report", pictures),
    ):
        given = getattr(args, name)
        if given is None:
            continue
        path = Path(given)
        if path.suffix not in endings:
            raise ValueError(f"--{name} must end in {' or '.join(endings)}, got {given!r}")
        if not path.parent.is_dir():
            raise ValueError(f"--{name}: the folder {str(path.parent)!r} does not exist")


def _read(args: argparse.Namespace) -> tuple[Any, Any]:
    from tsnekit.datasets import read_anndata, read_data, read_labels

    of_cells = Path(args.input).suffix == ".h5ad" and Path(args.input).is_file()
    if args.use_rep is not None and not of_cells:
        raise ValueError("--use-rep is for .h5ad files")
    if of_cells:
        column = args.labels if args.labels and not Path(args.labels).is_file() else None
        X, labels = read_anndata(Path(args.input), use_rep=args.use_rep, labels=column)
        if column is not None:
            return X, labels
    else:
        X, labels = read_data(args.input, key=args.key)
    if args.labels is not None:
        labels = read_labels(args.labels)
        if len(labels) != X.shape[0]:
            raise ValueError(f"--labels has {len(labels)} rows, but the data has {X.shape[0]}")
    return X, labels


def _reduce(X: Any, n_components: int, seed: int) -> np.ndarray:
    import numpy as np
    from sklearn.decomposition import PCA

    from tsnekit.validation import check_data

    X = check_data(X)
    if not 1 <= n_components <= min(X.shape):
        raise ValueError(f"--pca must be between 1 and {min(X.shape)}, got {n_components}")
    reduced: np.ndarray = PCA(n_components, random_state=seed).fit_transform(X)
    return np.ascontiguousarray(reduced, dtype=np.float32)


def _save(embedding: TSNEEmbedding, labels: Any, args: argparse.Namespace) -> None:
    import numpy as np

    if args.output is not None:
        if args.output.endswith(".npy"):
            np.save(args.output, np.asarray(embedding))
        else:
            header = ",".join(f"tsne{i + 1}" for i in range(embedding.shape[1]))
            np.savetxt(args.output, embedding, delimiter=",", header=header, comments="")
    if args.plot is not None:
        drawn = None if embedding.shape[1] <= 3 else (0, 1)
        ax = embedding.plot(labels, components=drawn, title=args.title)
        ax.figure.savefig(args.plot, dpi=200)


def _report(embedding: TSNEEmbedding, X: Any, args: argparse.Namespace) -> dict[str, float]:
    from tsnekit.diagnostics import diagnose

    report = diagnose(embedding, X, random_state=args.random_state)
    report.plot().savefig(args.report, dpi=150)
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
        "kl_divergence": embedding.kl_divergence,
        "backends": {
            point: {"name": choice.name, "from": choice.origin, "reason": choice.reason}
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
    for point, choice in summary["backends"].items():
        lines.append(f"{point:<25}{choice['name']:<20}{choice['reason']}")
    timings = "  ".join(f"{name} {value:.2f}" for name, value in summary["seconds"].items())
    lines.append(f"seconds        {timings}  total {sum(summary['seconds'].values()):.2f}")
    for name, value in summary.get("diagnostics", {}).items():
        lines.append(f"{name:<30} {value:.6g}")
    saved = [summary[name] for name in ("output", "plot", "report") if summary[name] is not None]
    lines.append(f"saved          {', '.join(saved) or 'nothing; see --output and --plot'}")
    return "\n".join(lines)
