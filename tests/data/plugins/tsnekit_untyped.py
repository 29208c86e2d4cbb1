"""A plugin that yields something else than specs, and has a hook that nobody calls."""

from tsnekit.hookspecs import hookimpl


@hookimpl
def tsnekit_optimizers():
    yield {"name": "untyped"}


@hookimpl
def tsnekit_optimisers():
    return ()
