"""The native modules, which the installed package has and the sources do not have."""

import importlib.util

if importlib.util.find_spec("tsnekit._native.system") is None:
    raise ImportError(
        f"tsnekit has no native modules in {__path__[0]}: Python found the sources of tsnekit "
        "before the installed package. Start Python in another folder"
    )
