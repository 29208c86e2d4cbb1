"""Every extension point has one documented hook, and the name of the hook is in the spec."""

import inspect

from tsnekit import hookspecs
from tsnekit.specs import NAMED, POINTS

ALL = [*POINTS.values(), *NAMED.values()]


def test_hooks_and_specs_match_one_to_one():
    hooks = {name for name in vars(hookspecs) if name.startswith("tsnekit_")}
    assert hooks == {spec.hook for spec in ALL}


def test_hooks_take_nothing_and_are_documented():
    for spec in ALL:
        hook = getattr(hookspecs, spec.hook)
        assert not inspect.signature(hook).parameters
        assert hook.__doc__
