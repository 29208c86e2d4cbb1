"""Points to draw."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def points():
    return np.random.default_rng(0).normal(size=(200, 2))
