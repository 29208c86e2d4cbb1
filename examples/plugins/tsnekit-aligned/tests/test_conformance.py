"""The force term keeps tsnekit's contract."""

import numpy as np

from tsnekit.testing import ForceTermConformance


class TestAligned(ForceTermConformance):
    name = "aligned"

    def options_for(self, n_samples, n_components):
        """Return positions for most rows, and pairs of rows, some of them in several pairs."""
        rng = np.random.default_rng(n_samples)
        positions = rng.normal(size=(n_samples, n_components)) * 10
        positions[::3] = np.nan
        return {"positions": positions, "matches": rng.integers(n_samples, size=(n_samples, 2))}
