"""The command line: ``tsnekit embed``, ``tsnekit plugins`` and ``tsnekit info``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from tsnekit.cli import embed, inspect

__all__ = ["main"]

USAGE_ERROR = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; by default those of the process.

    Returns
    -------
    int
        0, 2 after an error in what was given, 130 after Ctrl-C.
    """
    parser = argparse.ArgumentParser(
        prog="tsnekit", description="t-SNE with swappable backends.", allow_abbrev=False
    )
    parser.add_argument("--traceback", action="store_true", help="show where an error came from")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    embed.add_parser(commands)
    inspect.add_parsers(commands)
    args = parser.parse_args(argv)
    try:
        code: int = args.run(args)
    except KeyboardInterrupt:
        print("tsnekit: interrupted", file=sys.stderr)
        return embed.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; do not complain again while shutting down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, TypeError, OSError, MemoryError) as error:
        if args.traceback:
            raise
        message = " ".join(str(error).split())
        print(f"tsnekit: error: {message}", file=sys.stderr)
        return USAGE_ERROR
    return code
