"""Rows, and new rows, for the tests of affinities."""

import numpy as np
import pytest


@pytest.fixture(name="X")
def data():
    return np.random.default_rng(0).normal(size=(120, 4))


@pytest.fixture
def new():
    return np.random.default_rng(1).normal(size=(7, 4))
