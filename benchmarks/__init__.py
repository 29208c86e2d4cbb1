"""Benchmarks for asv: ``asv run --python=same`` measures the installed package.

Whatever backend is registered, built-in or not, is measured beside the others.
"""
