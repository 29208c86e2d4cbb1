"""An optimizer: Nesterov's accelerated gradient, without gains."""

import numpy as np

from tsnekit.hookspecs import hookimpl
from tsnekit.specs import OptimizerSpec


@hookimpl
def tsnekit_optimizers():
    """List the optimizers of this module."""
    yield OptimizerSpec(
        name="nesterov",
        factory="tsnekit_nesterov:NesterovOptimizer",
        summary="Nesterov's accelerated gradient",
    )


class NesterovOptimizer:
    """Nesterov's momentum, in the form with the gradient at the current points."""

    def __init__(self):
        self.velocity = None

    def start(self, Y):
        """Set up fresh state."""
        self.velocity = np.zeros_like(Y)

    def step(self, Y, gradient, phase):
        """Move `Y` in place."""
        clip(gradient, phase.max_grad_norm)
        self.velocity *= phase.momentum
        self.velocity -= phase.learning_rate * gradient
        update = phase.momentum * self.velocity - phase.learning_rate * gradient
        clip(update, phase.max_step_norm)
        Y += update

    def state(self):
        """Return copies of the state, as arrays by name; nothing before `start`."""
        return {} if self.velocity is None else {"velocity": self.velocity.copy()}

    def restore(self, state):
        """Continue from a result of `state`."""
        self.velocity = np.array(state["velocity"]) if state else None


def clip(vectors, bound):
    """Shorten the rows that are longer than `bound`, in place."""
    if bound is not None:
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors *= bound / np.maximum(length, bound)
