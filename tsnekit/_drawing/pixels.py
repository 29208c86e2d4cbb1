"""Many points as an image: a pixel shows the most frequent class of its points, or their mean.

The number of pixels bounds the memory, and the time for each class, for any number of points.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PixelGrid", "opacity"]


class PixelGrid:
    """Pixels over a rectangle, and the points that cover each.

    Parameters
    ----------
    points : ndarray of shape (n, 2)
    low, high : ndarray of shape (2,)
        Corners of the rectangle, which holds all points.
    resolution : int
        Pixels on the longer side.
    radius : float
        Radius of a point, in pixels. A point covers the pixels within it.
    """

    def __init__(
        self,
        points: NDArray[np.float64],
        low: NDArray[np.float64],
        high: NDArray[np.float64],
        *,
        resolution: int,
        radius: float,
    ) -> None:
        reach = int(radius)
        pixel = float((high - low).max()) / resolution or 1.0
        across = np.maximum(np.ceil((high - low) / pixel), 1)
        # The margin is as wide as points reach beyond their own pixel.
        self._low = low - reach * pixel
        self._size = (across + 2 * reach) * pixel
        self.width, self.height = (across + 2 * reach).astype(int)
        self._columns, self._rows = (
            np.clip((points - low) / pixel, 0, across - 1).astype(np.intp).T + reach
        )
        # A disc is a run of pixels in each of its rows.
        self._reach = reach
        self._half_widths = np.sqrt(radius**2 - np.arange(-reach, reach + 1) ** 2).astype(int)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top."""
        (left, bottom), (across, up) = self._low, self._size
        return float(left), float(left + across), float(bottom), float(bottom + up)

    def counts(self, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return how many points cover each pixel, or their total weight; lowest row first."""
        return self._covered(self._columns, self._rows, self.width, self.height, weights)

    def majority(self, codes: NDArray[np.intp], n_codes: int) -> NDArray[np.intp]:
        """Return, for each pixel, the most frequent code of the points that cover it.

        `codes` are from 0 to `n_codes` - 1. The result is -1 where there is no point. Of two codes
        with equally many points, the lower code wins.
        """
        winners = np.full(self.width * self.height, -1, dtype=np.intp)
        most = np.zeros(self.width * self.height)
        order = np.argsort(codes, kind="stable")
        ends = np.cumsum(np.bincount(codes, minlength=n_codes))
        for code in np.unique(codes):
            members = order[ends[code - 1] if code else 0 : ends[code]]
            pixels, counts = self._pixels_under(self._columns[members], self._rows[members])
            more = counts > most[pixels]
            winners[pixels[more]] = code
            most[pixels[more]] = counts[more]
        return winners.reshape(self.height, self.width)

    def _pixels_under(
        self, columns: NDArray[np.intp], rows: NDArray[np.intp]
    ) -> tuple[NDArray[np.intp], NDArray[Any]]:
        """Return the pixels that some points cover, each once, and how many points cover each."""
        left, bottom = columns.min() - self._reach, rows.min() - self._reach
        width = int(columns.max()) + self._reach + 1 - left
        height = int(rows.max()) + self._reach + 1 - bottom
        disc = 2 * self._half_widths + 1
        if 4 * len(columns) * disc.sum() < width * height * len(disc):
            reach = np.arange(-self._reach, self._reach + 1)
            offsets = [
                dy * self.width + np.arange(-half, half + 1)
                for dy, half in zip(reach, self._half_widths, strict=True)
            ]
            own = rows * self.width + columns
            return np.unique(own[:, None] + np.concatenate(offsets), return_counts=True)
        counts = self._covered(columns - left, rows - bottom, width, height)
        up, across = np.nonzero(counts)
        return (up + bottom) * self.width + across + left, counts[up, across]

    def _covered(
        self,
        columns: NDArray[np.intp],
        rows: NDArray[np.intp],
        width: int,
        height: int,
        weights: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Return how many points, or how much weight, cover each pixel of a part of the image.

        The part has a margin without points, as wide as their reach.
        """
        reach = self._reach
        own = np.bincount(rows * width + columns, weights, minlength=width * height)
        # The sum over a run of pixels is the difference of two sums from the left edge.
        sums = np.zeros((height, width + 2 * reach + 1))
        own.reshape(height, width).cumsum(axis=1, out=sums[:, reach + 1 : reach + 1 + width])
        sums[:, reach + 1 + width :] = sums[:, [reach + width]]
        covered = np.zeros((height, width))
        for dy, half in zip(range(-reach, reach + 1), self._half_widths, strict=True):
            runs = sums[max(-dy, 0) : height - max(dy, 0)]
            part = covered[max(dy, 0) : height + min(dy, 0)]
            part += runs[:, reach + half + 1 :][:, :width]
            part -= runs[:, reach - half :][:, :width]
        return covered


def opacity(counts: NDArray[np.float64], least: float = 0.4) -> NDArray[np.float64]:
    """Return how opaque pixels are, by the logarithm of how many points cover each.

    The opacity is 0 where there is no point, `least` under a single point, and 1 where there are
    more points than in 95 % of the other covered pixels.
    """
    covered = counts > 0
    if not covered.any():
        return np.zeros_like(counts)
    full = max(float(np.quantile(counts[covered], 0.95)), 2.0)
    shade = np.log(np.maximum(counts, 1)) / np.log(full)
    return np.where(covered, least + (1 - least) * np.minimum(shade, 1), 0.0)
