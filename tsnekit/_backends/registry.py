"""Find the backends that are installed by name.

`tsnekit._backends.loading` loads the plugins; this module keeps what they register.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable
from importlib import metadata

from tsnekit._backends.loading import KINDS, LOAD_VARIABLE, Loader, LoadFailure, Registered
from tsnekit._util.failures import FAILURES, describe
from tsnekit._util.locks import Lock
from tsnekit._util.metrics import is_built_in
from tsnekit._util.names import did_you_mean
from tsnekit.errors import PluginConflictError, UnknownPluginError

__all__ = ["Registry", "default_registry"]

RESERVED_NAMES = frozenset({"auto", "approx", "fastest"})


class Registry:
    """The backends of every extension point.

    Parameters
    ----------
    entry_points : iterable of importlib.metadata.EntryPoint, optional
        Plugins in addition to the built-ins. By default, those of the installed distributions that
        ``TSNEKIT_LOAD_PLUGINS`` allows.

    Attributes
    ----------
    failures : list of LoadFailure
        What could not be registered, and why.
    left_out : tuple of str
        Distributions with plugins that ``TSNEKIT_LOAD_PLUGINS`` does not name.
    """

    def __init__(self, entry_points: Iterable[metadata.EntryPoint] | None = None) -> None:
        loader = Loader(entry_points)
        self.failures: list[LoadFailure] = loader.failures
        self.left_out = loader.left_out
        self._claims: dict[str, dict[str, list[Registered]]] = {point: {} for point in KINDS}
        for point, found in loader.backends():
            try:
                self._claim(point, found)
            except FAILURES as error:
                loader.fail(found.plugin, found.distribution, describe(error), error)

    def all(self, point: str) -> tuple[Registered, ...]:
        """Return every backend of an extension point, built-ins first, each once."""
        claims = self._claims[point].values()
        unique = {id(found.spec): found for claimants in claims for found in claimants}
        return tuple(unique.values())

    def uncontested(self, point: str) -> tuple[Registered, ...]:
        """Return the backends whose names no other distribution claims."""
        claims = self._claims[point]
        return tuple(b for b in self.all(point) if all(len(claims[n]) == 1 for n in b.spec.names))

    def has(self, point: str, name: str) -> bool:
        """Return whether anybody claims a name."""
        return name in self._claims[point]

    def get(self, point: str, name: str) -> Registered:
        """Find a backend by its name or an alias.

        Raises
        ------
        UnknownPluginError
            If no backend has the name. The message lists all names, and the plugins that failed to
            load.
        PluginConflictError
            If two distributions claim the name.
        """
        claimants = self._claims[point].get(name, [])
        if len(claimants) > 1:
            origins = " and ".join(claimant.origin for claimant in claimants)
            raise PluginConflictError(
                f"{point}={name!r} is claimed by {origins}; uninstall one of them"
            )
        if not claimants:
            raise UnknownPluginError(self.explain_unknown(point, name))
        return claimants[0]

    def explain_unknown(self, point: str, name: str, others: Collection[str] = ()) -> str:
        """Return the message about a name that is neither registered nor one of some others."""
        known = sorted({backend.spec.name for backend in self.all(point)} | set(others))
        hint = did_you_mean(name, [*self._claims[point], *others])
        parts = [f"{point}={name!r} is not the name of a registered {KINDS[point].kind}{hint}"]
        parts.append(f"Registered: {', '.join(known)}.")
        if self.failures:
            parts.append(f"Failed to load: {'; '.join(map(str, self.failures))}.")
        if self.left_out:
            parts.append(f"Left out, since {LOAD_VARIABLE} is set: {', '.join(self.left_out)}.")
        return " ".join(parts)

    def _claim(self, point: str, found: Registered) -> None:
        """Give a backend its names, unless one of them already has a reserved meaning.

        Two distributions may claim one name, as long as nobody asks for it.
        """
        names = found.spec.names
        for name in names:
            owners = [
                other.distribution
                for other in self._claims[point].get(name, [])
                if other.builtin or other.distribution == found.distribution
            ]
            if name in RESERVED_NAMES or (point == "metric" and is_built_in(name)):
                owners.append("tsnekit")
            if owners:
                raise PluginConflictError(
                    f"{KINDS[point].kind} name {name!r} belongs to {owners[0]}"
                )
        for name in names:
            self._claims[point].setdefault(name, []).append(found)


_lock = Lock()


def default_registry() -> Registry:
    """Return the registry of everything that is installed; it is loaded once."""
    with _lock.held():
        return _load_registry()


@functools.cache
def _load_registry() -> Registry:
    return Registry()
