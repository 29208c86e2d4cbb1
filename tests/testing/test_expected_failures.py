"""Lists of expected failures: each names a test, has a reason, and must still fail."""

import pytest

from tsnekit.testing import AffinityKernelConformance

pytest_plugins = ["pytester"]

SUITE = """
from tsnekit.testing.base import Conformance

class TestMine(Conformance):
    point, name = "optimizer", "momentum"
    expected_failures = {expected!r}

    def test_wrong(self):
        assert False

    def test_right(self):
        pass

    def pytest_generate_tests(self, metafunc):
        if "case" in metafunc.fixturenames:
            metafunc.parametrize("case", [1, 2])

    def test_some(self, case):
        assert case == 1
"""


def outcomes(pytester, expected):
    pytester.makepyfile(SUITE.format(expected=expected))
    return pytester.runpytest_inprocess("-p", "no:cacheprovider").parseoutcomes()


def test_known_failures_fail_as_expected(pytester):
    expected = {"test_wrong": "it is", "test_some[2]": "2 is not 1"}
    assert outcomes(pytester, expected) == {"passed": 5, "xfailed": 2}


def test_without_a_list_failures_are_failures(pytester):
    assert outcomes(pytester, {}) == {"passed": 5, "failed": 2}


@pytest.mark.parametrize("expected", ["test_right", "test_some[1]", "test_some"])
def test_what_passes_after_all_fails_the_suite(pytester, expected):
    found = outcomes(pytester, {"test_wrong": "it is", "test_some[2]": "so", expected: "fixed"})
    assert found["failed"] == 1


def test_a_test_that_does_not_exist_is_an_error():
    with pytest.raises(TypeError, match="TestMine has no test 'test_colour'"):
        type("TestMine", (AffinityKernelConformance,), {"expected_failures": {"test_colour": "x"}})


def test_a_failure_without_a_reason_is_an_error():
    with pytest.raises(TypeError, match="'test_pickles' has no reason"):
        type("TestMine", (AffinityKernelConformance,), {"expected_failures": {"test_pickles": ""}})
