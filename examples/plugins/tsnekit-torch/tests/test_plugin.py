"""The plugin is listed whether PyTorch is installed or not."""

import importlib.util
import subprocess
import sys

from tsnekit._backends.registry import default_registry


def test_says_what_is_missing():
    missing = default_registry().get("negative_gradient_method", "torch").spec.missing()
    installed = importlib.util.find_spec("torch") is not None
    assert missing == (() if installed else ("needs torch: pip install torch",))


def test_listing_plugins_imports_no_torch():
    code = (
        "import sys; from tsnekit._backends.registry import default_registry; "
        "default_registry().get('negative_gradient_method', 'torch'); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True)
