"""Callbacks: watching an optimization, and ending it.

A callback is called as ``callback(iteration, error, embedding)`` every `callbacks_every_iters`
iterations, with the iteration counted from 1 within the running call of `optimize`, the KL
divergence, and the live embedding; what it returns ends the optimization where it is true. A
callback that has a parameter named ``state`` is also given an `IterationState`. A method
``optimization_about_to_start()`` is called before the first iteration where there is one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tsnekit.errors import OptimizationInterrupt
from tsnekit.interfaces import Phase
from tsnekit.validation import short_repr

if TYPE_CHECKING:
    from tsnekit.embedding_base import BaseEmbedding

__all__ = ["Callback", "IterationState", "check_callbacks"]


@dataclass(frozen=True, kw_only=True)
class IterationState:
    """Where an optimization stands.

    Parameters
    ----------
    iteration : int
        Counted from 1 within the running call of `optimize`.
    global_iteration : int
        Counted from 1 over the whole life of the embedding.
    phase : Phase
        The parameters in force.
    error : float
        The KL divergence.
    """

    iteration: int
    global_iteration: int
    phase: Phase
    error: float


class Callback:
    """Base class of callbacks that want to know when an optimization starts."""

    def optimization_about_to_start(self) -> None:
        """Prepare for an optimization."""

    def __call__(self, iteration: int, error: float, embedding: BaseEmbedding) -> bool | None:
        """Look at the embedding; return True to end the optimization."""
        raise NotImplementedError


def check_callbacks(callbacks: Any) -> list[Callable[..., Any]]:
    """Return callbacks, one or several or None, as a list.

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
    """Calls every callback, and ends the optimization where any of them asks for it.

    Parameters
    ----------
    callbacks : list of callable
    embedding : TSNEEmbedding or PartialTSNEEmbedding
    """

    def __init__(self, callbacks: list[Callable[..., Any]], embedding: BaseEmbedding) -> None:
        self._callbacks = [(each, _wants_state(each)) for each in callbacks]
        self._embedding = embedding

    def start(self) -> None:
        """Tell the callbacks that wish to know."""
        for callback, _ in self._callbacks:
            about_to_start = getattr(callback, "optimization_about_to_start", None)
            if about_to_start is not None:
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


def _wants_state(callback: Callable[..., Any]) -> bool:
    try:
        return "state" in inspect.signature(callback).parameters
    except (TypeError, ValueError):  # some builtins have no signature
        return False
