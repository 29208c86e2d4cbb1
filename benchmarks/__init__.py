"""Benchmarks for asv: ``asv run --python=same`` measures the installed package.

Whatever backend is registered, built-in or not, is measured beside the others: install a plugin,
and its rows are there. ``TSNEKIT_BENCH_MAX_ROWS=3000`` gives a quick look. A comparison with other
implementations of t-SNE is apart from these: see `benchmarks.peers`.
"""
