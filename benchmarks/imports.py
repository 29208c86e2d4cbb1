"""What it costs to import the package."""

import subprocess
import sys


class Import:
    params = ["tsnekit", "tsnekit.registry", "tsnekit.tsne"]
    param_names = ["module"]

    def time_import(self, module):
        subprocess.run([sys.executable, "-I", "-c", f"import {module}"], check=True)
