"""Force terms for tests: a quadratic pull, with faults if asked for, and a record of its calls."""

import numpy as np

__all__ = ["Pull", "PullForce"]


class Pull:
    """Half the mean squared distance from the origin, with a fault if one is asked for."""

    def __init__(self, *, strength=1.0, fault=None):
        self.strength = strength
        self.fault = fault

    def prepare(self, problem):
        if self.fault == "prepares nothing":
            return None
        if self.fault == "prepares itself":
            self.n = problem.n_samples
            self.table = np.random.default_rng(0 if problem.affinities is None else 1)
            self.shift = float(problem.neighbors.distances.mean())
            return self
        shared = problem.n_samples if problem.reference is None else 1
        if self.fault == "means of new points":
            shared = problem.n_samples
        return PullForce(self, shared, problem.n_jobs)

    # For a term that is its own force.

    def gradient(self, Y, out):
        out[:] = np.float32(self.strength * self.shift / self.n) * Y

    def loss(self, Y):
        return self.strength * self.shift / 2 / self.n * float((Y.astype(float) ** 2).sum())


class PullForce:
    def __init__(self, term, shared, n_jobs):
        self.strength, self.fault = term.strength, term.fault
        self.shared = shared
        self.n_jobs = n_jobs
        self.calls = 0

    def gradient(self, Y, out):
        self.calls += 1
        fault = self.fault
        if fault == "moves the points":
            Y *= np.float32(0.5)
        gradient = np.float32(self.strength / self.shared) * Y
        if fault == "uphill":
            gradient = -gradient
        if fault == "twice as long":
            gradient = 2 * gradient
        if fault == "off by 1 %":
            gradient = gradient * np.float32(1.01)
        if fault == "one axis":
            gradient[:, 0] = 0
        if fault == "leaves a row":
            out[:-1] = gradient[:-1]
            return None
        if fault == "not finite":
            with np.errstate(all="ignore"):
                gradient = gradient / np.zeros_like(gradient)
        if fault == "divides by the length":
            with np.errstate(all="ignore"):
                gradient = gradient * Y.std() / Y.std()
        if fault == "drifts with its calls":
            gradient = gradient * np.float32(1 + 1e-4 * self.calls)
        if fault == "depends on threads":
            gradient = gradient * np.float32(1 + 1e-6 * self.n_jobs)
        if fault == "new points feel one another":
            gradient = gradient + Y.mean(axis=0) / self.shared
        out[:] = gradient
        return Y if fault == "returns something" else None

    def loss(self, Y):
        loss = self.strength / 2 * float((Y.astype(float) ** 2).sum()) / len(Y)
        if self.fault == "loss is an array":
            return np.array([loss])
        if self.fault == "loss is not a number":
            return float("nan")
        return loss
