"""A parser of arguments whose errors take one line and suggest the closest name."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from tsnekit._util.names import did_you_mean

__all__ = ["USAGE_ERROR", "Parser"]

USAGE_ERROR = 2


class Parser(argparse.ArgumentParser):
    """A parser of the command line, or of one of its commands.

    Parameters
    ----------
    complete : callable, optional
        Called with the parser before it first parses. It adds the options that take time to
        collect.
    **options
        See `argparse.ArgumentParser`.
    """

    def __init__(
        self, *, complete: Callable[[argparse.ArgumentParser], None] | None = None, **options: Any
    ) -> None:
        super().__init__(allow_abbrev=False, **options)
        self._complete = complete

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse arguments, all of which must be known."""
        if self._complete is not None:
            self._complete(self)
            self._complete = None
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            given = unknown[0].partition("=")[0]
            hint = did_you_mean(given, self._option_string_actions).removesuffix(".")
            what = "option" if given.startswith("-") else "argument"
            self.error(f"unknown {what} {given}{hint}")
        return parsed, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Check one of several words, and suggest the closest."""
        if action.choices is not None and value not in action.choices:
            known = list(action.choices)
            *others, last = known
            hint = did_you_mean(str(value), known).removesuffix(".")
            raise argparse.ArgumentError(
                action, f"must be {', '.join(others)} or {last}, got {value!r}{hint}"
            )

    def error(self, message: str) -> NoReturn:
        """Print an error in one line and exit."""
        self.exit(USAGE_ERROR, f"tsnekit: error: {message} (see {self.prog} --help)\n")
