"""From a name to a backend: who is installed, which one to choose, how to build it."""
