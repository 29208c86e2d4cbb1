"""A plugin that claims a name of another plugin."""

from tsnekit.hookspecs import hookimpl
from tsnekit.specs import OptimizerSpec


@hookimpl
def tsnekit_optimizers():
    yield OptimizerSpec(name="good_optimizer", factory="tsnekit_rival:Nothing")
    yield OptimizerSpec(name="rival_optimizer", factory="tsnekit_rival:Nothing")
