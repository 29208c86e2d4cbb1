"""The built-in backends, registered through the same hooks as those of other packages."""

BUILTIN_PLUGINS = (
    "tsnekit.plugins.neighbors",
    "tsnekit.plugins.affinities",
    "tsnekit.plugins.initializers",
    "tsnekit.plugins.gradients",
    "tsnekit.plugins.optimizers",
    "tsnekit.plugins.callbacks",
)
