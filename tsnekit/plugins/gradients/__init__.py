"""Built-in gradient methods."""

from __future__ import annotations

from collections.abc import Iterable

from tsnekit.hookspecs import hookimpl
from tsnekit.specs import GradientSpec


@hookimpl
def tsnekit_gradient_methods() -> Iterable[GradientSpec]:
    """Yield the built-in gradient methods."""
    yield GradientSpec(
        name="exact",
        factory="tsnekit.plugins.gradients.exact:ExactMethod",
        summary="every pair, in NumPy; the reference for the other methods",
        n_components=None,
        any_dof=True,
        reference=True,
        exact=True,
    )
    yield GradientSpec(
        name="barnes_hut",
        factory="tsnekit.plugins.gradients.barnes_hut:BarnesHutMethod",
        aliases=("bh", "BH", "barnes-hut"),
        summary="tree approximation, n log n",
        n_components=(1, 2, 3),
        any_dof=True,
        reference=True,
        separable=True,
    )
    yield GradientSpec(
        name="fft",
        factory="tsnekit.plugins.gradients.fft:FFTMethod",
        aliases=("FFT", "interpolation", "\N{LATIN SMALL LETTER I WITH GRAVE}nterpolation"),
        summary="interpolation on a grid and FFT convolution, linear in n",
        n_components=(1, 2),
        any_dof=True,
        reference=True,
        separable=True,
    )
    yield GradientSpec(
        name="mesh",
        factory="tsnekit.plugins.gradients.mesh:MeshMethod",
        summary="B-spline particle mesh of one scalar potential, linear in n",
        n_components=(1, 2, 3),
        any_dof=True,
        reference=True,
        separable=True,
    )
