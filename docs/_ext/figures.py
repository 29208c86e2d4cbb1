"""What the pictures of the parameter guide share: the digits, and a way to draw maps in a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

__all__ = ["X", "labels", "show"]

X, labels = load_digits(return_X_y=True)


def show(maps: Mapping[Any, Any], **style: Any) -> None:
    """Draw maps side by side, each under its key.

    Parameters
    ----------
    maps : mapping of title to positions (n, 1) or (n, 2)
    **style
        In place of the defaults of `matplotlib.axes.Axes.scatter`.
    """
    fig, axes = plt.subplots(1, len(maps), figsize=(3.0 * len(maps), 3.2), squeeze=False)
    for ax, (title, positions) in zip(axes[0], maps.items(), strict=True):
        positions = np.asarray(positions)
        drawn = {"c": labels[: len(positions)], "cmap": "tab10", "s": 3, "linewidths": 0} | style
        if positions.shape[1] == 1:
            rng = np.random.default_rng(0)
            height = rng.uniform(-0.5, 0.5, size=len(positions)) * np.ptp(positions)
            positions = np.column_stack([positions[:, 0], 0.3 * height])
        ax.scatter(*positions.T, **drawn)
        ax.set_title(title, fontsize=10)
        # Squares of one size, whatever the shape of the map.
        middle = (positions.max(axis=0) + positions.min(axis=0)) / 2
        reach = 0.55 * np.ptp(positions, axis=0).max()
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
