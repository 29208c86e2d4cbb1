"""The files of a new package for ``tsnekit new-plugin``, in which ``<<name>>`` is filled in."""

from __future__ import annotations

from tsnekit.cli._templates.data import AFFINITY, METRIC, NEIGHBORS
from tsnekit.cli._templates.maps import FORCE, GRADIENT, INITIALIZATION, OPTIMIZER

__all__ = ["KINDS", "PYPROJECT", "README", "TESTS"]

PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.18"]
build-backend = "hatchling.build"

[project]
name = "<<distribution>>"
version = "0.1.0"
description = "The <<what>> <<name>> for tsnekit"
readme = "README.md"
requires-python = ">=3.10"
dependencies = ["tsnekit>=0.1", "numpy>=1.24"]

[project.optional-dependencies]
test = ["tsnekit[testing]"]

[project.entry-points.tsnekit]
<<function>> = "<<module>>"

[tool.hatch.build.targets.wheel]
include = ["<<module>>.py"]
"""

README = """\
# <<distribution>>

The <<what>> `<<name>>` for tsnekit:

```python
from tsnekit import TSNE

embedding = TSNE(<<use>>).fit(X)
```

`pytest` runs its tests, and `tsnekit check <<name>>` prints a report for an issue.
"""

TESTS = '''\
"""The <<what>> keeps its contract, and does what it should."""

import numpy as np
from <<module>> import <<imported>>

from tsnekit.testing import <<suite>>


class Test<<class>>(<<suite>>):
    """The suite of tsnekit."""

    name = "<<name>>"
'''

KINDS = {  # by the parameter that takes the name
    "affinity": AFFINITY,
    "forces": FORCE,
    "initialization": INITIALIZATION,
    "metric": METRIC,
    "negative_gradient_method": GRADIENT,
    "neighbors": NEIGHBORS,
    "optimizer": OPTIMIZER,
}
