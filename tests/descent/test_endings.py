"""When phases end by themselves, and within which bounds."""

import numpy as np
import pytest

from tsnekit._descent.endings import (
    FixedLength,
    SmallChange,
    SteepestFall,
    check_iterations,
    ending_of_early,
)
from tsnekit._descent.parameters import DescentParameters


def run(ending, divergence):
    """Return the iterations that a phase takes, and what ends it, as the loop finds them."""
    for iteration in range(ending.at_most):
        if ending.looks_at(iteration):
            reason = ending.reason(iteration, divergence(iteration))
            if reason is not None:
                return iteration, reason
    return ending.at_most, ending.reason_at_most


def falling(start, middle, width):
    """A divergence that falls from 6 to 3 around an iteration."""
    return lambda t: start + (6 - start) / (1 + np.exp((t - middle) / width))


def test_a_fixed_length_never_asks_for_the_divergence():
    ending = FixedLength(7)
    assert not any(ending.looks_at(iteration) for iteration in range(7))
    assert run(ending, None) == (7, "it took the given number of iterations")


@pytest.mark.parametrize("middle", [25, 60, 120])
def test_the_first_phase_ends_behind_the_steepest_fall(middle):
    iterations, reason = run(SteepestFall(), falling(3, middle, 4))
    assert middle + 5 < iterations <= middle + 35
    assert reason == "the steepest fall of the KL divergence lay behind it"


@pytest.mark.parametrize(
    "divergence",
    [
        lambda t: 5.0,
        lambda t: 0.0,
        lambda t: 5.0 + t,
        lambda t: np.nan,
        lambda t: 6.0 - 1e-3 * t,  # falls, but never steeply
        lambda t: 0.98**t,  # falls as steeply as ever
    ],
)
def test_the_first_phase_takes_at_most_as_many_iterations_as_documented(divergence):
    assert run(SteepestFall(), divergence) == (250, "it took as many iterations as it may")
    assert run(SteepestFall(at_most=40), divergence)[0] == 40


def test_the_first_phase_takes_at_least_some_iterations():
    early = falling(3, 4, 1)
    assert run(SteepestFall(), early)[0] == 30
    assert run(SteepestFall(at_least=100), early)[0] == 100
    assert run(SteepestFall(at_least=0), early)[0] < 30


@pytest.mark.parametrize("tolerance", [0.1, 0.01, 0.001])
def test_the_second_phase_ends_when_the_divergence_changes_little(tolerance):
    def divergence(t):
        return 2 + 2 * np.exp(-t / 60)

    iterations, reason = run(SmallChange(tolerance), divergence)

    def change(t):
        return 1 - divergence(t) / divergence(t - 50)

    assert change(iterations) <= tolerance
    assert iterations == 100 or change(iterations - 25) > tolerance
    assert f"no more than {tolerance:g} of itself in 50 iterations" in reason


@pytest.mark.parametrize("divergence", [lambda t: 1.0, lambda t: 0.0, lambda t: -1e-9])
def test_the_second_phase_takes_at_least_some_iterations(divergence):
    assert run(SmallChange(0.01), divergence)[0] == 100
    assert run(SmallChange(0.01, at_least=150), divergence)[0] == 150
    assert run(SmallChange(0), divergence)[0] == 100


@pytest.mark.parametrize("divergence", [lambda t: 0.99**t, lambda t: 1.01**t, lambda t: np.nan])
def test_the_second_phase_takes_at_most_so_many_iterations(divergence):
    found = run(SmallChange(0.01), divergence)
    assert found == (1000, "it took as many iterations as it may")
    assert run(SmallChange(0.01, at_most=200), divergence)[0] == 200


def test_a_divergence_that_rises_is_no_small_change():
    assert run(SmallChange(0.01), lambda t: 1 + max(0, 300 - t) * -0.002)[0] > 290


def test_what_iterations_may_be():
    assert check_iterations("n_iter", "auto") == "auto"
    assert check_iterations("n_iter", 0) == 0
    for value, error, message in (
        ("automatic", ValueError, "n_iter must be an integer from 0 up or 'auto', got 'automatic'"),
        (-1, ValueError, "n_iter must be at least 0"),
        (2.5, TypeError, "n_iter must be an integer"),
        (None, TypeError, "n_iter must be an integer"),
    ):
        with pytest.raises(error, match=message):
            check_iterations("n_iter", value)


def test_numbers_of_iterations_and_auto_choose_the_ending():
    assert isinstance(ending_of_early("auto"), SteepestFall)
    assert ending_of_early(3).at_most == 3
    parameters = DescentParameters(tolerance=0.5)
    assert isinstance(parameters.ending_of_optimization(3), FixedLength)
    assert run(parameters.ending_of_optimization("auto"), lambda t: 0.99**t)[0] == 100


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"tolerance": -0.1}, ValueError, "tolerance must be at least 0"),
        ({"tolerance": "small"}, TypeError, "tolerance must be a real number"),
        ({"tolerance": np.nan}, ValueError, "tolerance"),
        ({"fade": 0}, ValueError, "fade must be greater than 0"),
        ({"fade": 1.5}, ValueError, "fade must be at most 1"),
        ({"fade": None}, TypeError, "fade must be a real number"),
    ],
)
def test_bad_options_name_themselves(changes, error, message):
    with pytest.raises(error, match=message):
        DescentParameters().replace(**changes)
