"""Make ``python -m tsnekit.cli`` do what ``tsnekit`` does."""

import sys

from tsnekit.cli import main

sys.exit(main())
