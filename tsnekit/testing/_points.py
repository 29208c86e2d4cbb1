"""Positions for the suite of gradient methods: usual ones, odd ones, and how to divide them."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Points", "clusters", "cuts", "degenerate_inputs", "divided_inputs"]

Points: TypeAlias = NDArray[np.float32]


def clusters(n: int, d: int, seed: int = 0) -> Points:
    """Return points in clusters of unequal width, about as wide apart as in a finished map.

    With more dimensions, a map is narrower, and a grid over it takes longer.
    """
    rng = np.random.default_rng(seed)
    extent = 30 if d < 3 else 10
    centers = rng.uniform(-extent, extent, size=(8, d))
    widths = rng.uniform(0.5, 4, size=8)
    label = rng.integers(8, size=n)
    return (centers[label] + widths[label, None] * rng.normal(size=(n, d))).astype(np.float32)


def degenerate_inputs(d: int) -> dict[str, Points]:
    """Return embeddings on which implementations of t-SNE have failed."""
    points = clusters(200, d)
    duplicates = points.copy()
    duplicates[:60] = duplicates[0]
    outlier = points.copy()
    outlier[0] = 1e6
    return {
        "one point": points[:1],
        "two points": points[:2],
        "three points": points[:3],
        "all duplicates": np.full((200, d), 3.25, dtype=np.float32),
        "30% duplicates": duplicates,
        "collapsed start": (points * np.float32(1e-12) + np.float32(0.5)),
        "fresh initialization": points * np.float32(1e-4 / 30),
        "outlier": outlier,
    }


def divided_inputs(d: int) -> dict[str, Points]:
    """Return embeddings that several processes may share out, of all kinds that they meet."""
    points = clusters(400, d)
    outliers = points.copy()
    outliers[[3, 150, 399]] = np.array([[1e5], [-2e5], [3e4]], dtype=np.float32)
    return degenerate_inputs(d) | {
        "clusters": points,
        "outliers": outliers,
        "far too wide": points * np.float32(1e7),
    }


def cuts(n: int) -> list[list[int]]:
    """Return ways to divide n rows into slices, by where each begins and the last one ends."""
    rng = np.random.default_rng(n)
    at_random = [int(cut) for cut in rng.integers(0, n + 1, size=2)]
    return [[0, n], [0, 0, n], sorted([0, 1, *at_random, n])]
