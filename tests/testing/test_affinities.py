"""The conformance suite of affinity kernels finds the faults that it promises to find."""

import numpy as np
import pytest

from tsnekit.plugins.affinities.perplexity import PerplexityKernel
from tsnekit.testing import AffinityKernelConformance


class Faulty:
    """Weights exp(-d) with one fault, or without a fault."""

    def __init__(self, fault):
        self.fault = fault
        self.calls = 0

    def n_neighbors(self, n_samples):
        if self.fault == "wants more rows than there are":
            return 30
        if self.fault == "counts in floats":
            return min(30.0, n_samples - 1.0)
        return min(30, n_samples - 1)

    def weights(self, distances, *, n_jobs=1):
        self.calls += 1
        if self.fault == "writes to the distances":
            distances.flags.writeable = True
            distances -= distances[:, :1]
        d = distances.astype(float)
        if self.fault != "exp underflows":
            d = d - d[:, :1]
        if self.fault == "scaled by all rows":
            d = d / max(d.mean(), 1e-300)
        elif self.fault == "0 / 0 for equal distances":
            with np.errstate(invalid="ignore"):
                d = d / d.max(axis=1, keepdims=True)
        w = np.exp(-np.minimum(d, 1e4))
        if self.fault == "the farthest counts most":
            w = w[:, ::-1].copy()
        if self.fault == "the nearest counts most":
            w[:, 0] *= 2
        if self.fault == "remembers calls":
            w[:, 0] *= self.calls
        if self.fault == "depends on threads":
            w[:, 0] *= n_jobs
        with np.errstate(invalid="ignore"):
            w /= 1 if self.fault == "does not sum to 1" else w.sum(axis=1, keepdims=True)
        return w if self.fault == "64 bits" else w.astype(np.float32)


class Suite(AffinityKernelConformance):
    name = "unused"


RNG = np.random.default_rng(0)


def distances():
    return np.sort(RNG.gamma(9.0, size=(200, 30)).astype(np.float32), axis=1)


@pytest.mark.parametrize(
    ("fault", "test", "arguments"),
    [
        ("wants more rows than there are", "test_number_of_neighbors", [10]),
        ("counts in floats", "test_number_of_neighbors", [1_000]),
        ("does not sum to 1", "test_weights_are_distributions", [distances()]),
        ("64 bits", "test_weights_are_distributions", [distances()]),
        ("exp underflows", "test_any_unit", [distances(), 1e3]),
        ("0 / 0 for equal distances", "test_all_neighbors_equally_far", [distances(), 1.0]),
        ("the nearest counts most", "test_all_neighbors_equally_far", [distances(), 1.0]),
        ("the farthest counts most", "test_nearer_neighbors_weigh_no_less", [distances()]),
        ("writes to the distances", "test_leaves_distances_as_they_are", [distances()]),
        ("remembers calls", "test_is_pure", [distances()]),
        ("scaled by all rows", "test_rows_do_not_depend_on_one_another", [distances()]),
        ("depends on threads", "test_same_bits_for_any_n_jobs", [distances(), 2]),
    ],
)
def test_a_fault_is_found(fault, test, arguments):
    arguments = [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]
    getattr(Suite(), test)(Faulty(None), *arguments)
    with pytest.raises(AssertionError):
        getattr(Suite(), test)(Faulty(fault), *arguments)


def test_a_kernel_of_another_interface_is_found():
    Suite().test_is_an_affinity_kernel(PerplexityKernel())
    with pytest.raises(AssertionError):
        Suite().test_is_an_affinity_kernel(object())
