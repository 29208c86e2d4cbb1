"""A plugin that yields objects that are not specs, and has a hook that does not exist."""

from tsnekit.hookspecs import hookimpl


@hookimpl
def tsnekit_optimizers():
    yield {"name": "untyped"}


@hookimpl
def tsnekit_optimisers():
    return ()
