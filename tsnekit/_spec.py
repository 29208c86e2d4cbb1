"""What all specs have in common; a part of `tsnekit.specs`."""

from __future__ import annotations

import importlib.util
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from tsnekit._util.failures import FAILURES, describe
from tsnekit._util.fields import (
    check_bool,
    check_names,
    check_path,
    check_requirements,
    check_text,
)

__all__ = ["Spec"]


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What all backends have in common.

    Parameters
    ----------
    name : str
        The name that users write.
    factory : str
        Dotted path ``"package.module:Class"`` of a callable whose keyword-only parameters are the
        backend's options.
    aliases : tuple of str, default=()
        Other names for the same backend.
    summary : str, default=""
        One line for listings.
    requires : tuple of str, default=()
        Modules that must be importable, as ``"module"`` or, if the distribution has another name,
        as ``"module:distribution"``.

    Raises
    ------
    TypeError, ValueError
        If a field is not as described here; the message names the field.
    """

    kind: ClassVar[str]
    hook: ClassVar[str]

    name: str
    factory: str
    aliases: tuple[str, ...] = ()
    summary: str = ""
    requires: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the fields."""
        for field, checked in self._checked().items():
            object.__setattr__(self, field, checked)

    def _checked(self) -> dict[str, Any]:
        """Return the checked value of each field by its name."""
        aliases = check_names(self._field("aliases"), self.aliases)
        if self.name in aliases:
            raise ValueError(f"{self._field('aliases')} must differ from name, got {self.name!r}")
        return {
            "name": check_text(f"{type(self).__name__}.name", self.name),
            "factory": check_path(self._field("factory"), self.factory),
            "aliases": aliases,
            "summary": check_text(self._field("summary"), self.summary, empty=True),
            "requires": check_requirements(self._field("requires"), self.requires),
        }

    def _checked_flags(self, *fields: str) -> dict[str, bool]:
        return {field: check_bool(self._field(field), getattr(self, field)) for field in fields}

    def _field(self, field: str) -> str:
        """Return the name of a field for messages."""
        return f"{type(self).__name__}({self.name!r}).{field}"

    @property
    def names(self) -> tuple[str, ...]:
        """The name and its aliases."""
        return (self.name, *self.aliases)

    def load(self) -> Callable[..., Any]:
        """Import and return the factory."""
        factory: Callable[..., Any] = pkgutil.resolve_name(self.factory)
        return factory

    def missing(self) -> tuple[str, ...]:
        """Return a reason for each requirement that is not installed."""
        reasons = []
        for requirement in self.requires:
            module, _, distribution = requirement.partition(":")
            if not _is_installed(module):
                reasons.append(f"needs {module}: pip install {distribution or module}")
        return tuple(reasons)

    def unmet(self, problem: Any) -> tuple[str, ...]:
        """Return the reasons why the backend cannot serve `problem`; empty where it can."""
        missing = self.missing()
        if missing:
            return missing
        try:
            return tuple(self._refusals(problem))
        except FAILURES as error:
            # All specs are asked, and one that fails must not stop the others.
            return (f"its spec does not answer: {describe(error)}",)

    def _refusals(self, problem: Any) -> list[str]:
        return []


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except FAILURES:  # from the import of the package that the module is in
        return False
