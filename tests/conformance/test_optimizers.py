"""The built-in optimizers keep the contract."""

from typing import Any, ClassVar

from tsnekit.testing import OptimizerConformance


class TestMomentum(OptimizerConformance):
    name = "momentum"


class TestAccelerated(OptimizerConformance):
    name = "accelerated"


class TestAcceleratedAtOnce(OptimizerConformance):
    name = "accelerated"
    options: ClassVar[dict[str, Any]] = {"growth": 1.0}
