"""Exaggeration that fades from one iteration to the next."""

import numpy as np
import pytest

from tsnekit._descent.course import Course
from tsnekit._descent.endings import FixedLength
from tsnekit.interfaces import Phase


def course(*, exaggeration=1.0, rate=1200.0, learning_rate="auto", fade=0.25):
    phase = Phase(
        name="test", n_iter=9, learning_rate=rate, momentum=0.8, exaggeration=exaggeration
    )
    return Course(
        phase=phase, ending=FixedLength(9), fade=fade, learning_rate=learning_rate, n_auto=1200
    )


def values(course, before, n=12):
    found = []
    for _ in range(n):
        phase = course.after(before)
        found.append((phase.exaggeration, phase.learning_rate))
        before = phase.exaggeration
    return found


def test_exaggeration_fades_by_its_share_and_auto_follows():
    found = values(course(), 8.0)
    expected = np.maximum(8 * 0.75 ** np.arange(1, 13), 1.0)
    np.testing.assert_allclose([exaggeration for exaggeration, _ in found], expected)
    np.testing.assert_allclose([rate for _, rate in found], 1200 / expected)
    assert found[-1] == (1.0, 1200.0)


def test_a_learning_rate_that_was_given_stays():
    found = values(course(learning_rate=7.0, rate=7.0), 8.0)
    assert {rate for _, rate in found} == {7.0}


@pytest.mark.parametrize(
    ("exaggeration", "before", "fade"),
    [(1.0, None, 0.25), (12.0, None, 0.25), (12.0, 1.0, 0.25), (1.0, 12.0, 1), (2.0, 2.0, 0.25)],
)
def test_otherwise_the_phase_is_in_force_at_once(exaggeration, before, fade):
    here = course(exaggeration=exaggeration, fade=fade)
    assert here.after(before) is here.phase
