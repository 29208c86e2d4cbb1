"""Benchmarks for asv: ``asv run --python=same`` measures the installed package.

Whatever backend is registered, built-in or not, is measured beside the others: install a plugin,
and its rows are there. ``TSNEKIT_BENCH_MAX_ROWS=3000`` gives a quick look. A comparison with other
implementations of t-SNE is apart from these: see `benchmarks.peers`.
"""

import sys
from pathlib import Path

# What is installed is measured, not the sources beside this folder, which have no native modules.
_root = Path(__file__).resolve().parents[1]
sys.path.sort(key=lambda entry: Path(entry).resolve() == _root)
