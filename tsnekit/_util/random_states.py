"""What `random_state` may be, and the generator that it stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

__all__ = ["as_random_state"]


def as_random_state(given: Any) -> np.random.RandomState:
    """Return the generator that a `random_state` stands for.

    Parameters
    ----------
    given : int, RandomState, Generator or None
        The numbers of a generator are drawn from it, so that the next call gets others. None is
        NumPy's global generator.

    Returns
    -------
    RandomState

    Raises
    ------
    ValueError
        If `given` is none of these.
    """
    if isinstance(given, np.random.Generator):
        return np.random.RandomState(given.bit_generator)
    return check_random_state(given)
