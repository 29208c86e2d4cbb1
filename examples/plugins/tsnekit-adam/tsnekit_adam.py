"""The Adam optimizer for tsnekit."""

import numpy as np

from tsnekit.hookspecs import hookimpl
from tsnekit.specs import OptimizerSpec

__all__ = ["Adam", "tsnekit_optimizers"]


@hookimpl
def tsnekit_optimizers():
    """Yield the spec of the optimizer."""
    yield OptimizerSpec(
        name="adam",
        factory="tsnekit_adam:Adam",
        summary="steps of much the same length for every coordinate (Adam)",
    )


class Adam:
    """Adaptive moment estimation.

    The momentum comes from the phase. Its learning rate is not used, because it fits steps that
    grow with the gradient, and Adam's steps do not.

    Parameters
    ----------
    step_size : float, default=0.5
        How far a coordinate moves in a step, in units of the map, while its gradient keeps its
        sign.
    beta : float, default=0.99
        How much of the mean square of the gradient stays from step to step, from 0 to below 1. The
        usual 0.999 remembers for too long how large the exaggerated gradients were.
    epsilon : float, default=1e-8
        Gradients much smaller than this number lead to smaller steps.

    References
    ----------
    D. P. Kingma, J. Ba. "Adam: a method for stochastic optimization". ICLR 2015.
    """

    def __init__(self, *, step_size=0.5, beta=0.99, epsilon=1e-8):
        if not step_size > 0:
            raise ValueError(f"step_size must be greater than 0, got {step_size!r}")
        if not 0 <= beta < 1:
            raise ValueError(f"beta must be from 0 to below 1, got {beta!r}")
        if not epsilon > 0:
            raise ValueError(f"epsilon must be greater than 0, got {epsilon!r}")
        self.step_size = step_size
        self.beta = beta
        self.epsilon = epsilon
        self._state = {}

    def start(self, Y):
        """Start with no memory of any gradient."""
        self._state = {
            "mean": np.zeros_like(Y),
            "square": np.zeros_like(Y),
            # The weights of the averages correct for their start at zero. They are state as well,
            # because a saved and loaded map must continue to the bit. They have no row for each
            # point, which tells tsnekit that they belong to all points.
            "weights": np.zeros(2),
        }

    def step(self, Y, gradient, phase):
        """Move `Y` in place by one step."""
        mean, square, weights = (self._state[name] for name in ("mean", "square", "weights"))
        if phase.max_grad_norm is not None:
            gradient = _bounded(gradient, phase.max_grad_norm)
        for average, new, keep in (
            (mean, gradient, phase.momentum),
            (square, gradient * gradient, self.beta),
        ):
            average *= keep
            average += np.float32(1 - keep) * new
        weights *= (phase.momentum, self.beta)
        weights += (1 - phase.momentum, 1 - self.beta)
        size = np.sqrt(square / np.float32(weights[1])) + np.float32(self.epsilon)
        step = np.float32(-self.step_size / weights[0]) * mean / size
        if phase.max_step_norm is not None:
            step = _bounded(step, phase.max_step_norm)
        Y += step

    def state(self):
        """Return copies of the averages and their weights."""
        return {name: array.copy() for name, array in self._state.items()}

    def restore(self, state):
        """Take over copies of what `state` returned."""
        self._state = {name: np.array(array) for name, array in state.items()}


def _bounded(vectors, bound):
    """Return the vectors, shortened to the bound if they are longer."""
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors * (np.float32(bound) / np.maximum(norm, np.float32(bound)))
