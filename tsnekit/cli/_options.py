"""The options of the command line that are parameters of `tsnekit.TSNE`, or of a method of maps.

Names, defaults and help come from signatures and docstrings.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
from collections.abc import Callable
from typing import Any

__all__ = ["add_parameters", "given_parameters", "integer"]

DEFAULTS = {"n_jobs": -1, "random_state": 0}
"""Defaults that differ from those of the class: all processors, and a fixed seed."""

LEFT_OUT = ("callbacks", "callbacks_every_iters", "verbose", "X", "affinities", "fixed", "history")
"""Parameters that have no meaning here, or that other options replace."""


def text(given: str) -> str:
    """Read any text."""
    return given


def integer(given: str) -> int:
    """Read an integer."""
    return _read(int, given, "an integer")


def integer_or_auto(given: str) -> int | str:
    """Read an integer, or the word auto."""
    return given if given == "auto" else _read(int, given, "an integer or auto")


def integer_or_none(given: str) -> int | None:
    """Read an integer, or the word none."""
    return None if given.lower() == "none" else _read(int, given, "an integer or none")


def number(given: str) -> float:
    """Read a number."""
    return _read(float, given, "a number")


def number_or_auto(given: str) -> float | str:
    """Read a number, or the word auto."""
    return given if given == "auto" else _read(float, given, "a number or auto")


def number_or_none(given: str) -> float | None:
    """Read a number, or the word none."""
    return None if given.lower() == "none" else _read(float, given, "a number or none")


def numbers(given: str) -> float | list[float]:
    """Read a number, or several with commas between them."""
    what = "a number, or several with commas between them"
    values = [_read(float, part, what) for part in given.split(",")]
    return values if len(values) > 1 else values[0]


def option(given: str) -> tuple[str, Any]:
    """Read KEY=VALUE, the value as Python writes it, or else as a string."""
    key, equals, value = given.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"must be of the form KEY=VALUE, got {given!r}")
    try:
        return key, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return key, value


def force(given: str) -> str | tuple[str, Any]:
    """Read the name of a force term, or an option of the term before it as KEY=VALUE."""
    return option(given) if "=" in given else given


def forces_of(given: list[str | tuple[str, Any]]) -> Any:
    """Return the force terms of an option, each a name and a mapping of its options.

    Raises
    ------
    ValueError
        If an option comes before any name.
    """
    if given in (["none"], ["auto"]):
        return None if given == ["none"] else "auto"
    terms: list[tuple[str, dict[str, Any]]] = []
    for each in given:
        if isinstance(each, str):
            terms.append((each, {}))
        elif terms:
            terms[-1][1].update([each])
        else:
            raise ValueError(f"--forces must begin with a name, got {each[0]}={each[1]!r}")
    return terms


def _read(kind: Callable[[str], Any], given: str, what: str) -> Any:
    try:
        return kind(given)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be {what}, got {given!r}") from None


# By the annotation of a parameter: the function that reads a value, and its name in the help.
READERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "int": (integer, "N"),
    "int | None": (integer_or_none, "N"),
    "int | str": (integer_or_auto, "N"),
    "float": (number, "X"),
    "float | str": (number_or_auto, "X"),
    "float | None": (number_or_none, "X"),
    "int | str | None": (text, "VALUE"),
    "Mapping[str, Any] | None": (option, "KEY=VALUE"),
}
ANYTHING = text, "NAME"
# By name for parameters that may also be objects, whose annotation is Any.
BY_NAME: dict[str, tuple[Callable[[str], Any], str]] = {
    "perplexity": (numbers, "X,..."),
    "random_state": (integer_or_none, "N"),
    "forces": (force, "NAME [KEY=VALUE ...]"),
}


def parameters_of(command: str) -> Callable[..., Any]:
    """Return what a command calls, whose parameters are its options."""
    from tsnekit._embedding.full import TSNEEmbedding
    from tsnekit._facade.tsne import TSNE

    if command == "diagnose":
        from tsnekit.diagnostics._measures import diagnose

        return diagnose
    called: dict[str, Callable[..., Any]] = {
        "embed": TSNE,
        "transform": TSNEEmbedding.transform,
        "extend": TSNEEmbedding.extend,
    }
    return called[command]


def add_parameters(parser: argparse.ArgumentParser, command: str) -> None:
    """Add an option for each parameter of what a command calls."""
    called = parameters_of(command)
    title = "parameters of t-SNE" if command == "embed" else "parameters"
    group = parser.add_argument_group(title)
    described = _described(called)
    for name, parameter in _parameters(called).items():
        read, metavar = BY_NAME.get(name) or READERS.get(parameter.annotation, ANYTHING)
        default = _defaults(command).get(name, parameter.default)
        shown = "" if default is None else f" (default {default})"
        group.add_argument(
            f"--{name.replace('_', '-')}",
            type=read,
            metavar=metavar,
            nargs="+" if read in (option, force) else None,
            default=argparse.SUPPRESS,
            help=described.get(name, "").replace("%", "%%") + shown,
        )


def given_parameters(args: argparse.Namespace, command: str) -> dict[str, Any]:
    """Return the parameters of what a command calls that the options stand for."""
    names = _parameters(parameters_of(command))
    given = {name: getattr(args, name) for name in names if hasattr(args, name)}
    for name, value in given.items():
        if name.endswith("_params") or name == "knn_kwargs":
            given[name] = dict(value)
        elif name == "forces":
            given[name] = forces_of(value)
    return _defaults(command) | given


def _defaults(command: str) -> dict[str, Any]:
    return DEFAULTS if command == "embed" else {}


def _parameters(called: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return {
        name: each
        for name, each in inspect.signature(called).parameters.items()
        if name not in (*LEFT_OUT, "self", "embedding") and each.kind is not each.VAR_KEYWORD
    }


def _described(called: Callable[..., Any]) -> dict[str, str]:
    """Return the first sentence of the docstring about each parameter."""
    section = (inspect.getdoc(called) or "").partition("Parameters\n----------\n")[2]
    described = {}
    for names, body in re.findall(r"^(\w[\w, ]*) : .*\n((?:    .*\n?)+)", section, re.MULTILINE):
        sentence = re.split(r"(?<=\.)\s", " ".join(body.split()))[0].rstrip(".").replace("`", "")
        for name in names.split(", "):
            described[name] = sentence
    return described
