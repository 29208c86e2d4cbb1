"""The digits, and a way to draw maps in a row, for the pictures of the parameter guide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from tsnekit._drawing.paints import PALETTE

__all__ = ["X", "labels", "show"]

X, labels = load_digits(return_X_y=True)


def show(maps: Mapping[Any, Any], *, digits: Any = None, beneath: Any = None) -> None:
    """Draw maps side by side, each under its key.

    Parameters
    ----------
    maps : mapping of title to positions (n, 1) or (n, 2)
    digits : array of shape (n,), optional
        Which digit each point is. The default is the digits of all rows.
    beneath : array of shape (m, 2), optional
        Points to draw in gray beneath the points of each map.
    """
    colors = np.array(PALETTE)[labels if digits is None else digits]
    fig, axes = plt.subplots(1, len(maps), figsize=(3.0 * len(maps), 3.2), squeeze=False)
    for ax, (title, positions) in zip(axes[0], maps.items(), strict=True):
        positions = drawn = _in_the_plane(np.asarray(positions))
        if beneath is not None:
            ax.scatter(*np.transpose(beneath), color="0.85", s=3, linewidths=0)
            drawn = np.concatenate([positions, beneath])
        ax.scatter(*positions.T, c=colors, s=3 if beneath is None else 6, linewidths=0)
        ax.set_title(title, fontsize=10)
        # Squares of one size, whatever the shape of the map.
        middle = (drawn.max(axis=0) + drawn.min(axis=0)) / 2
        reach = 0.55 * np.ptp(drawn, axis=0).max()
        ax.set(
            xticks=[],
            yticks=[],
            aspect="equal",
            xlim=(middle[0] - reach, middle[0] + reach),
            ylim=(middle[1] - reach, middle[1] + reach),
        )
        for spine in ax.spines.values():
            spine.set_color("0.8")
    fig.tight_layout()


def _in_the_plane(positions: np.ndarray) -> np.ndarray:
    """Return positions (n, 2). If there is only one dimension, the second one is random."""
    if positions.shape[1] > 1:
        return positions
    height = np.random.default_rng(0).uniform(-0.15, 0.15, size=len(positions))
    return np.column_stack([positions[:, 0], height * np.ptp(positions)])
