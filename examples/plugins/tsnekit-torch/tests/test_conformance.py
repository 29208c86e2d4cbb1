"""The method keeps tsnekit's contract."""

from types import MappingProxyType

import pytest

from tsnekit.testing import GradientMethodConformance

pytest.importorskip("torch", reason="PyTorch is not installed")


class TestTorch(GradientMethodConformance):
    name = "torch"


class TestTorchInSmallBlocks(GradientMethodConformance):
    name = "torch"
    options = MappingProxyType({"device": "cpu", "pairs_per_block": 10_000})
