"""Exact repulsion on PyTorch for tsnekit.

This module is imported whenever tsnekit looks for plugins. It does not import PyTorch.
"""

from tsnekit.hookspecs import hookimpl
from tsnekit.specs import GradientSpec

__all__ = ["tsnekit_gradient_methods"]


@hookimpl
def tsnekit_gradient_methods():
    """Yield the spec of the method, with all its capabilities."""
    yield GradientSpec(
        name="torch",
        factory="tsnekit_torch.repulsion:TorchRepulsionMethod",
        summary="every pair, on a CPU or a CUDA device (PyTorch)",
        requires=("torch",),
        n_components=None,
        any_dof=True,
        reference=True,
        exact=True,
    )
