"""The report of `tsnekit.diagnostics.diagnose`, as numbers and as one figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tsnekit._drawing.paints import PALETTE
from tsnekit._drawing.plot import plot
from tsnekit._util.html import description
from tsnekit.diagnostics._trust import PointTrust

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Diagnostics"]

COLOR = PALETTE[0]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Diagnostics:
    """The measures of a map that `diagnose` returns.

    Parameters
    ----------
    positions : ndarray of shape (n_samples, n_components), float32
        The map.
    sampled : ndarray of shape (n_sampled,), int
        The rows on which neighbors were compared.
    n_neighbors : int
        Number of neighbors that were compared.
    neighbors_kept : float
        See the function `neighbors_kept`.
    neighbors_kept_of_row : ndarray of shape (n_sampled,)
        The share of neighbors kept for each of the rows.
    neighbors_kept_at : ndarray of shape (m,)
        The share kept of 1, 2, ... m neighbors.
    trustworthiness : float
        See the function `trustworthiness`, for the same number of neighbors.
    spearman, pearson : float
        See `distance_correlation`.
    data_distances, map_distances : ndarray of shape (n_pairs,)
        The distances that were correlated.
    kl_divergence : float
    other_losses : dict of str to float
        The loss of a gradient method with another objective, and those of force terms, by name.
    kl_iterations, kl_errors : ndarray of shape (n_calls,)
        The iterations and divergences that a `tsnekit.callbacks.KLHistory` recorded; empty without
        it.
    effective_perplexity : ndarray of shape (n_samples,)
        See the function `effective_perplexity`.
    perplexity_of : {"weights", "P"}
        What the effective perplexity was computed from.
    trust : PointTrust, optional
        Which of the sampled points keep more neighbors than chance would, if maps of shuffled data
        were made.
    """

    positions: NDArray[np.float32]
    sampled: NDArray[np.intp]
    n_neighbors: int
    neighbors_kept: float
    neighbors_kept_of_row: NDArray[np.float64]
    neighbors_kept_at: NDArray[np.float64]
    trustworthiness: float
    spearman: float
    pearson: float
    data_distances: NDArray[np.float64]
    map_distances: NDArray[np.float64]
    kl_divergence: float
    other_losses: dict[str, float]
    kl_iterations: NDArray[np.intp]
    kl_errors: NDArray[np.float64]
    effective_perplexity: NDArray[np.float64]
    perplexity_of: str
    trust: PointTrust | None = None

    def summary(self) -> dict[str, float]:
        """Return the numbers by name; arrays as their median, 5th and 95th percentile."""
        low, middle, high = np.percentile(self.effective_perplexity, [5, 50, 95])
        trust = {}
        if self.trust is not None:
            trust = {"doubtful_points": float(self.trust.doubtful.mean())}
        return {
            "n_samples": len(self.positions),
            "n_sampled": len(self.sampled),
            "n_neighbors": self.n_neighbors,
            "neighbors_kept": self.neighbors_kept,
            "trustworthiness": self.trustworthiness,
            "distance_correlation_spearman": self.spearman,
            "distance_correlation_pearson": self.pearson,
            "kl_divergence": self.kl_divergence,
            **{f"loss_{name}": value for name, value in self.other_losses.items()},
            "effective_perplexity_median": float(middle),
            "effective_perplexity_p5": float(low),
            "effective_perplexity_p95": float(high),
        } | trust

    def __str__(self) -> str:
        return "\n".join(f"{name:<30} {value:.6g}" for name, value in self.summary().items())

    def __repr__(self) -> str:
        return (
            f"<Diagnostics: {len(self.positions):,} points, {self.neighbors_kept:.1%} of "
            f"{self.n_neighbors} neighbors kept, trustworthiness {self.trustworthiness:.4f}, "
            f"KL divergence {self.kl_divergence:.4f}>"
        )

    def _repr_html_(self) -> str:
        facts = {name.replace("_", " "): f"{value:.6g}" for name, value in self.summary().items()}
        return description(f"Diagnostics of {len(self.positions):,} points", facts)

    def plot(self, labels: Any = None, figure: Figure | None = None) -> Figure:
        """Draw the map and the diagnostics on one figure.

        Parameters
        ----------
        labels : array-like of shape (n_samples,), optional
            Classes or values for the map. The default is which points are doubtful, if `trust`
            tells, or else the share of neighbors that each of the sampled rows keeps.
        figure : matplotlib Figure, optional
            Where to draw. The default is a new figure that pyplot does not know.

        Returns
        -------
        matplotlib Figure
        """
        return _draw(self, labels, figure)


def _draw(report: Diagnostics, labels: Any, figure: Figure | None) -> Figure:
    if figure is None:
        from tsnekit._drawing.page import Page

        figure = Page(figsize=(13, 7.5), layout="constrained")
    grid = figure.add_gridspec(2, 4)
    three = report.positions.shape[1] == 3
    _draw_map(figure.add_subplot(grid[:, :2], projection="3d" if three else None), report, labels)
    _draw_kept(figure.add_subplot(grid[0, 2]), report)
    _draw_distances(figure.add_subplot(grid[0, 3]), report)
    _draw_history(figure.add_subplot(grid[1, 2]), report)
    _draw_perplexity(figure.add_subplot(grid[1, 3]), report)
    return figure


def _draw_map(ax: Any, report: Diagnostics, labels: Any) -> None:
    components = None if report.positions.shape[1] <= 3 else (0, 1)
    if labels is not None:
        plot(report.positions, labels, ax, components=components)
        return
    if report.trust is not None:
        words = np.full(len(report.positions), "not sampled", dtype=object)
        words[report.sampled] = np.where(report.trust.doubtful, "doubtful", "trusted")
        title = f"{report.trust.doubtful.mean():.1%} of the points are doubtful"
        plot(report.positions, words, ax, components=components, title=title)
        return
    kept = np.full(len(report.positions), np.nan)
    kept[report.sampled] = report.neighbors_kept_of_row
    plot(
        report.positions,
        kept,
        ax,
        kind="continuous",
        limits=(0, 1),
        components=components,
        title=f"share of {report.n_neighbors} neighbors kept",
    )


def _draw_kept(ax: Any, report: Diagnostics) -> None:
    at = np.arange(1, len(report.neighbors_kept_at) + 1)
    ax.plot(at, report.neighbors_kept_at, color=COLOR)
    by_chance = at / (len(report.positions) - 1)
    ax.plot(at, by_chance, color="#888888", linestyle=":", label="by chance")
    ax.plot(report.n_neighbors, report.neighbors_kept, "o", color=COLOR)
    ax.set(ylim=(0, 1), xlabel="neighbors k", ylabel="share kept")
    ax.set_title(
        f"{report.n_neighbors} neighbors: {report.neighbors_kept:.1%} kept\n"
        f"trustworthiness {report.trustworthiness:.4f}"
    )
    ax.legend(frameon=False)


def _draw_distances(ax: Any, report: Diagnostics) -> None:
    from matplotlib.colors import LogNorm

    ax.hist2d(report.data_distances, report.map_distances, bins=80, norm=LogNorm(), cmap="viridis")
    ax.set(xlabel="distance in the data", ylabel="distance in the map")
    ax.set_title(f"distances: Spearman {report.spearman:.3f}\nPearson {report.pearson:.3f}")


def _draw_history(ax: Any, report: Diagnostics) -> None:
    losses = {"KL divergence": report.kl_divergence, **report.other_losses}
    ax.set_title("\n".join(f"{name} {value:.4f}" for name, value in losses.items()))
    ax.set(xlabel="iteration", ylabel="KL divergence")
    if len(report.kl_errors):
        ax.plot(report.kl_iterations, report.kl_errors, ".-", color=COLOR)
        ax.set_ylim(bottom=0)
    else:
        ax.set(xticks=[], yticks=[])
        ax.text(
            0.5, 0.5, "no history; see\ncallbacks.KLHistory", ha="center", transform=ax.transAxes
        )


def _draw_perplexity(ax: Any, report: Diagnostics) -> None:
    perplexity = report.effective_perplexity
    middle = np.median(perplexity)
    # Rows that differ only by rounding belong in one bar.
    low, high = min(perplexity.min(), 0.9 * middle), max(perplexity.max(), 1.1 * middle)
    ax.hist(perplexity, bins=41, range=(low, high), color=COLOR)
    of = "the weights" if report.perplexity_of == "weights" else "rows of P"
    ax.set(xlabel=f"effective perplexity of {of}", ylabel="rows")
    ax.set_title(f"perplexity: median {middle:.4g}")
