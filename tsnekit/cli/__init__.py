"""The command line: ``tsnekit embed``, and commands for what it saves and for what is installed."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from tsnekit.cli import _check, _embed, _inspect, _maps, _new_plugin
from tsnekit.cli._parser import USAGE_ERROR, Parser

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; by default those of the process.

    Returns
    -------
    int
        0 after success, 1 if ``check`` finds a fault, 2 after an error in the input, and 130 after
        Ctrl-C.
    """
    parser = Parser(prog="tsnekit", description="t-SNE with swappable backends.")
    parser.add_argument("--version", action=_Version, help="show the version and exit")
    parser.add_argument("--traceback", action="store_true", help="show where an error came from")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _embed.add_parser(commands)
    _maps.add_parsers(commands)
    _inspect.add_parsers(commands)
    _check.add_parser(commands)
    _new_plugin.add_parser(commands)
    args = parser.parse_args(argv)
    try:
        with _warnings_in_one_line(), _each_fact_once():
            code: int = args.run(args)
    except KeyboardInterrupt:
        print("tsnekit: interrupted", file=sys.stderr)
        return _embed.INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has closed it. Python must not report this again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, TypeError, OSError, MemoryError) as error:
        if args.traceback:
            raise
        message = " ".join(str(error).split())
        print(f"tsnekit: error: {message}", file=sys.stderr)
        return USAGE_ERROR
    return code


class _Version(argparse.Action):
    """Finds and prints the version only if asked for, since finding it takes time."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib import metadata

        print(f"tsnekit {metadata.version('tsnekit')}")
        parser.exit()


TOLD_BY_SUMMARIES = ("tsnekit._backends.resolve", "tsnekit._embedding.state")
"""Who logs the choice of backends and the ends of phases, which summaries tell."""


@contextlib.contextmanager
def _each_fact_once() -> Iterator[None]:
    """Leave out of the progress what the summary of a command tells."""
    loggers = [logging.getLogger(name) for name in TOLD_BY_SUMMARIES]
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.WARNING)
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Show the text of a warning without the line of code that it came from."""

    def one_line(message: Warning | str, *_: Any, **__: Any) -> str:
        return f"tsnekit: warning: {' '.join(str(message).split())}\n"

    before, warnings.formatwarning = warnings.formatwarning, one_line
    try:
        yield
    finally:
        warnings.formatwarning = before
