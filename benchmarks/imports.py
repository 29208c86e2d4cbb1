"""The time that an import of the package takes."""

import subprocess
import sys


class Import:
    params = ["tsnekit", "tsnekit._backends.registry", "tsnekit._facade.tsne"]
    param_names = ["module"]

    def time_import(self, module):
        subprocess.run([sys.executable, "-I", "-c", f"import {module}"], check=True)
