"""Conformance suites: what every backend must do, for plugin authors and built-ins alike."""
