"""The exceptions and warnings that tsnekit raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsnekit._embedding.base import BaseEmbedding

__all__ = [
    "BackendUnavailableError",
    "ClusterError",
    "ContractError",
    "ConvergenceWarning",
    "InterruptedByUser",
    "OptimizationInterrupt",
    "PluginConflictError",
    "PluginError",
    "PluginWarning",
    "UnknownPluginError",
]


class PluginError(ValueError):
    """The requested plugin cannot be used."""


class UnknownPluginError(PluginError):
    """No plugin has the name that was given."""


class PluginConflictError(PluginError):
    """Two distributions claim the name that was given."""


class BackendUnavailableError(PluginError):
    """The plugin exists but cannot serve this problem on this machine."""


class ContractError(PluginError):
    """A backend returned something that its interface does not allow.

    The message names the backend, the distribution that it comes from, and what is wrong. The error
    is one of the backend, not of the data or of a parameter.
    """


class PluginWarning(UserWarning):
    """A plugin could not be loaded or registered; everything else still works."""


class ConvergenceWarning(UserWarning):
    """A numerical method stopped before it reached the requested accuracy."""


class ClusterError(RuntimeError):
    """A Dask cluster could not finish an optimization.

    Parameters
    ----------
    message : str
        What happened.
    checkpoint : str, optional
        The file with the map so far, if it could be had: an archive of NumPy with ``positions``,
        ``iteration``, ``exaggeration`` (not a number before the first iteration), and the arrays
        of the optimizer's state, whose names begin with ``optimizer_``.
    """

    def __init__(self, message: str, checkpoint: str | None = None) -> None:
        super().__init__(message)
        self.checkpoint = checkpoint

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.checkpoint)


class OptimizationInterrupt(InterruptedError):
    """Optimization was interrupted by a callback.

    Parameters
    ----------
    error : float
        The KL divergence of the embedding.
    final_embedding : TSNEEmbedding or PartialTSNEEmbedding
        The embedding at the moment of the interruption.
    """

    def __init__(self, error: float, final_embedding: BaseEmbedding) -> None:
        super().__init__(f"optimization was interrupted at a KL divergence of {error:.4f}")
        self.error = error
        self.final_embedding = final_embedding

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.error, self.final_embedding)


class InterruptedByUser(KeyboardInterrupt):
    """Ctrl-C ended the optimization; `final_embedding` holds the map.

    Parameters
    ----------
    final_embedding : TSNEEmbedding or PartialTSNEEmbedding
        The embedding after its last whole iteration.
    """

    def __init__(self, final_embedding: BaseEmbedding) -> None:
        super().__init__("optimization was interrupted by the user")
        self.final_embedding = final_embedding

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.final_embedding,)
