"""What differs between the packages of different kinds."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Template"]


@dataclass(frozen=True)
class Template:
    """What differs between kinds: words about them, the module, and what follows the suite."""

    what: str
    suite: str
    use: str
    module: str
    tests: str
