"""Callbacks: watching an optimization, and ending it.

A callback is called as ``callback(iteration, error, embedding)`` every `callbacks_every_iters`
iterations. `iteration` counts from 1 within the current call of `optimize`, `error` is the KL
divergence, and `embedding` is the embedding under optimization. The optimization ends if the
callback returns a true value. A callback with a parameter named ``state`` also gets an
`IterationState`, which also has other losses, such as those of force terms. If a callback has a
method ``optimization_about_to_start()``, this method is called before the first iteration. It gets
the embedding if it has a parameter ``embedding``.

The callbacks of this module are `ErrorLogger`, `KLHistory`, `Snapshots`, `Checkpoint`,
`StopOnConvergence` and `TimeLimit`. A fit calls callbacks in both of its phases, and the iteration
counts from 1 in each phase; the callbacks of this module use the global iteration.
"""

from __future__ import annotations

import inspect
import logging
import math
import os
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._util.validation import check_integer, check_real, short_repr
from tsnekit.errors import OptimizationInterrupt
from tsnekit.interfaces import Phase
from tsnekit.specs import KL_DIVERGENCE

if TYPE_CHECKING:
    from tsnekit._embedding.base import BaseEmbedding

__all__ = [
    "Callback",
    "Checkpoint",
    "ErrorLogger",
    "IterationState",
    "KLHistory",
    "Snapshots",
    "StopOnConvergence",
    "TimeLimit",
    "check_callbacks",
]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class IterationState:
    """Where an optimization stands.

    Parameters
    ----------
    iteration : int
        Counted from 1 within the current call of `optimize`.
    global_iteration : int
        Counted from 1 over all calls of `optimize`.
    phase : Phase
        The parameters in force.
    error : float
        The KL divergence.
    losses : mapping of str to float, optional
        All losses by name: "KL divergence", the loss of a gradient method with another objective,
        and that of each force term, without its weight.
    objective : str, default="KL divergence"
        The name of what is made small now, such as "KL divergence + 0.2 density".
    loss : float, optional
        The value of it; the KL divergence by default.
    """

    iteration: int
    global_iteration: int
    phase: Phase
    error: float
    losses: Mapping[str, float] = field(default_factory=dict)
    objective: str = KL_DIVERGENCE
    loss: float = math.nan

    def __post_init__(self) -> None:
        if not self.losses:
            object.__setattr__(self, "losses", {KL_DIVERGENCE: self.error})
            object.__setattr__(self, "loss", self.error)


class Callback:
    """Base class of callbacks that want to know when an optimization starts."""

    def optimization_about_to_start(self) -> None:
        """Prepare for an optimization."""

    def __call__(
        self,
        iteration: int,
        error: float,
        embedding: BaseEmbedding,
        state: IterationState,
    ) -> bool | None:
        """Look at the embedding; return True to end the optimization."""
        raise NotImplementedError


class ErrorLogger(Callback):
    """Logs the losses and the pace, as ``logging.INFO`` of logger ``tsnekit.callbacks``."""

    def optimization_about_to_start(self) -> None:
        """Start the clock."""
        self._iteration = 0
        self._time = time.perf_counter()

    def __call__(
        self, iteration: int, error: float, embedding: BaseEmbedding, state: IterationState
    ) -> None:
        """Log one line."""
        now = time.perf_counter()
        pace = (iteration - self._iteration) / max(now - self._time, 1e-9)
        self._iteration, self._time = iteration, now
        logger.info(
            "%s, iteration %d: %s, %.1f iterations per second",
            state.phase.name,
            state.global_iteration,
            ", ".join(f"{name} {value:.4f}" for name, value in state.losses.items()),
            pace,
        )


class KLHistory(Callback):
    """Keeps the KL divergences of one run, and other losses, for `tsnekit.diagnostics`.

    The history starts again when an iteration is not later than the one before.

    Attributes
    ----------
    iterations : list of int
        Global iterations of the calls.
    errors : list of float
        KL divergences, without exaggeration.
    losses : list of dict
        All losses by name; see `IterationState`.
    phases : list of str
        Names of the phases.
    """

    def __init__(self) -> None:
        self.iterations: list[int] = []
        self.errors: list[float] = []
        self.losses: list[dict[str, float]] = []
        self.phases: list[str] = []

    def __call__(
        self, iteration: int, error: float, embedding: BaseEmbedding, state: IterationState
    ) -> None:
        """Keep the divergence."""
        if self.iterations and state.global_iteration <= self.iterations[-1]:
            for kept in (self.iterations, self.errors, self.losses, self.phases):
                kept.clear()
        self.iterations.append(state.global_iteration)
        self.errors.append(error)
        self.losses.append(dict(state.losses))
        self.phases.append(state.phase.name)


class Snapshots(Callback):
    """Keeps copies of the positions, for example for an animation.

    Attributes
    ----------
    positions : list of ndarray of shape (n_samples, n_components), float32
    iterations : list of int
        Global iterations at which they were taken.
    errors : list of float
        KL divergences.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from tsnekit import TSNE
    >>> from tsnekit.callbacks import Snapshots
    >>> snapshots = Snapshots()
    >>> model = TSNE(callbacks=snapshots, callbacks_every_iters=250, random_state=0)
    >>> embedding = model.fit(load_iris().data)
    >>> snapshots.iterations
    [250, 500, 750]
    """

    def __init__(self) -> None:
        self.positions: list[NDArray[np.float32]] = []
        self.iterations: list[int] = []
        self.errors: list[float] = []

    def __call__(
        self, iteration: int, error: float, embedding: BaseEmbedding, state: IterationState
    ) -> None:
        """Keep a copy."""
        self.positions.append(np.array(embedding, subok=False))
        self.iterations.append(state.global_iteration)
        self.errors.append(error)


class Checkpoint(Callback):
    """Saves the embedding, so that a later process can continue it; see `tsnekit.load`.

    Parameters
    ----------
    path : path-like
        The file. Each checkpoint replaces it once the new file is complete. With ``{iteration}`` in
        the path, which stands for the global iteration, each checkpoint has its own file.
    data : bool, default=False
        Whether to include the data; see ``save`` of the embedding.
    """

    def __init__(self, path: str | os.PathLike[str], *, data: bool = False) -> None:
        self.path = path
        self.data = data

    def __call__(
        self, iteration: int, error: float, embedding: BaseEmbedding, state: IterationState
    ) -> None:
        """Save."""
        path = os.fspath(self.path).replace("{iteration}", str(state.global_iteration))
        embedding.save(path, data=self.data)


class StopOnConvergence(Callback):
    """Ends the optimization when the KL divergence hardly falls any more.

    If the map makes something else small, such as the sum with the losses of force terms, that
    counts in place of the divergence. When a force term begins or ends to act, the count begins
    anew. It never ends early exaggeration, where the divergence does not measure progress. Early
    exaggeration is every phase with a larger exaggeration than the embedding's own. The embedding's
    own exaggeration is that of the second phase of a fit.

    Parameters
    ----------
    tolerance : float, default=1e-3
        A call is without progress if the divergence has fallen by less than this share since the
        last call, `callbacks_every_iters` iterations ago.
    patience : int, default=2
        How many calls in a row without progress end the optimization.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from tsnekit import TSNE
    >>> from tsnekit.callbacks import StopOnConvergence
    >>> model = TSNE(n_iter=5000, callbacks=StopOnConvergence(), random_state=0)
    >>> model.fit(load_iris().data).state.iteration < 5000
    True
    """

    def __init__(self, tolerance: float = 1e-3, patience: int = 2) -> None:
        self.tolerance = check_real("tolerance", tolerance, at_least=0)
        self.patience = check_integer("patience", patience, at_least=1)

    def optimization_about_to_start(self) -> None:
        """Forget the previous phase."""
        self._last: float | None = None
        self._waited = 0
        self._objective = KL_DIVERGENCE

    def __call__(
        self, iteration: int, error: float, embedding: BaseEmbedding, state: IterationState
    ) -> bool:
        """Compare with the last call."""
        own = embedding.gradient_descent_params["exaggeration"]
        if state.phase.exaggeration > (1 if own is None else own):
            return False
        if state.objective != self._objective:
            self.optimization_about_to_start()
            self._objective = state.objective
        if self._last is not None:
            progress = self._last - state.loss > self.tolerance * abs(self._last)
            self._waited = 0 if progress else self._waited + 1
        self._last = state.loss
        return self._waited >= self.patience


class TimeLimit(Callback):
    """Ends the optimization after some time, at the next call of the callbacks.

    Parameters
    ----------
    seconds : float
        Counted from the start of the first phase in which the embedding is optimized with this
        object. Both phases of a fit share the time. For another embedding, and after `reset`, the
        clock starts again.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = check_real("seconds", seconds, above=0)
        self.reset()

    def reset(self) -> None:
        """Let the clock start with the next phase."""
        self._started: float | None = None
        self._embedding: weakref.ref[BaseEmbedding] | None = None

    def optimization_about_to_start(self, embedding: BaseEmbedding | None = None) -> None:
        """Start the clock, unless it runs for this embedding."""
        timed = None if self._embedding is None else self._embedding()
        if self._started is None or embedding is not timed:
            self._started = time.monotonic()
            self._embedding = None if embedding is None else weakref.ref(embedding)

    def __call__(
        self, iteration: int, error: float, embedding: BaseEmbedding, state: IterationState
    ) -> bool:
        """Look at the clock."""
        return self._started is not None and time.monotonic() - self._started >= self.seconds

    def __getstate__(self) -> dict[str, Any]:
        # The clock belongs to the process.
        return self.__dict__ | {"_started": None, "_embedding": None}


def check_callbacks(callbacks: Any) -> list[Callable[..., Any]]:
    """Return one callback, several callbacks or None as a list.

    Raises
    ------
    TypeError
        If one of them cannot be called.
    """
    if callbacks is None:
        return []
    found = [callbacks] if callable(callbacks) else callbacks
    if not isinstance(found, Sequence) or not all(callable(each) for each in found):
        raise TypeError(
            f"callbacks must be a callable or a list of callables, got {short_repr(callbacks)}"
        )
    return list(found)


class CallbackRunner:
    """Calls every callback, and ends the optimization if one of them asks for it.

    Parameters
    ----------
    callbacks : list of callable
    embedding : TSNEEmbedding or PartialTSNEEmbedding
    """

    def __init__(self, callbacks: list[Callable[..., Any]], embedding: BaseEmbedding) -> None:
        self._callbacks = [(each, _has_parameter(each, "state")) for each in callbacks]
        self._embedding = embedding

    def start(self) -> None:
        """Announce the start to the callbacks that have a method for it."""
        for callback, _ in self._callbacks:
            about_to_start = getattr(callback, "optimization_about_to_start", None)
            if about_to_start is None:
                continue
            if _has_parameter(about_to_start, "embedding"):
                about_to_start(embedding=self._embedding)
            else:
                about_to_start()

    def __call__(self, state: IterationState) -> None:
        """Call all callbacks.

        Raises
        ------
        OptimizationInterrupt
            If one of them returned a true value.
        """
        stop = False
        for callback, wants_state in self._callbacks:
            extra = {"state": state} if wants_state else {}
            stop = bool(callback(state.iteration, state.error, self._embedding, **extra)) or stop
        if stop:
            raise OptimizationInterrupt(state.error, self._embedding)


def _has_parameter(function: Callable[..., Any], name: str) -> bool:
    try:
        return name in inspect.signature(function).parameters
    except (TypeError, ValueError):  # some builtins have no signature
        return False
