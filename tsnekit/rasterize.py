"""Many points as an image: what is most, or on average, in each pixel, however many there are."""

from __future__ import annotations

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
        Radius of a point, in pixels; the pixels within it are covered.
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
        columns, rows = np.clip((points - low) / pixel, 0, across - 1).astype(np.int64).T + reach
        self._pixels = rows * self.width + columns
        steps = np.arange(-reach, reach + 1)
        dy, dx = (each.ravel() for each in np.meshgrid(steps, steps))
        within = dx**2 + dy**2 <= radius**2
        self._offsets = np.append((dy * self.width + dx)[within & ((dx != 0) | (dy != 0))], 0)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top."""
        (left, bottom), (across, up) = self._low, self._size
        return float(left), float(left + across), float(bottom), float(bottom + up)

    def counts(self, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return how many points cover each pixel, or the sum of their weights.

        Returns
        -------
        ndarray of shape (height, width)
            The lowest row first.
        """
        n_pixels = self.width * self.height
        own = np.bincount(self._pixels, weights, minlength=n_pixels).astype(float)
        covered = np.zeros(n_pixels)
        for offset in self._offsets:
            covered += np.roll(own, offset)  # the margin is empty: nothing comes round
        return covered.reshape(self.height, self.width)

    def majority(self, codes: NDArray[np.intp], n_codes: int) -> NDArray[np.intp]:
        """Return the code that most of the points have which cover a pixel.

        Parameters
        ----------
        codes : ndarray of shape (n,), int
            From 0 to `n_codes` - 1.
        n_codes : int

        Returns
        -------
        ndarray of shape (height, width), int
            -1 where there is no point; the lower code of those that are equally many.
        """
        keys, counts = np.unique(self._pixels * n_codes + codes, return_counts=True)
        spread = (keys[:, None] + self._offsets * n_codes).ravel()
        keys, where = np.unique(spread, return_inverse=True)
        counts = np.bincount(where.ravel(), np.repeat(counts, len(self._offsets))).astype(np.int64)
        pixels, starts = np.unique(keys // n_codes, return_index=True)
        # The largest of these has the highest count, and then the lowest code.
        ranked = counts * n_codes + (n_codes - 1 - keys % n_codes)
        winners = np.full(self.width * self.height, -1, dtype=np.intp)
        if len(ranked):
            winners[pixels] = n_codes - 1 - np.maximum.reduceat(ranked, starts) % n_codes
        return winners.reshape(self.height, self.width)


def opacity(counts: NDArray[np.float64], least: float = 0.4) -> NDArray[np.float64]:
    """Return how opaque pixels are, by the logarithm of how many points cover each.

    Parameters
    ----------
    counts : ndarray
    least : float, default=0.4
        Opacity under a single point.

    Returns
    -------
    ndarray
        From 0, where there is no point, to 1, where there are more than in 95 % of the pixels that
        have any.
    """
    covered = counts > 0
    if not covered.any():
        return np.zeros_like(counts)
    full = max(float(np.quantile(counts[covered], 0.95)), 2.0)
    shade = np.log(np.maximum(counts, 1)) / np.log(full)
    return np.where(covered, least + (1 - least) * np.minimum(shade, 1), 0.0)
