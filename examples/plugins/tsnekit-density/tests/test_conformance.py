"""The force term keeps tsnekit's contract."""

from tsnekit.testing import ForceTermConformance


class TestDensity(ForceTermConformance):
    name = "density"
