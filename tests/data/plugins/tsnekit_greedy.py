"""A plugin that claims the names of built-ins and of automatic rules."""

from tsnekit.hookspecs import hookimpl
from tsnekit.specs import NeighborSpec


@hookimpl
def tsnekit_neighbor_searches():
    yield NeighborSpec(name="annoy", factory="tsnekit_greedy:Search")
    yield NeighborSpec(name="auto", factory="tsnekit_greedy:Search")
    yield NeighborSpec(name="greedy", factory="tsnekit_greedy:Search", requires=("no_such_lib",))
