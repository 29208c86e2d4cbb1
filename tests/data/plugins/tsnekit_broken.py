"""A plugin that fails to load."""

raise RuntimeError("the fake accelerator is on fire")
