"""What the conformance suites have in common."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

import pytest

from tsnekit._backends.options import kept_options
from tsnekit._backends.registry import default_registry
from tsnekit.specs import Spec
from tsnekit.testing._process import undisturbed

__all__ = ["Conformance", "untested"]


def untested(claim: str) -> NoReturn:
    """Skip a test of a claim that nobody can test, with a warning that says so."""
    warnings.warn(f"a claim is not tested: {claim}", UserWarning, stacklevel=2)
    pytest.skip(f"a claim is not tested: {claim}")


class Conformance:
    """A suite that tests one registered backend.

    Attributes
    ----------
    name : str
        The backend's registered name.
    options : mapping, default={}
        Options to build it with.
    expected_failures : mapping of str to str, default={}
        The tests that the backend is known to fail, each with a reason. A key is the name of a
        test, or the name with one case of it in brackets. A listed test that passes fails the
        suite, so that the list stays up to date.
    """

    point: ClassVar[str]
    name: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}
    expected_failures: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Check that each expected failure names an existing test and has a reason."""
        super().__init_subclass__(**kwargs)
        for test, reason in cls.expected_failures.items():
            name = test.partition("[")[0]
            if not name.startswith("test_") or not hasattr(cls, name):
                raise TypeError(f"expected_failures: {cls.__name__} has no test {name!r}")
            if not reason:
                raise TypeError(f"expected_failures: {test!r} has no reason")

    @pytest.fixture(autouse=True)
    def _expect_failure(self, request: pytest.FixtureRequest) -> None:
        for name in (request.node.name, request.node.originalname):
            if name in self.expected_failures:
                reason = self.expected_failures[name]
                request.applymarker(pytest.mark.xfail(reason=reason, strict=True))

    def use(self) -> None:
        """Use the backend as the core does; here, build it."""
        self.registered().load()(**self.options)

    def test_leaves_the_process_alone(self, capfd: pytest.CaptureFixture[str]) -> None:
        """Random states, environment, limits on threads and the like stay; nothing is printed."""
        for imports in (True, False):
            with undisturbed(capfd, imports=imports):
                self.use()

    def registered(self) -> Spec:
        """Find the spec by the name; what it requires must be installed."""
        spec = default_registry().get(self.point, self.name).spec
        missing = spec.missing()
        assert not missing, f"{self.name} cannot be tested: {'; '.join(missing)}"
        return spec

    def test_keeps_its_options(self) -> None:
        """The backend keeps each option in an attribute of its name, and can be built again."""
        kept_options(self.registered().load()(**self.options))

    def test_options_are_keyword_only(self) -> None:
        """Options have names and defaults, so that they can be checked before any work."""
        parameters = inspect.signature(self.registered().load()).parameters
        for option in parameters.values():
            assert option.kind is option.KEYWORD_ONLY, f"option {option} is not keyword-only"
            assert option.default is not option.empty, f"option {option} has no default"
        assert set(self.options) <= set(parameters), (
            "the suite has options that the backend does not have"
        )
