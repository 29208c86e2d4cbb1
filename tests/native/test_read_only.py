"""Entry points take read-only inputs, such as the memory maps that worker processes get."""

import numpy as np
import pytest

from native import entry_points


def test_every_entry_point_is_called():
    called = [name for group in entry_points.GROUPS for name, _ in group()]
    assert sorted(called) == entry_points.NAMES


@pytest.mark.parametrize("group", entry_points.GROUPS)
def test_read_only_inputs(group):
    for _, call in group():
        copies = {name: value.copy() for name, value in call.reads.items()}
        for name in call.reads:
            call.reads[name].setflags(write=False)
        call()
        for name, before in copies.items():
            np.testing.assert_array_equal(call.reads[name], before)


@pytest.mark.parametrize("group", entry_points.GROUPS)
def test_read_only_outputs_are_refused(group):
    for _, call in group():
        for array in call.writes.values():
            array.setflags(write=False)
        if call.writes:
            with pytest.raises(ValueError, match="read-only"):
                call()
