"""The KL divergence of a map, which the workers compute as a phase without iterations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._descent.course import Course
from tsnekit._descent.endings import FixedLength
from tsnekit._descent.parameters import DescentParameters
from tsnekit.dask._blocks import Blocks
from tsnekit.dask._run import run_phase
from tsnekit.interfaces import Phase

__all__ = ["evaluate"]


def evaluate(
    client: Any,
    *,
    affinity_blocks: Sequence[Any],
    blocks: Blocks,
    positions: NDArray[np.float32],
    parameters: DescentParameters,
    **options: Any,
) -> float:
    """Return the KL divergence of a map, which the workers compute.

    Parameters
    ----------
    client, affinity_blocks, blocks, positions, parameters
        See `run_phase`.
    **options
        The time-outs, `workers` and `n_jobs` of `run_phase`.
    """
    phase = Phase(name="divergence", n_iter=0, learning_rate=1.0, momentum=0.0)
    result = run_phase(
        client,
        affinity_blocks=affinity_blocks,
        blocks=blocks,
        positions=positions,
        optimizer=_NoSteps(),
        optimizer_state={},
        course=Course(phase=phase, ending=FixedLength(0)),
        parameters=parameters.replace(callbacks=None),
        final_divergence=True,
        **options,
    )
    if result.interrupted:
        raise KeyboardInterrupt
    return result.divergence


class _NoSteps:
    """An optimizer for a map that stays."""

    def start(self, Y: NDArray[np.float32]) -> None:
        """Need no state."""

    def step(self, Y: NDArray[np.float32], gradient: NDArray[np.float32], phase: Phase) -> None:
        """Move nothing."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Return no state."""
        return {}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Need no state."""
