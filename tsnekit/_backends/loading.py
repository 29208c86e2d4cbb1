"""Load the plugins that are installed, and collect what they register.

Built-ins and entry points in group ``tsnekit`` register through the same hooks. A plugin that fails
to load, or registers something invalid, is left out with a warning. The error for an unknown name
mentions such plugins. Everything else keeps working.

Two environment variables, read when the plugins are loaded, help to find out what a plugin does:

``TSNEKIT_LOAD_PLUGINS``
    Names of distributions, separated by commas. In addition to the built-ins, only the plugins of
    these distributions are loaded; with an empty value, none. A warning tells of each name without
    an installed plugin.
``TSNEKIT_TRACE_PLUGINS``
    With any value except ``0`` and the empty one, standard error gets a line for each plugin that
    is loaded and each hook that is called. The line shows what the hook returned and how long the
    call took. A plugin that fails is shown with its traceback.

::

    TSNEKIT_LOAD_PLUGINS=tsnekit-faiss,tsnekit-adam TSNEKIT_TRACE_PLUGINS=1 tsnekit plugins
"""

from __future__ import annotations

import importlib
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import pluggy

from tsnekit import hookspecs
from tsnekit._util.caller import warn
from tsnekit._util.failures import FAILURES, describe
from tsnekit._util.names import did_you_mean
from tsnekit.errors import BackendUnavailableError, PluginWarning
from tsnekit.plugins import BUILTIN_PLUGINS
from tsnekit.specs import NAMED, POINTS, Spec

__all__ = [
    "KINDS",
    "LOAD_VARIABLE",
    "LoadFailure",
    "Loader",
    "Registered",
    "normalized",
    "wanted_plugins",
]

ENTRY_POINT_GROUP = "tsnekit"
LOAD_VARIABLE = "TSNEKIT_LOAD_PLUGINS"
TRACE_VARIABLE = "TSNEKIT_TRACE_PLUGINS"

KINDS = POINTS | NAMED
"""Spec class of everything that a plugin may register, by the parameter that takes its name."""

_POINT_OF_HOOK = {spec.hook: point for point, spec in KINDS.items()}


@dataclass(frozen=True)
class Registered:
    """A backend and the plugin that it comes from."""

    spec: Spec
    plugin: str
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
            If the factory cannot be imported or called; the cause is attached.
        """
        try:
            factory = self.spec.load()
            if not callable(factory):
                raise TypeError(f"{factory!r} cannot be called")
            return factory
        except FAILURES as error:
            raise BackendUnavailableError(
                f"{self.spec.kind} {self.spec.name!r} of {self.origin} cannot be loaded from "
                f"{self.spec.factory!r}: {describe(error)}"
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
class WantedPlugins:
    """The plugins that the user wants.

    Parameters
    ----------
    entry_points : tuple of importlib.metadata.EntryPoint
    left_out : tuple of str
        Distributions whose plugins the user does not want.
    unknown : tuple of str
        Names that the user gave, without an installed plugin.
    """

    entry_points: tuple[metadata.EntryPoint, ...]
    left_out: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def wanted_plugins(
    entry_points: Iterable[metadata.EntryPoint], distributions: str | None = None
) -> WantedPlugins:
    """Divide entry points by what the user wants.

    Parameters
    ----------
    entry_points : iterable of importlib.metadata.EntryPoint
    distributions : str, optional
        Names of the distributions that the user wants, separated by commas; by default all.
    """
    entry_points = tuple(entry_points)
    if distributions is None:
        return WantedPlugins(entry_points)
    names = {normalized(name): name.strip() for name in distributions.split(",") if name.strip()}
    owners = {normalized(_distribution(entry)): _distribution(entry) for entry in entry_points}
    return WantedPlugins(
        tuple(entry for entry in entry_points if normalized(_distribution(entry)) in names),
        tuple(sorted(owner for key, owner in owners.items() if key not in names)),
        tuple(name for key, name in names.items() if key not in owners),
    )


def normalized(distribution: str) -> str:
    """Return the name of a distribution as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", distribution.strip()).lower()


def _distribution(entry_point: metadata.EntryPoint) -> str:
    dist = entry_point.dist
    return "an unknown distribution" if dist is None else dist.name


class Loader:
    """Loads plugins and calls their hooks.

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
        if entry_points is None:
            installed = metadata.entry_points(group=ENTRY_POINT_GROUP)
            self._wanted = wanted_plugins(installed, os.environ.get(LOAD_VARIABLE))
        else:
            self._wanted = wanted_plugins(entry_points)
        self.failures: list[LoadFailure] = []
        self.left_out = self._wanted.left_out
        self._traced = os.environ.get(TRACE_VARIABLE, "") not in ("", "0")
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)

    def backends(self) -> Iterator[tuple[str, Registered]]:
        """Load every plugin, and yield the extension point and the backend of each spec."""
        for name in BUILTIN_PLUGINS:
            plugin = importlib.import_module(name)
            for point, spec in self._registered(plugin, name, "tsnekit"):
                yield point, Registered(spec, name, "tsnekit", builtin=True)
        for entry_point in self._wanted.entry_points:
            dist, name = entry_point.dist, entry_point.name
            distribution = _distribution(entry_point)
            version = None if dist is None else dist.version
            for point, spec in self._loaded(entry_point, distribution):
                yield point, Registered(spec, name, distribution, version)
        for name in self._wanted.unknown:
            self.fail(name, name, f"{LOAD_VARIABLE} names it, but no plugin of it is installed")

    def fail(
        self, plugin: str, distribution: str, error: str, cause: BaseException | None = None
    ) -> None:
        """Leave a plugin, or one of its backends, out with a warning."""
        failure = LoadFailure(plugin, distribution, error)
        self.failures.append(failure)
        self._trace(f"{plugin} of {distribution}", f"left out, {error}")
        if self._traced and cause is not None:
            traceback.print_exception(cause)
        warn(f"plugin left out: {failure}", PluginWarning)

    def _loaded(
        self, entry_point: metadata.EntryPoint, distribution: str
    ) -> list[tuple[str, Spec]]:
        """Load a plugin and return its specs; none if anything in it fails."""
        name, start = entry_point.name, time.perf_counter()
        try:
            plugin = entry_point.load()
            self._trace(f"{name} of {distribution}", f"loaded {entry_point.value}", start)
            return list(self._registered(plugin, name, distribution))
        except FAILURES as error:
            self.fail(name, distribution, describe(error), error)
            return []

    def _registered(self, plugin: Any, name: str, distribution: str) -> Iterator[tuple[str, Spec]]:
        """Register a plugin, and yield its specs."""
        self._manager.register(plugin, name=f"{distribution}:{name}")
        callers = self._manager.get_hookcallers(plugin) or ()
        if not callers:
            # pluggy accepts a module without hooks in silence.
            message = "nothing in it is marked with tsnekit.hookspecs.hookimpl"
            self.fail(name, distribution, message)
        for caller in callers:
            if caller.name not in _POINT_OF_HOOK:
                hint = did_you_mean(caller.name, _POINT_OF_HOOK)
                self.fail(name, distribution, f"{caller.name!r} is not a hook of tsnekit{hint}")
                continue
            point = _POINT_OF_HOOK[caller.name]
            for hook in caller.get_hookimpls():
                if hook.plugin is plugin:
                    for spec in self._specs(hook.function, point, name, distribution):
                        yield point, spec

    def _specs(self, hook: Any, point: str, name: str, distribution: str) -> Iterator[Spec]:
        """Call a hook, and yield the specs that it returns; none if it fails."""
        start = time.perf_counter()
        hook_name, wanted = KINDS[point].hook, KINDS[point].__name__
        try:
            returned = hook()
            if not isinstance(returned, Iterable):
                what = type(returned).__name__
                raise TypeError(f"{hook_name} must yield or list its specs; it returned {what}")
            specs = list(returned)
        except FAILURES as error:
            self.fail(name, distribution, describe(error), error)
            return
        names = ", ".join(str(getattr(spec, "name", repr(spec))) for spec in specs)
        self._trace(f"{name} of {distribution}", f"{hook_name}() -> {names or 'nothing'}", start)
        for spec in specs:
            if isinstance(spec, KINDS[point]):
                yield spec
            else:
                self.fail(
                    name, distribution, f"{hook_name} must yield {wanted} objects, got {spec!r}"
                )

    def _trace(self, plugin: str, what: str, start: float | None = None) -> None:
        if self._traced:
            taken = "" if start is None else f" ({(time.perf_counter() - start) * 1e3:.1f} ms)"
            print(f"tsnekit: {plugin}: {what}{taken}", file=sys.stderr)
