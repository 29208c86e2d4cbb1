"""All suites find options that tsnekit cannot check."""

import pytest

from tsnekit.specs import OptimizerSpec
from tsnekit.testing.base import Conformance


def positional(step_size=1.0):
    """Build nothing."""


def required(*, step_size):
    """Build nothing."""


def anything(**options):
    """Build nothing."""


class Right:
    """Keeps its option."""

    def __init__(self, *, step_size=1.0):
        self.step_size = step_size


class Forgetful:
    """Keeps its option by another name."""

    def __init__(self, *, step_size=1.0):
        self._step_size = step_size


class Suite(Conformance):
    def __init__(self, factory, **options):
        self.factory = factory
        self.options = options

    def registered(self):
        spec = OptimizerSpec(name="unused", factory="unused:unused")
        object.__setattr__(spec, "load", lambda: self.factory)
        return spec


def test_options_that_can_be_checked_pass():
    Suite(Right, step_size=2.0).test_options_are_keyword_only()
    Suite(Right, step_size=2.0).test_keeps_its_options()


def test_an_option_that_is_not_kept_is_found():
    with pytest.raises(TypeError, match="Forgetful must keep its option 'step_size'"):
        Suite(Forgetful).test_keeps_its_options()


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (positional, "is not keyword-only"),
        (required, "has no default"),
        (anything, "is not keyword-only"),
    ],
)
def test_options_that_cannot_be_checked_are_found(factory, message):
    with pytest.raises(AssertionError, match=message):
        Suite(factory).test_options_are_keyword_only()


def test_an_option_that_is_not_the_backends_is_found():
    with pytest.raises(
        AssertionError, match="the suite has options that the backend does not have"
    ):
        Suite(Right, step=2.0).test_options_are_keyword_only()
