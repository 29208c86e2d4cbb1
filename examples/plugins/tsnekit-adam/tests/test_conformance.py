"""The optimizer keeps tsnekit's contract."""

from tsnekit.testing import OptimizerConformance


class TestAdam(OptimizerConformance):
    name = "adam"
    uses_learning_rate = False
