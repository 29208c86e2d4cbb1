"""Benchmarks for asv: ``asv run --python=same`` measures the installed package.

Every registered backend is measured. If a plugin is installed, the results include its backends.
``TSNEKIT_BENCH_MAX_ROWS=3000`` gives a quick look. `benchmarks.peers` compares other
implementations of t-SNE.
"""

import sys
from pathlib import Path

# Measure the installed package, not the sources beside this folder, which have no native modules.
_root = Path(__file__).resolve().parents[1]
sys.path.sort(key=lambda entry: Path(entry).resolve() == _root)
