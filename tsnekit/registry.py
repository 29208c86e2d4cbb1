"""Collect the backends that are installed and find them by name.

Built-ins and entry points in group ``tsnekit`` register through the same hooks. A plugin that
fails to load, or claims what it may not, is left out with a warning and is remembered, so that an
unknown name can be explained; everything else goes on working.

Two environment variables, read when the plugins are loaded, help to find out what a plugin does:

``TSNEKIT_LOAD_PLUGINS``
    Names of distributions, separated by commas. Of all third-party plugins only theirs are loaded;
    an empty value loads none. A name that no installed plugin has is left out with a warning.
``TSNEKIT_TRACE_PLUGINS``
    Any value but ``0`` and the empty one has every plugin that is loaded, and what each of its
    hooks returned, written to standard error, with the time that it took; and for one that fails,
    where in it that was.

::

    TSNEKIT_LOAD_PLUGINS=tsnekit-faiss,tsnekit-adam TSNEKIT_TRACE_PLUGINS=1 tsnekit plugins
"""

from __future__ import annotations

import difflib
import functools
import importlib
import os
import re
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import pluggy

from tsnekit import hookspecs
from tsnekit.errors import (
    BackendUnavailableError,
    PluginConflictError,
    PluginWarning,
    UnknownPluginError,
)
from tsnekit.plugins import BUILTIN_PLUGINS
from tsnekit.specs import POINTS, Spec

__all__ = ["LoadFailure", "Registered", "Registry", "default_registry", "select_plugins"]

ENTRY_POINT_GROUP = "tsnekit"
LOAD_VARIABLE = "TSNEKIT_LOAD_PLUGINS"
TRACE_VARIABLE = "TSNEKIT_TRACE_PLUGINS"
RESERVED_NAMES = frozenset({"auto", "approx", "fastest"})


@dataclass(frozen=True)
class Registered:
    """A backend and where it came from."""

    spec: Spec
    distribution: str
    version: str | None = None
    builtin: bool = False

    @property
    def origin(self) -> str:
        """The distribution and its version, for messages."""
        return f"{self.distribution} {self.version}" if self.version else self.distribution

    def load(self) -> Callable[..., Any]:
        """Import and return the factory.

        Raises
        ------
        BackendUnavailableError
            If it cannot be imported, from the error that says why.
        """
        try:
            factory = self.spec.load()
            if not callable(factory):
                raise TypeError(f"{factory!r} cannot be called")
            return factory
        except Exception as error:
            raise BackendUnavailableError(
                f"{self.spec.kind} {self.spec.name!r} of {self.origin} cannot be loaded from "
                f"{self.spec.factory!r}: {type(error).__name__}: {error}"
            ) from error


@dataclass(frozen=True)
class LoadFailure:
    """A plugin, or one of its backends, that could not be registered."""

    plugin: str
    distribution: str
    error: str

    def __str__(self) -> str:
        where = "" if self.plugin == self.distribution else f" of {self.distribution}"
        return f"{self.plugin}{where}: {self.error}"


@dataclass(frozen=True)
class Selection:
    """What is left of some entry points after the user's choice.

    Parameters
    ----------
    chosen : tuple of importlib.metadata.EntryPoint
    left_out : tuple of str
        Distributions that have plugins but were not chosen.
    unknown : tuple of str
        Names that were chosen, but that no distribution with plugins has.
    """

    chosen: tuple[metadata.EntryPoint, ...]
    left_out: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def select_plugins(
    entry_points: Iterable[metadata.EntryPoint], wanted: str | None = None
) -> Selection:
    """Select the entry points of the distributions that the user wants.

    Parameters
    ----------
    entry_points : iterable of importlib.metadata.EntryPoint
    wanted : str, optional
        Names of distributions, separated by commas; all of them by default.
    """
    entry_points = tuple(entry_points)
    if wanted is None:
        return Selection(entry_points)
    names = {_normalized(name): name.strip() for name in wanted.split(",") if name.strip()}
    owners = {_normalized(_distribution(entry)): _distribution(entry) for entry in entry_points}
    return Selection(
        tuple(entry for entry in entry_points if _normalized(_distribution(entry)) in names),
        tuple(sorted(owner for key, owner in owners.items() if key not in names)),
        tuple(name for key, name in names.items() if key not in owners),
    )


def _normalized(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution.strip()).lower()


def _explain_unknown_hook(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"{name} is not a hook of tsnekit" + (f"; did you mean {close[0]}?" if close else "")


def _caller_level() -> int:
    """Return the stacklevel, for whoever called this, of the first frame outside of tsnekit."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("tsnekit."):
        frame, level = frame.f_back, level + 1
    return level


def _distribution(entry_point: metadata.EntryPoint) -> str:
    dist = entry_point.dist
    return "an unknown distribution" if dist is None else dist.name


class Registry:
    """The backends of every extension point.

    Parameters
    ----------
    entry_points : iterable of importlib.metadata.EntryPoint, optional
        Plugins beside the built-ins; by default those of the installed distributions, as far as
        ``TSNEKIT_LOAD_PLUGINS`` lets them.

    Attributes
    ----------
    failures : list of LoadFailure
        What could not be registered, and why.
    left_out : tuple of str
        Distributions with plugins that ``TSNEKIT_LOAD_PLUGINS`` does not name.
    """

    def __init__(self, entry_points: Iterable[metadata.EntryPoint] | None = None) -> None:
        if entry_points is None:
            installed = metadata.entry_points(group=ENTRY_POINT_GROUP)
            selection = select_plugins(installed, os.environ.get(LOAD_VARIABLE))
        else:
            selection = select_plugins(entry_points)
        self.failures: list[LoadFailure] = []
        self.left_out = selection.left_out
        self._traced = os.environ.get(TRACE_VARIABLE, "") not in ("", "0")
        self._claims: dict[str, dict[str, list[Registered]]] = {point: {} for point in POINTS}
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)

        for module in BUILTIN_PLUGINS:
            self._register(importlib.import_module(module), module, "tsnekit", None, builtin=True)
        for entry_point in selection.chosen:
            self._load(entry_point)
        for name in selection.unknown:
            self._fail(name, name, f"{LOAD_VARIABLE} names it, but it has no installed plugin")

    def all(self, point: str) -> tuple[Registered, ...]:
        """Return every backend of an extension point, built-ins first, each once."""
        claims = self._claims[point].values()
        unique = {id(found.spec): found for claimants in claims for found in claimants}
        return tuple(unique.values())

    def uncontested(self, point: str) -> tuple[Registered, ...]:
        """Return the backends whose names no other distribution claims."""
        claims = self._claims[point]
        return tuple(b for b in self.all(point) if all(len(claims[n]) == 1 for n in b.spec.names))

    def get(self, point: str, name: str) -> Registered:
        """Find a backend by its name or an alias.

        Raises
        ------
        UnknownPluginError
            If nobody has the name; the message lists who there is and what failed to load.
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
            raise UnknownPluginError(self._explain_unknown(point, name))
        return claimants[0]

    def _explain_unknown(self, point: str, name: str) -> str:
        known = sorted({backend.spec.name for backend in self.all(point)})
        close = difflib.get_close_matches(name, self._claims[point], n=1)
        what = f"{point}={name!r} is not the name of a registered {POINTS[point].kind}"
        parts = [f"{what}; did you mean {close[0]!r}?" if close else f"{what}."]
        parts.append(f"Registered: {', '.join(known)}.")
        if self.failures:
            parts.append(f"Failed to load: {'; '.join(map(str, self.failures))}.")
        if self.left_out:
            parts.append(f"Left out, since {LOAD_VARIABLE} is set: {', '.join(self.left_out)}.")
        return " ".join(parts)

    def _load(self, entry_point: metadata.EntryPoint) -> None:
        dist = entry_point.dist
        distribution = _distribution(entry_point)
        start = time.perf_counter()
        try:
            plugin = entry_point.load()
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            self._fail(entry_point.name, distribution, message, error)
            return
        self._trace(f"{entry_point.name} of {distribution}", f"loaded {entry_point.value}", start)
        version = dist.version if dist is not None else None
        self._register(plugin, entry_point.name, distribution, version)

    def _register(
        self,
        plugin: Any,
        name: str,
        distribution: str,
        version: str | None,
        *,
        builtin: bool = False,
    ) -> None:
        try:
            self._manager.register(plugin, name=f"{distribution}:{name}")
        except Exception as error:
            self._fail(name, distribution, f"{type(error).__name__}: {error}", error)
            return
        known = {spec.hook: point for point, spec in POINTS.items()}
        callers = self._manager.get_hookcallers(plugin) or ()
        if not callers:
            # pluggy takes a module without hooks for one that has nothing to say.
            self._fail(
                name, distribution, "nothing in it is marked with tsnekit.hookspecs.hookimpl"
            )
        for caller in callers:
            if caller.name not in known:
                self._fail(name, distribution, _explain_unknown_hook(caller.name, known))
                continue
            point = known[caller.name]
            for hook in caller.get_hookimpls():
                if hook.plugin is plugin:
                    for spec in self._specs(hook.function, point, name, distribution):
                        found = Registered(spec, distribution, version, builtin)
                        self._claim(point, found, name)

    def _specs(self, hook: Any, point: str, name: str, distribution: str) -> Iterator[Spec]:
        start = time.perf_counter()
        hook_name, wanted = POINTS[point].hook, POINTS[point].__name__
        try:
            returned = hook()
            if not isinstance(returned, Iterable):
                what = type(returned).__name__
                raise TypeError(f"{hook_name} must yield or list its specs; it returned {what}")
            specs = list(returned)
        except Exception as error:
            self._fail(name, distribution, f"{type(error).__name__}: {error}", error)
            return
        names = ", ".join(getattr(spec, "name", repr(spec)) for spec in specs)
        self._trace(f"{name} of {distribution}", f"{hook_name}() -> {names or 'nothing'}", start)
        for spec in specs:
            if isinstance(spec, POINTS[point]):
                yield spec
            else:
                self._fail(
                    name, distribution, f"{hook_name} yielded {spec!r}, which is no {wanted}"
                )

    def _claim(self, point: str, found: Registered, plugin: str) -> None:
        claims = self._claims[point]
        for name in found.spec.names:
            # A name that already meant something must go on meaning it.
            taken = next((other for other in claims.get(name, []) if other.builtin), None)
            if name in RESERVED_NAMES or taken is not None:
                owner = taken.distribution if taken is not None else "tsnekit"
                message = f"{POINTS[point].kind} name {name!r} belongs to {owner}"
                self._fail(plugin, found.distribution, message)
                return
        for name in found.spec.names:
            claims.setdefault(name, []).append(found)

    def _trace(self, plugin: str, what: str, start: float | None = None) -> None:
        if self._traced:
            taken = "" if start is None else f" ({(time.perf_counter() - start) * 1e3:.1f} ms)"
            print(f"tsnekit: {plugin}: {what}{taken}", file=sys.stderr)

    def _fail(
        self, plugin: str, distribution: str, error: str, cause: Exception | None = None
    ) -> None:
        failure = LoadFailure(plugin, distribution, error)
        self.failures.append(failure)
        self._trace(f"{plugin} of {distribution}", f"left out, {error}")
        if self._traced and cause is not None:
            traceback.print_exception(cause)
        warnings.warn(f"plugin left out: {failure}", PluginWarning, stacklevel=_caller_level())


@functools.cache
def default_registry() -> Registry:
    """Return the registry of everything that is installed, loaded once."""
    return Registry()
