"""Distances to neighbors, and the perplexity of weights."""

import numpy as np


def distances(n, k, seed=0):
    return np.sort(np.random.default_rng(seed).gamma(9, size=(n, k)).astype(np.float32), axis=1)


def effective_perplexity(weights):
    p = weights.astype(np.float64)
    p /= p.sum(axis=1, keepdims=True)
    return np.exp(-np.sum(p * np.log(np.where(p > 0, p, 1)), axis=1))
