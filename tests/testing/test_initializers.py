"""The conformance suite of initializers finds the faults that it promises to find."""

import numpy as np
import pytest

from tsnekit.interfaces import InitSource
from tsnekit.specs import InitializerSpec
from tsnekit.testing import InitializerConformance


class Faulty:
    """The first columns of the data, with one fault, or without a fault."""

    def __init__(self, fault):
        self.fault = fault

    def __call__(self, source, n_components, rng):
        X = source.data
        if self.fault == "writes to the data":
            X.flags.writeable = True
            X -= X.mean(axis=0)
        X = X.toarray() if hasattr(X, "toarray") else X
        if self.fault == "stored values as a table" and hasattr(source.data, "indptr"):
            X = np.resize(source.data.data, X.shape)
        noise = np.random.default_rng() if self.fault == "its own random numbers" else rng
        Y = np.zeros((len(X), n_components + (self.fault == "one column more")))
        width = min(n_components, X.shape[1])
        Y[:, :width] = X[:, :width]
        Y += noise.normal(size=Y.shape) * 1e-4
        if self.fault == "NaN":
            Y[3] = np.nan
        if self.fault == "large":
            Y *= 100
        if self.fault == "equal rows in one place":
            Y = np.tile(X[:, :1], n_components)
        if self.fault == "flat":
            Y[:, -1] = 0
        if self.fault == "two points in one place":
            Y[1] = Y[0]
        if self.fault == "depends on threads":
            Y *= source.n_jobs
        return Y.astype(int) if self.fault == "integers" else Y


class Suite(InitializerConformance):
    name = "unused"
    max_std = 10.0


SPEC = InitializerSpec(name="faulty", factory="unused:unused", needs_data=True, sparse=True)


def source():
    rng = np.random.default_rng(0)
    return InitSource(n_samples=150, data=rng.normal(size=(150, 6)) * [5, 3, 2, 1, 1, 1])


@pytest.mark.parametrize(
    ("fault", "test", "arguments"),
    [
        ("one column more", "test_positions", [2]),
        ("NaN", "test_positions", [2]),
        ("flat", "test_positions", [3]),
        ("integers", "test_positions", [2]),
        ("large", "test_positions_are_small", []),
        ("two points in one place", "test_no_two_points_in_one_place", []),
        ("its own random numbers", "test_same_positions_for_the_same_seed", []),
        ("depends on threads", "test_same_bits_for_any_n_jobs", []),
        ("writes to the data", "test_leaves_its_source_as_it_is", []),
    ],
)
def test_a_fault_is_found(fault, test, arguments):
    getattr(Suite(), test)(Faulty(None), source(), *arguments)
    with pytest.raises(AssertionError):
        getattr(Suite(), test)(Faulty(fault), source(), *arguments)


def test_data_that_is_not_told_apart_is_found():
    for odd in ("duplicates", "all equal"):
        Suite().test_odd_data(SPEC, Faulty(None), odd)
        with pytest.raises(AssertionError):
            Suite().test_odd_data(SPEC, Faulty("equal rows in one place"), odd)


def test_wrong_use_of_sparse_data_is_found():
    Suite().test_sparse_data_where_claimed(SPEC, Faulty(None), source())
    with pytest.raises(AssertionError):
        Suite().test_sparse_data_where_claimed(SPEC, Faulty("stored values as a table"), source())


class Lax(InitializerSpec):
    def _refusals(self, problem):
        return []


LAX = Lax(name="lax", factory="unused:unused", needs_data=True)


def test_a_spec_that_accepts_no_data_is_found():
    with pytest.raises(AssertionError):
        Suite().test_refuses_a_source_without_what_it_needs(LAX)


def test_a_spec_that_accepts_sparse_data_is_found():
    with pytest.raises(AssertionError):
        Suite().test_sparse_data_where_claimed(LAX, Faulty(None), source())
