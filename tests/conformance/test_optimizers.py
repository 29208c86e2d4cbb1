"""The built-in optimizers keep the contract."""

from tsnekit.testing import OptimizerConformance


class TestMomentum(OptimizerConformance):
    name = "momentum"
