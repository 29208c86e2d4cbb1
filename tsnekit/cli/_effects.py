"""Options that would have no effect beside the others, which are refused."""

from __future__ import annotations

import argparse
from typing import Any

__all__ = ["check_parameters", "check_pictures_wanted"]


def check_pictures_wanted(args: argparse.Namespace) -> None:
    """Check that options for pictures come with a picture.

    Raises
    ------
    ValueError
        If nothing is drawn that an option is for.
    """
    if not hasattr(args, "plot") or args.plot is not None:
        return
    of_plot = {
        "--legend": args.legend != "auto",
        "--point-size": args.point_size is not None,
        "--size": args.size is not None,
    }
    of_both = {"--title": args.title is not None, "--palette": args.palette is not None}
    for option in (option for option, given in of_plot.items() if given):
        raise ValueError(f"{option} has no effect without --plot")
    for option in (option for option, given in of_both.items() if given and args.html is None):
        raise ValueError(f"{option} has no effect without --plot or --html")


def check_parameters(args: argparse.Namespace, model: Any, n_samples: int) -> None:
    """Check that parameters of t-SNE have an effect with the backends that are used.

    Parameters
    ----------
    args : Namespace
        Has the parameters that were given, and no others.
    model : TSNE
    n_samples : int

    Raises
    ------
    ValueError
        If a parameter is no option of the chosen kernel or gradient method, or of this schedule.
    """
    from tsnekit._backends.options import options_of
    from tsnekit._backends.resolve import find_backend
    from tsnekit._descent.parameters import DescentParameters
    from tsnekit._facade.reasons import kernel_of
    from tsnekit._facade.schedules import scheduled
    from tsnekit.interfaces import RepulsionProblem

    if hasattr(args, "tolerance") and scheduled(model)["n_iter"] != "auto":
        raise ValueError("--tolerance has no effect without --n-iter auto")
    if hasattr(args, "perplexity"):
        kernel = find_backend("affinity", kernel_of(model), None)[0]
        if not {"perplexity", "perplexities"} & set(options_of(kernel.load())):
            raise ValueError(f"--perplexity has no effect with --affinity {kernel.spec.name}")
    problem = RepulsionProblem(
        n_samples=n_samples, n_components=model.n_components, dof=float(model.dof)
    )
    method = find_backend("negative_gradient_method", model.negative_gradient_method, problem)[0]
    options = options_of(method.load())
    for name in DescentParameters().facade_params():
        if hasattr(args, name) and name not in options:
            raise ValueError(
                f"--{name.replace('_', '-')} has no effect with the gradient method "
                f"{method.spec.name}, which is used here; see --negative-gradient-method"
            )
