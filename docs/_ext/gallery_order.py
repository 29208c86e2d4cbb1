"""The order of the gallery: from a first map to large ones."""

from __future__ import annotations

__all__ = ["GalleryOrder"]

ORDER = (
    "plot_digits.py",
    "plot_side_by_side.py",
    "plot_transform.py",
    "plot_pin_and_extend.py",
    "plot_distances_and_graphs.py",
    "plot_sparse_text.py",
    "plot_animation.py",
    "plot_diagnostics.py",
    "plot_large.py",
    "plot_mnist.py",
)


class GalleryOrder:
    """The key by which sphinx-gallery sorts. Each example must be in `ORDER`."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __call__(self, name: str) -> int:
        """Return the place of an example."""
        return ORDER.index(name)
